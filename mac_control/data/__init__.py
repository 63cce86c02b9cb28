"""Verbs of `mac-control data`, one module each."""
