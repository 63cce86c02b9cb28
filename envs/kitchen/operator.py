"""The scripted expert as an operator with a goal of its own."""

from __future__ import annotations

import numpy as np

from mac_control.envs.kitchen.env import KitchenEnv
from mac_control.envs.kitchen.expert import ScriptedExpert
from mac_control.envs.kitchen.robot import checked_tasks
from mac_control.errors import InputError
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction


class ScriptedOperator(Operator):
    """Gives all nine dimensions, and does subtasks in an order that only it knows.

    It sees the state of the simulation, whatever the policy observes. `goal` is its order.

    Args:
        env: the kitchen whose state it sees and that executes its actions.
        order: `random` draws an order of the environment's subtasks in each episode; `tasks`
            takes the environment's own; otherwise subtasks joined by `>`, as in
            `kettle>light-switch`.
        subtasks: how many of the drawn subtasks it does; None: all.

    Raises:
        InputError: an environment that is not a kitchen, an unknown subtask, or too many.

    Example:
        >>> from mac_control.envs import make_kitchen
        >>> env = make_kitchen()
        >>> _ = env.reset(seed=0)
        >>> operator = ScriptedOperator(env, "kettle>light-switch")
        >>> operator.goal, operator.read(np.zeros(30)).given.all()
        (('kettle', 'light switch'), np.True_)
    """

    def __init__(self, env: KitchenEnv, order: str = "random", subtasks: int | None = None) -> None:
        kitchen = env.unwrapped
        if not isinstance(kitchen, KitchenEnv):
            raise InputError(
                "operator expert: expected the environment kitchen, which it is made for, got "
                f"{type(kitchen).__name__}; name another operator"
            )
        fixed = order not in ("random", "tasks")
        names = order.replace("-", " ").split(">") if fixed else kitchen.tasks
        self._names = checked_tasks(names)
        if subtasks is not None and not 1 <= subtasks <= len(self._names):
            raise InputError(
                f"subtasks: expected a number from 1 to {len(self._names)}, got {subtasks}"
            )
        self._drawn, self._count = order == "random", subtasks
        self._expert = ScriptedExpert(kitchen, self._names)
        self.reset(0)

    def reset(self, seed: int | None = None) -> None:
        """Start an episode: draw a goal, paths and pace from `seed`."""
        rng = np.random.default_rng(seed)
        names = [str(n) for n in rng.permutation(self._names)] if self._drawn else self._names
        self.goal = tuple(names[: self._count])
        self._expert.reset(int(rng.integers(2**31)), self.goal)

    def read(self, obs: np.ndarray) -> PartialAction:
        """The expert's action in the simulation's current state."""
        return PartialAction.everything(self._expert.act())
