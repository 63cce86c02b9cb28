"""A scripted expert for FrankaKitchen: demonstrations, corrections, and a private goal."""

from mac_control.expert.expert import ScriptedExpert

__all__ = ["ScriptedExpert"]
