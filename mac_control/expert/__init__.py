"""A scripted expert for FrankaKitchen: demonstrations, corrections, and a private goal."""

from mac_control.expert.expert import ScriptedExpert
from mac_control.expert.skills import SKILLS, achieved

__all__ = ["SKILLS", "ScriptedExpert", "achieved"]
