"""List the devices to drive with, and show the live values of one."""

from __future__ import annotations

import time
from dataclasses import dataclass

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.options import changed, only_with
from mac_control.teleop.device import DeviceError, device_names, make_device
from mac_control.teleop.options import DeviceSpec, parse_options


@dataclass
class Args:
    """List the devices that are installed and plugged in, and what the others need."""

    show: str | None = None
    """A device, such as gamepad:index=1: print its axes and buttons live, until interrupted."""
    options: str = ""
    """Options of that device, such as index=1 or kind=so101_leader,port=/dev/ttyACM0."""
    seconds: float | None = None
    """Stop showing after this time [s]."""


def main(args: Args) -> int | None:
    if args.show is None:
        for name in changed(args):
            raise only_with(name, "--show")
        names = device_names()
        width = max(map(len, names))
        for name in names:
            print(f"{name:<{width}}  {device_status(name)}")
        return None
    if args.seconds is not None and not args.seconds >= 0:
        raise InputError(f"seconds: expected a time of at least 0 s, got {args.seconds}")
    spec = DeviceSpec.parse(args.show)
    options = {**spec.options, **parse_options(args.options)}
    with make_device(spec.kind, **options) as device:
        if device.address is not None:
            print(f"{spec.kind} listens on {device.address}", flush=True)
        began = time.monotonic()
        while args.seconds is None or time.monotonic() - began < args.seconds:
            state = device.read()
            axes = "  ".join(f"{name} {x:+.2f}" for name, x in state.axes.items())
            silent = "  (silent)" if time.monotonic() - state.received > 0.5 else ""
            line = f"{axes or 'no axes'}  [{' '.join(sorted(state.buttons))}]{silent}"
            print(f"\r{line[:160]:<160}", end="", flush=True)
            time.sleep(0.05)
        print()
    return None


def device_status(name: str) -> str:
    """Whether a device is ready, or what it needs."""
    try:
        device = make_device(name, **({"port": 0} if name == "network" else {}))
    except (DeviceError, InputError) as error:
        return f"needs options: {error}"
    try:
        with device:
            device.read()
    except DeviceError as error:
        return f"missing: {error}"
    return "ready"


if __name__ == "__main__":
    run(main)
