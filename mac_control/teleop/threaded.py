"""A device that may block, read in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from mac_control.errors import one_line
from mac_control.teleop.device import Device, DeviceError, DeviceState


class ThreadedDevice(Device):
    """Answers at once with the latest state of a device that may block.

    While the device blocks, its state gets old, and the watchdog counts it as silent. If it
    fails, the next reading raises its error, and `connect` starts again.

    Args:
        device: the device to read.
        period: time between two readings [s].
    """

    def __init__(self, device: Device, period: float = 0.002) -> None:
        self.device, self.period = device, period
        self.axes, self.mapping = device.axes, device.mapping
        self._lock = threading.Lock()
        self._latest = DeviceState()
        self._tapped: frozenset[str] = frozenset()
        self._error: Exception | None = None
        self._targets: Mapping[str, float] | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def connect(self) -> None:
        if self._thread is not None and self._thread.is_alive():
            raise DeviceError(f"{type(self.device).__name__}: does not come back from a call")
        first, self._error = self._thread is None, None
        self._closing.clear()
        if first:  # a missing device is reported at once
            self.device.connect()
            self._latest = self.device.read()
        self._thread = threading.Thread(target=self._run, args=(first,), daemon=True)
        self._thread.start()

    def read(self) -> DeviceState:
        if self._error is not None:
            raise DeviceError(one_line(self._error)) from self._error
        with self._lock:
            tapped, self._tapped = self._tapped, frozenset()
            return replace(self._latest, buttons=self._latest.buttons | tapped)

    @property
    def layout(self) -> str:
        return self.device.layout

    def feedback(self, targets: Mapping[str, float]) -> None:
        self._targets = targets  # sent by the thread that reads

    def reset(self) -> None:
        self.device.reset()

    def close(self) -> None:
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=0.5)  # a blocked thread is left running
        if self._thread is None or not self._thread.is_alive():
            self.device.close()

    def _run(self, connected: bool) -> None:
        try:
            if not connected:
                self.device.connect()
            while not self._closing.is_set():
                self.device.idle = self.idle
                state = self.device.read()
                with self._lock:
                    self._latest = state
                    self._tapped |= state.buttons
                targets, self._targets = self._targets, None
                if targets is not None:
                    self.device.feedback(targets)
                time.sleep(self.period)
        except Exception as error:
            self._error = error
            with suppress(Exception):
                self.device.close()
