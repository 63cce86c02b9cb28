"""The cockpit: a web page to drive from."""

from typing import TYPE_CHECKING

from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.cockpit.cockpit import PATIENCE, Cockpit

# Light parts, such as whether a port is free, must not load a simulator.
__getattr__ = lazily(__name__, {"PATIENCE": "cockpit", "Cockpit": "cockpit"})

__all__ = ["PATIENCE", "Cockpit"]
