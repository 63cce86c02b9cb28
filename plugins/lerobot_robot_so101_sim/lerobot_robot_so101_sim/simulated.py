"""What follower and leader share: an arm that exists while they are connected."""

from __future__ import annotations

from lerobot.utils.errors import DeviceNotConnectedError

from .arm import Arm


class Simulated:
    """LeRobot's interface of every device, for one without cables or calibration."""

    arm: Arm | None = None

    @property
    def is_connected(self) -> bool:
        return self.arm is not None

    @property
    def is_calibrated(self) -> bool:
        return True

    def calibrate(self) -> None: ...

    def configure(self) -> None: ...

    def disconnect(self) -> None:
        self.arm = None

    def _connected(self) -> Arm:
        if self.arm is None:
            raise DeviceNotConnectedError(f"{self} is not connected.")
        return self.arm
