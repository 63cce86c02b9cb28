"""A closed-loop expert for the seven subtasks of FrankaKitchen, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from mac_control.envs.kitchen import KitchenEnv, _checked_tasks
from mac_control.expert.arm import ARM, Arm, action_for
from mac_control.expert.skills import OPEN, SHUT, SKILLS, Pose, Skill

NEAR = 0.03  # close enough to the start of an approach [m]
AT = 0.012  # close enough to touch [m]
LOST = 0.07  # further than this from its hold, the hand has lost the object [m]
HURRY = 12  # steps in coming away, before going on to the next
PATIENCE = 45  # steps in one phase before the subtask is begun anew


class ScriptedExpert:
    """Does subtasks in order, looking at the simulation's state.

    Args:
        env: the kitchen it acts in and looks at.
        order: subtasks, in the order they are to be done.
        variety: scale of what differs between episodes (way, pace, hand), 0 for none.
    """

    def __init__(self, env: KitchenEnv, order: Sequence[str], variety: float = 1.0) -> None:
        self.env = env
        self.order = _checked_tasks(order)
        self.variety = variety
        self._arm = Arm()
        self.reset()

    def reset(self, seed: int | None = None) -> None:
        """Start an episode; what is varied follows from `seed`."""
        rng = np.random.default_rng(seed)
        vary = self.variety if seed is not None else 0.0
        self._shift = {name: vary * rng.uniform(-0.015, 0.015, 3) for name in SKILLS}
        self._pace = 1 + vary * rng.uniform(-0.15, 0.15)
        self.index = 0
        self._begin("approach")

    @property
    def subtask(self) -> str | None:
        """What it is doing; None when all is done."""
        return self.order[self.index] if self.index < len(self.order) else None

    def act(self, obs: np.ndarray | None = None) -> np.ndarray:
        """The action `(9,)` for the simulation's present state."""
        data = self.env.data
        qpos = data.qpos[:ARM]
        tip = self._arm.pose(qpos)
        while self.subtask is not None:
            skill = SKILLS[self.subtask]
            target, opening, speed = self._advance(skill, tip)
            if target is not None:
                break
            self.index += 1
            self._begin("approach")
        if self.subtask is None:
            return action_for(np.zeros(ARM), data.qfrc_bias[:ARM], data.qpos[7:9], OPEN)
        self._waited += 1
        position, rotation = limited(tip, target, speed * self._pace)
        displacement = self._arm.towards(qpos, position, rotation, np.array(skill.posture))
        return action_for(displacement, data.qfrc_bias[:ARM], data.qpos[7:9], opening)

    def _begin(self, phase: str) -> None:
        self.phase, self._waited = phase, 0

    def _advance(self, skill: Skill, tip: Pose) -> tuple[Pose | None, float, float]:
        data = self.env.data
        touch = skill.touch(data, 0.0)
        start = touch[0] + skill.before + self._shift[self.subtask], touch[1]
        if self.phase != "leave" and skill.done(data):
            self._begin("leave")
        if self._waited > PATIENCE and self.phase != "leave":
            self._begin("approach")
        if self.phase == "approach" and gap(tip, start) < NEAR and angle(tip, start) < 0.3:
            self._begin("reach")
        reach = touch[0] + skill.beside, touch[1]
        if self.phase == "reach" and gap(tip, reach) < AT + 0.01:
            self._begin("grip")
        if self.phase == "reach" and gap(tip, touch) > gap(start, touch) + LOST:
            self._begin("approach")
        # Something has wedged itself between fingers that should be shut.
        wedged = skill.opening == SHUT and data.qpos[7:9].sum() > 0.025
        if self.phase in ("grip", "move") and wedged:
            self._begin("approach")
        if self.phase == "grip" and (skill.opening == skill.grip or self._waited >= 3):
            self._begin("move")
        if self.phase == "move" and gap(tip, touch) > LOST:
            self._begin("approach")
        if self.phase == "approach":
            return start, skill.opening, 0.045
        if self.phase == "reach":
            return reach, skill.opening, 0.035
        if self.phase == "grip":
            return touch, skill.grip, 0.03
        if self.phase == "move":
            ahead = skill.touch(data, skill.lead)
            hold = 1.5 * (touch[0] - tip[0])  # stiffer than the arm, or the hand slips off
            return (tip[0] + ahead[0] - touch[0] + hold, ahead[1]), skill.grip, 0.07
        end = touch[0] + skill.after, touch[1]
        if gap(tip, end) < NEAR or self._waited > HURRY:
            return None, 0, 0
        if skill.opening != skill.grip and self._waited < 2:
            return touch, skill.opening, 0.0
        return end, skill.opening, 0.045


def gap(a: Pose, b: Pose) -> float:
    """Distance between two positions [m]."""
    return float(np.linalg.norm(a[0] - b[0]))


def angle(a: Pose, b: Pose) -> float:
    """Angle between two rotations [rad]."""
    return float(np.arccos(np.clip((np.trace(a[1].T @ b[1]) - 1) / 2, -1, 1)))


def limited(now: Pose, target: Pose, speed: float) -> Pose:
    """A pose on the way from `now` to `target`, at most `speed` [m] and 0.12 rad away."""
    way = target[0] - now[0]
    distance = float(np.linalg.norm(way))
    step = min(speed, 0.8 * distance)
    position = now[0] + way * (step / max(distance, 1e-9))
    turned = angle(now, target)
    share = min(0.12, 0.6 * turned) / max(turned, 1e-9)
    return position, between(now[1], target[1], share)


def between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
    """The rotation that lies `share` of the way from `a` to `b`."""
    delta = a.T @ b
    theta = np.arccos(np.clip((np.trace(delta) - 1) / 2, -1, 1))
    if theta < 1e-6:
        return b
    skew = (delta - delta.T) * (share * theta / (2 * np.sin(theta)))
    turned = share * theta
    k = skew / turned if turned > 1e-9 else skew
    return a @ (np.eye(3) + np.sin(turned) * k + (1 - np.cos(turned)) * k @ k)
