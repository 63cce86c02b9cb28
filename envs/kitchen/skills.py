"""The seven subtasks as geometry: where the finger tips should be, given where the objects are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from gymnasium_robotics.envs.franka_kitchen.kitchen_env import (
    BONUS_THRESH,
    OBS_ELEMENT_GOALS,
    OBS_ELEMENT_INDICES,
)

from mac_control.envs.kitchen.poses import Pose, facing, turn
from mac_control.simulator import mujoco

OPEN, SHUT = 0.04, 0.0  # finger positions [m]


@dataclass(frozen=True)
class Skill(ABC):
    """One subtask: approach from `before`, touch, move the object along, come away.

    Args:
        entry: index of the object's coordinate in `qpos`.
        goal: value of that coordinate at which the object is let go, beyond what the
            environment requires.
        hand: rotation `(3, 3)` of the hand at first touch.
        posture: arm joints `(7,)` preferred there [rad].
        before: from first touch back to where the approach begins, `(3,)` in the room [m].
        after: from last touch to where the hand is free again, `(3,)` in the room [m].
        opening: fingers while approaching [m].
        grip: fingers while moving the object [m].
        beside: from first touch to where the tips stop before it, `(3,)` [m].
        lead: how far ahead of the object the tips are sent, in its own coordinate.
    """

    entry: int
    goal: float
    hand: np.ndarray
    posture: tuple[float, ...]
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    opening: float
    grip: float
    lead: float
    beside: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def done(self, data: mujoco.MjData) -> bool:
        """Whether the object is where it should be."""
        return bool((self.goal - data.qpos[self.entry]) * np.sign(self.lead) <= 0)

    @abstractmethod
    def touch(self, data: mujoco.MjData, ahead: float) -> Pose:
        """Pose of the tips to hold the object `ahead` of its current coordinate."""


@dataclass(frozen=True)
class Swing(Skill):
    """Something on a vertical hinge: a door that is pulled, a switch that is pushed.

    Args:
        site: the handle. joint: the hinge.
        offset: from the handle to the tips when shut, `(3,)` in the room [m].
        follow: share of the door's turn that the hand makes too.
    """

    site: str = ""
    joint: str = ""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    follow: float = 0.5

    def touch(self, data: mujoco.MjData, ahead: float) -> Pose:
        anchor = data.joint(self.joint).xanchor
        arm = data.site(self.site).xpos - anchor
        hand = turn(self.follow * (data.qpos[self.entry] + ahead))
        return anchor + turn(ahead) @ arm + hand @ self.offset, hand @ self.hand


@dataclass(frozen=True)
class Slide(Skill):
    """Something that slides along x: the slide cabinet's door, pushed at its handle."""

    site: str = ""
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def touch(self, data: mujoco.MjData, ahead: float) -> Pose:
        hand = turn(-1.2 * (data.qpos[self.entry] + ahead)) @ self.hand  # as the elbow goes by
        return data.site(self.site).xpos + self.offset + [ahead, 0, 0], hand


@dataclass(frozen=True)
class Knob(Skill):
    """A knob's lever, pushed at `radius` above its axle from the left, round to the right."""

    site: str = ""
    radius: float = 0.033
    clearance: float = 0.03  # from the lever's middle plane to the tips' centre

    def touch(self, data: mujoco.MjData, ahead: float) -> Pose:
        lever = turn(-data.qpos[self.entry], "y")
        # Push straight into the lever: along the arc the tips would slip off its end.
        contact = lever @ [-self.clearance - ahead * self.radius, 0, self.radius]
        return data.site(self.site).xpos + contact, self.hand


@dataclass(frozen=True)
class Push(Skill):
    """The kettle, pushed across the stove at its body towards `place` (x, y)."""

    place: tuple[float, float] = (-0.23, 0.75)
    half: float = 0.122 + 0.012  # half the body, and the finger
    height: float = 0.085  # of the tips above the kettle's foot

    def touch(self, data: mujoco.MjData, ahead: float) -> Pose:
        kettle = data.qpos[23:26]
        way = np.array([self.place[0] - kettle[0], self.place[1] + 0.3 - kettle[1], 0.0])
        way /= np.linalg.norm(way)
        spot = kettle + way * (ahead - self.half) + [0, 0, self.height]
        return spot, turn(-0.5 * np.arctan2(way[0], way[1])) @ self.hand


