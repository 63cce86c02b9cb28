"""The cockpit: a web page to drive from."""

from mac_control.cockpit.cockpit import Cockpit

__all__ = ["Cockpit"]
