"""Demonstrations: one in-memory form, and the files it is read from."""

from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.load import load_demonstrations

__all__ = ["Demonstrations", "Episode", "load_demonstrations"]
