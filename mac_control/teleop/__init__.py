"""Teleoperation: devices, mappings to action dimensions, the real-time loop, recording."""

from typing import TYPE_CHECKING

from mac_control.lazy import lazily

if TYPE_CHECKING:
    from mac_control.teleop.device import (
        Device,
        DeviceError,
        DeviceState,
        device_names,
        make_device,
    )
    from mac_control.teleop.loop import Teleoperation
    from mac_control.teleop.mapping import Mapping
    from mac_control.teleop.mapping_file import load_mapping, mapping_names
    from mac_control.teleop.operator import DeviceOperator, MultiDeviceOperator
    from mac_control.teleop.step import Step

# Light parts, such as the checks of an address, must not load a simulator.
__getattr__ = lazily(
    __name__,
    {
        "Device": "device",
        "DeviceError": "device",
        "DeviceState": "device",
        "device_names": "device",
        "make_device": "device",
        "Teleoperation": "loop",
        "Mapping": "mapping",
        "load_mapping": "mapping_file",
        "mapping_names": "mapping_file",
        "DeviceOperator": "operator",
        "MultiDeviceOperator": "operator",
        "Step": "step",
    },
)

__all__ = [
    "Device",
    "DeviceError",
    "DeviceOperator",
    "DeviceState",
    "Mapping",
    "MultiDeviceOperator",
    "Step",
    "Teleoperation",
    "device_names",
    "load_mapping",
    "make_device",
    "mapping_names",
]
