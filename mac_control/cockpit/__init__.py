"""The cockpit: a web page to drive from."""

from mac_control.cockpit.cockpit import PATIENCE, Cockpit

__all__ = ["PATIENCE", "Cockpit"]