SKILLS: dict[str, Skill] = {
    "microwave": Swing(
        entry=22, goal=-0.7, lead=-0.15, site="microhandle_site", joint="microwave",
        hand=facing([-0.23, 0.97, -0.08], [0.97, 0.23, 0.02]), offset=(-0.012, 0.03, 0.06),
        posture=(-1.2, -1.76, 1.8, -1.5, -0.6, 1.33, 2.3),
        before=(0.03, -0.13, 0.0), after=(0.06, -0.12, 0.0), opening=OPEN, grip=SHUT, follow=-0.45,
    ),
    "kettle": Push(
        entry=24, goal=0.6, lead=0.05, hand=facing([0.0, 0.98, -0.15], [1.0, 0.0, 0.0]),
        posture=(-0.6, -1.76, 2.1, -2.1, 0.4, 0.9, 1.8),
        before=(0.0, -0.1, 0.06), after=(0.0, -0.12, 0.08), opening=OPEN, grip=OPEN,
    ),
    "bottom burner": Knob(
        entry=11, goal=-0.75, lead=-1.6, site="knob2_site", radius=0.03,
        hand=facing([0.4, 0.88, 0.22], [0.9, -0.42, 0.0]),
        posture=(-1.35, -1.6, 1.4, -2.3, 0.1, 1.6, 1.5),
        before=(-0.04, -0.12, 0.01), after=(-0.03, -0.12, 0.0), opening=SHUT, grip=SHUT,
        beside=(-0.02, 0.0, 0.0),
    ),
    "top burner": Knob(
        entry=15, goal=-0.75, lead=-1.6, site="knob4_site",
        hand=facing([0.4, 0.88, 0.22], [0.9, -0.42, 0.0]),
        posture=(-1.35, -1.6, 1.35, -2.2, 0.1, 1.6, 1.5),
        before=(-0.04, -0.12, 0.01), after=(-0.03, -0.12, 0.0), opening=SHUT, grip=SHUT,
        beside=(-0.02, 0.0, 0.0),
    ),
    "light switch": Swing(
        entry=17, goal=-0.62, lead=-0.3, site="light_site", joint="light_switch",
        hand=facing([0.1, 0.96, 0.23], [0.99, -0.1, -0.05]), offset=(0.045, 0.0, 0.0),
        posture=(-1.3, -1.65, 1.35, -2.1, 0.2, 1.6, 1.4),
        before=(0.03, -0.13, 0.0), after=(0.03, -0.12, 0.0), opening=SHUT, grip=SHUT, follow=0.0,
        beside=(0.015, 0.0, 0.0),
    ),
    "slide cabinet": Slide(
        entry=19, goal=0.22, lead=0.06, site="slide_site", offset=(-0.045, 0.0, -0.125),
        hand=facing([0.32, 0.79, 0.5], [0.8, -0.45, 0.52]),
        posture=(-1.6, -1.6, 1.05, -2.2, 0.15, 1.8, 1.35),
        before=(-0.02, -0.09, -0.09), after=(-0.05, -0.1, -0.1), opening=SHUT, grip=SHUT,
        beside=(-0.015, 0.0, 0.0),
    ),
    "hinge cabinet": Swing(
        entry=21, goal=1.25, lead=0.22, site="hinge_site2", joint="right_hinge_cabinet",
        hand=facing([0.0, 0.9, 0.42], [0.99, -0.1, 0.0]), offset=(0.0, 0.045, -0.03),
        posture=(-1.2, -1.6, 1.0, -2.2, 0.2, 1.7, 1.4),
        before=(0.0, -0.13, -0.06), after=(0.03, -0.1, -0.17), opening=OPEN, grip=SHUT, follow=-0.3,
    ),
}  # fmt: skip


def achieved(data: mujoco.MjData, subtask: str) -> bool:
    """Whether a subtask is done by the environment's criterion."""
    away = data.qpos[OBS_ELEMENT_INDICES[subtask]] - OBS_ELEMENT_GOALS[subtask]
    return bool(np.linalg.norm(away) < BONUS_THRESH)
