"""A LeRobot robot as an environment: observed and moved through its own class."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.dim_names import named_groups
from mac_control.errors import InputError, one_line
from mac_control.lerobot_kinds import make_lerobot
from mac_control.plugins import ROBOTS
from mac_control.robot import ActionDim, Robot

#: Control rate where neither a description nor the user states one; LeRobot's own default [Hz].
RATE = 30.0


class LeRobotEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """Steps a LeRobot `Robot` with `get_observation` and `send_action`.

    Observations are the numbers of its `observation_features`, in their order; pictures are left
    out. Actions are those of its `action_features`. Its own limits hold besides ours: what it
    reports as sent is in `info["sent"]` `(D,)`. A reset does not move it.

    The description of the robot is that of the entry-point group `mac_control.robots` for its kind,
    or follows from the calibration of its motors; for others `--robot FILE` states the ranges.

    Args:
        kind: LeRobot's name of the robot, e.g. `so101_follower`.
        robot: an instance of LeRobot's class `Robot`, instead of a kind.
        fps: control rate [Hz]; None: as its description says, or 30.
        max_episode_steps: length of an episode; None: until the operator ends it.
        options: fields of its configuration, such as `port` and `id`.

    Raises:
        InputError: neither kind nor robot, LeRobot is not installed, an unknown kind, or options
            that it does not take.
    """

    #: A real robot: limits are on by default, and a reset does not move it.
    real = True

    def __init__(
        self,
        kind: str | None = None,
        robot: Any = None,
        fps: float | None = None,
        max_episode_steps: int | None = None,
        **options: Any,
    ) -> None:
        if (kind is None) == (robot is None):
            raise InputError(
                "env lerobot: expected either kind or robot, got "
                + ("both" if kind else "neither; name one, as in lerobot:kind=so101_follower")
            )
        self.device: Any = _made(str(kind), options) if robot is None else robot
        self.kind = str(getattr(self.device, "name", kind))
        features = self.device.observation_features
        self.obs_keys = tuple(key for key, value in features.items() if _is_number(value))
        self.left_out = tuple(key for key in features if key not in self.obs_keys)
        self.action_keys = tuple(self.device.action_features)
        if not self.obs_keys or not self.action_keys:
            raise InputError(
                f"env lerobot: expected a robot that observes numbers and takes actions, got "
                f"{self.kind}"
            )
        self.max_episode_steps, self._steps = max_episode_steps, 0
        self.observation_space = Box(-np.inf, np.inf, (len(self.obs_keys),), np.float32)
        self.action_space = Box(-np.inf, np.inf, (len(self.action_keys),), np.float32)
        described = _described(self)
        self.fps = fps or (described.rate if described else None) or RATE
        if described is not None:
            self.robot = replace(described, rate=self.fps)
            self.action_space = Box(described.low, described.high)
        self.metadata = {**self.metadata, "render_fps": self.fps}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if not self.device.is_connected:
            self.device.connect(calibrate=False)
            if not self.device.is_calibrated:
                self.close()
                raise InputError(
                    f"env lerobot: expected {self.kind} to be calibrated; "
                    f"lerobot-calibrate --robot.type={self.kind} --robot.id=... does that"
                )
        self._steps = 0
        return self.observe(), {}

    def observe(self) -> np.ndarray:
        """The robot's current observation, `(O,)`."""
        seen = self.device.get_observation()
        return np.array([seen[key] for key in self.obs_keys], np.float32)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        asked = dict(zip(self.action_keys, np.asarray(action, float).tolist(), strict=True))
        sent = self.device.send_action(asked) or {}
        self._steps += 1
        late = self.max_episode_steps is not None and self._steps >= self.max_episode_steps
        told = [float(sent.get(key, asked[key])) for key in self.action_keys]
        return self.observe(), 0.0, False, late, {"sent": np.array(told, np.float32)}

    def close(self) -> None:
        if self.device.is_connected:
            self.device.disconnect()


def _made(kind: str, options: dict[str, Any]) -> Any:
    try:
        return make_lerobot("robot", kind, options)
    except ImportError as error:
        raise InputError(
            f"env lerobot: {one_line(error)}; pip install 'mac-control[lerobot]', and what "
            f"{kind} needs"
        ) from error


def _is_number(feature: Any) -> bool:
    return isinstance(feature, type) and issubclass(feature, (int, float, np.number))


def _described(env: LeRobotEnv) -> Robot | None:
    if env.kind in ROBOTS.installed():
        found = ROBOTS.load(env.kind)(env)
        if not isinstance(found, Robot):
            raise InputError(f"robot {env.kind}: expected a Robot, got {type(found).__name__}")
        return found
    ranges = motor_ranges(env.device)
    if any(key.removesuffix(".pos") not in ranges for key in env.action_keys):
        return None
    actions = []
    for key in env.action_keys:
        name = key.removesuffix(".pos")
        low, high, unit = ranges[name]
        position = env.obs_keys.index(key) if key in env.obs_keys else None
        kind = ActionDim.target_kind("gripper" in name, low, high)
        actions.append(ActionDim(key, low, high, kind, unit, name, position=position))
    groups = named_groups(env.action_keys)
    return Robot(env.kind, tuple(actions), groups, env.obs_keys)


def motor_ranges(device: Any) -> dict[str, tuple[float, float, str]]:
    """Ends of each motor's range and their unit, as LeRobot normalizes its motors.

    Motors are those of the robot's `bus`; empty where it has none. Ranges in degrees follow
    from the calibration, and are left out where there is none.
    """
    bus, found = getattr(device, "bus", None), {}
    for name, motor in getattr(bus, "motors", {}).items():
        mode = getattr(getattr(motor, "norm_mode", None), "name", "")
        if mode == "RANGE_0_100":
            found[name] = (0.0, 100.0, "%")
        elif mode == "RANGE_M100_100":
            found[name] = (-100.0, 100.0, "%")
        elif mode == "DEGREES" and name in (device.calibration or {}):
            at = device.calibration[name]
            turn = bus.model_resolution_table[motor.model] - 1  # steps in 360 degrees
            half = (at.range_max - at.range_min) / 2 * 360 / turn
            found[name] = (-half, half, "deg")
    return found
