"""A closed-loop expert for the seven subtasks of FrankaKitchen, in any order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mac_control.envs.kitchen.arm import ARM, Arm, action_for
from mac_control.envs.kitchen.env import KitchenEnv
from mac_control.envs.kitchen.poses import Pose, angle, facing, gap, step_towards
from mac_control.envs.kitchen.robot import checked_tasks
from mac_control.envs.kitchen.skills import OPEN, SHUT, SKILLS, Skill

NEAR, FACING = 0.03, 0.3  # close enough to the target pose [m], [rad]
AT = 0.022  # close enough to touch [m]
# What is pushed may be held less exactly than what is gripped. The two borders are close to each
# other; otherwise the expert would push on from a place in one episode and come back from it in
# another, which teaches nothing.
PUSHABLE, PUSHED = 0.032, 0.055  # from the hold: close enough to push, too far to push on [m]
LOST = 0.07  # further than this from its grip, the hand has lost the object [m]
AWAY = 0.25  # further than this from an object, there is no need to come away [m]
WEDGED = 0.025  # opening of fingers that should be shut, with something between them [m]
STIFF = 1.5  # factor by which a hold's error is over-corrected, so that the hand does not slip off

GRIP = 3  # steps to close the fingers
LEAVE = 12  # steps at most to come away
PATIENCE = 45  # steps in one phase before giving up
DETOUR = 25  # steps at most

#: In front of all objects: where the arm goes when it is stuck.
NEUTRAL: Pose = np.array([-0.35, 0.2, 2.05]), facing([0.1, 1.0, 0.0], [1.0, -0.1, 0.0])
#: Largest step of the hand in each phase [m], and (SHARE) the share of the rest that a step goes.
PACE = {"detour": 0.045, "approach": 0.045, "reach": 0.035, "grip": 0.03, "move": 0.07}
PACE["leave"] = 0.045
TURN = 0.12  # largest turn of the hand in a step [rad]
SHARE = 0.8


class ScriptedExpert:
    """Does subtasks one after the other, looking at the simulation's state.

    Each subtask is approached, touched, moved along and left. The phase follows from where the
    hand and the object are: a hand that lost its object starts again, one that makes no progress
    takes a detour, and subtasks already done are skipped.

    Args:
        env: the kitchen it looks at.
        order: subtasks, in the order in which they are to be done.
        variety: scale of the variation between episodes (paths and pace), 0 for none.

    Raises:
        InputError: an unknown subtask, or one twice.

    Example:
        >>> from mac_control.envs import make_kitchen
        >>> env = make_kitchen()
        >>> _ = env.reset(seed=0)
        >>> expert = ScriptedExpert(env, ["kettle"])
        >>> while expert.subtask is not None:
        ...     obs, _, _, _, info = env.step(expert.act())
        >>> info["tasks_done"]
        ['kettle']
    """

    def __init__(self, env: KitchenEnv, order: Sequence[str], variety: float = 1.0) -> None:
        self.env = env
        self.variety = variety
        self._arm = Arm()
        self.reset(0, order)

    def reset(self, seed: int | None = None, order: Sequence[str] | None = None) -> None:
        """Start an episode, with a new order if one is given; variety follows from `seed`."""
        if order is not None:
            self.order = checked_tasks(order)
        rng = np.random.default_rng(seed)
        self._shift = {name: self.variety * rng.uniform(-0.015, 0.015, 3) for name in SKILLS}
        self._pace = 1 + self.variety * rng.uniform(-0.15, 0.15)
        self._index = 0
        self._begin("approach")

    @property
    def subtask(self) -> str | None:
        """The current subtask; None when all are done."""
        return self.order[self._index] if self._index < len(self.order) else None

    def act(self) -> np.ndarray:
        """The action `(9,)` in the simulation's current state; holds still when all is done."""
        data = self.env.data
        fingers, load = data.qpos[ARM : ARM + 2], data.qfrc_bias[:ARM]
        tip = self._arm.pose(data.qpos[:ARM])
        while self.subtask is not None:
            skill = SKILLS[self.subtask]
            touch = skill.touch(data, 0.0)
            if not self._finished(skill, tip, touch):
                break
            self._index += 1
            self._begin("approach")
        else:
            return action_for(np.zeros(ARM), load, fingers, OPEN)
        start = touch[0] + skill.before + self._shift[self.subtask], touch[1]
        self._change_phase(skill, tip, touch, start)
        target, opening = self._target(skill, tip, touch, start)
        self._waited += 1
        pose = step_towards(tip, target, PACE[self.phase] * self._pace, TURN, SHARE)
        displacement = self._arm.towards(*pose, np.array(skill.posture))
        return action_for(displacement, load, fingers, opening)

    def _begin(self, phase: str) -> None:
        self.phase, self._waited = phase, 0

    def _finished(self, skill: Skill, tip: Pose, touch: Pose) -> bool:
        """Whether the object is in place and the hand has come away from it."""
        if self.phase == "leave":
            clear = gap(tip, (touch[0] + skill.after, touch[1])) < NEAR
            return clear or self._waited > LEAVE
        return skill.done(self.env.data) and gap(tip, touch) > AWAY

    def _change_phase(self, skill: Skill, tip: Pose, touch: Pose, start: Pose) -> None:
        if self.phase == "leave":
            return
        data, off = self.env.data, gap(tip, touch)
        grips = skill.opening != skill.grip
        fingers = data.qpos[ARM] + data.qpos[ARM + 1]
        if skill.done(data):
            self._begin("leave")
        elif self.phase == "detour":
            if gap(tip, NEUTRAL) < 3 * NEAR or self._waited > DETOUR:
                self._begin("approach")
        elif self._waited > PATIENCE:
            self._begin("detour" if self.phase == "approach" else "approach")
        elif self.phase == "approach":
            if on_the_way(tip, start, touch) and angle(tip, start) < FACING:
                self._begin("reach")
        elif self.phase == "reach":
            if gap(tip, (touch[0] + skill.beside, touch[1])) < AT:
                self._begin("grip" if grips else "move")
            elif not grips and off < PUSHABLE:
                self._begin("move")
            elif off > gap(start, touch) + LOST:
                self._begin("approach")
        elif off > (LOST if grips else PUSHED) or (skill.opening == SHUT and fingers > WEDGED):
            self._begin("approach")
        elif self.phase == "grip" and self._waited >= GRIP:
            self._begin("move")

    def _target(self, skill: Skill, tip: Pose, touch: Pose, start: Pose) -> tuple[Pose, float]:
        """Where the tips should go, and how wide the fingers should be."""
        position, rotation = touch
        if self.phase == "detour":
            return NEUTRAL, OPEN
        if self.phase == "approach":
            return start, skill.opening
        if self.phase == "reach":
            return (position + skill.beside, rotation), skill.opening
        if self.phase == "grip":
            return touch, skill.grip
        if self.phase == "move":
            ahead, turned = skill.touch(self.env.data, skill.lead)
            push = ahead - position + STIFF * (position - tip[0])
            return (tip[0] + push, turned), skill.grip
        if skill.opening != skill.grip and self._waited < GRIP - 1:
            return (tip[0], rotation), skill.opening
        return (position + skill.after, rotation), skill.opening


def on_the_way(tip: Pose, start: Pose, touch: Pose) -> bool:
    """Whether the tips are near the line from the start of an approach to first touch.

    Example:
        >>> at = lambda x, y: (np.array([x, y, 0.0]), np.eye(3))
        >>> [on_the_way(at(x, y), at(0.1, 0), at(0, 0)) for x, y in [(0.1, 0), (0.05, 0.1)]]
        [True, False]
    """
    way, gone = start[0] - touch[0], tip[0] - touch[0]
    along = float(gone @ way) / float(way @ way)
    return 0.25 < along < 1.25 and float(np.linalg.norm(gone - along * way)) < NEAR
