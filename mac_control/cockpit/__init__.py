"""The cockpit: a web page to drive from."""
