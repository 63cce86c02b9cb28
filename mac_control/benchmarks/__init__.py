"""Benchmarks, one module each; `mac-control benchmark NAME` runs it."""
