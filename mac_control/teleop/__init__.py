"""Teleoperation: devices, mappings to action dimensions, the real-time loop, recording."""

from mac_control.teleop.device import Device, DeviceError, DeviceState, device_names, make_device
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.mapping import Mapping, load_mapping, mapping_names
from mac_control.teleop.operator import DeviceOperator, MultiDeviceOperator
from mac_control.teleop.step import Step

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
