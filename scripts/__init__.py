"""Command-line verbs; `mac-control VERB` runs the module of that name."""
