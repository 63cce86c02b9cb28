"""Adds the robot that a command line describes to demonstrations."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from mac_control.demonstrations.box import in_box_of
from mac_control.layout import recorded_layout

if TYPE_CHECKING:
    from mac_control.demonstrations import Demonstrations
    from mac_control.envs.name import EnvName
    from mac_control.options import EnvOptions
    from mac_control.robot import Robot


def described(
    demonstrations: Demonstrations, args: EnvOptions, rollouts: bool = False
) -> Demonstrations:
    """Demonstrations with the robot that the command line describes, or that of its environment.

    Raises:
        InputError: the data do not fit that environment; with `rollouts` and no environment
            named, the one that they were recorded in, or the default.
    """
    robot, env = args.chosen_robot(), args.chosen_env()
    if env is not None:
        robot = _fitting(demonstrations, env, robot)
        record = {**env.to_json(), "layout": recorded_layout(demonstrations.provenance)}
        provenance = {**demonstrations.provenance, "env": record}
        demonstrations = dataclasses.replace(demonstrations, provenance=provenance)
    elif rollouts:
        from mac_control.envs.name import EnvName

        found = EnvName.of_data(demonstrations.provenance) or EnvName()
        _fitting(demonstrations, found, robot)
    if robot is not None:
        return in_box_of(demonstrations, robot)
    if demonstrations.robot is None:
        print(
            "action box: guessed from the actions, as the data do not name their robot; "
            "--env NAME or --robot FILE.toml does",
            file=sys.stderr,
        )
    return demonstrations


def _fitting(demonstrations: Demonstrations, env: EnvName, robot: Robot | None) -> Robot:
    """The robot of an environment, which the data must fit; `robot` replaces its description."""
    from mac_control.envs import make_env
    from mac_control.envs.describe import fitting_robot

    sizes = demonstrations.obs_dim, demonstrations.action_dim
    with closing(make_env(env.fitted(*sizes), robot)) as made:
        return fitting_robot(made, demonstrations.action_dim, demonstrations.obs_dim)
