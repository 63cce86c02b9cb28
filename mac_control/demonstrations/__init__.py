"""Demonstrations: one in-memory form, and readers and writers of files."""

from mac_control.demonstrations.episode import Demonstrations, Episode
from mac_control.demonstrations.lerobot.save import save_lerobot
from mac_control.demonstrations.load import load_demonstrations
from mac_control.demonstrations.minari_write import save_minari

__all__ = ["Demonstrations", "Episode", "load_demonstrations", "save_lerobot", "save_minari"]
