"""Demonstrations: one in-memory form, and the files it is read from."""

from mac_control.demonstrations.episode import Demonstrations, Episode

__all__ = ["Demonstrations", "Episode"]
