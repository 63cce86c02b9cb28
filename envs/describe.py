"""The description of an environment's robot: its own, a registered one, or derived from MuJoCo."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from mac_control.errors import InputError
from mac_control.plugins import ROBOTS
from mac_control.robot import ActionDim, Robot
from mac_control.simulator import mujoco


def robot_of(env: gymnasium.Env) -> Robot:
    """The robot of an environment with a flat, finite Box of actions.

    The first of: the attribute `robot` of the environment or one of its wrappers; the entry of the
    entry-point group `mac_control.robots` for its name or Gymnasium id; actuators, ranges and
    joints of its MuJoCo model; the bare action box.

    Raises:
        InputError: actions that are not a flat, finite Box, or a description of another size.

    Example:
        >>> robot = robot_of(gymnasium.make("Reacher-v5"))
        >>> robot.actions[0].name, robot.actions[0].kind
        ('joint0', 'other')
    """
    space = env.action_space
    if not isinstance(space, Box) or len(space.shape) != 1 or not space.is_bounded():
        raise InputError(f"action space: expected a flat, finite Box, got {space}")
    if (own := own_robot(env)) is not None:
        robot = own
    elif env.spec is not None and env.spec.id in ROBOTS.installed():
        robot = ROBOTS.load(env.spec.id)(env)
    else:
        model = getattr(env.unwrapped, "model", None)
        driven = isinstance(model, mujoco.MjModel) and model.nu == space.shape[0]
        bare = Robot.of_box(_name(env), space, _rate(env))
        assert bare is not None  # the space is bounded
        robot = from_mujoco(env, model) if driven else bare
    if robot.action_dim != space.shape[0]:
        raise InputError(
            f"robot {robot.name}: expected {space.shape[0]} action dimensions, as the "
            f"environment has, got {robot.action_dim}"
        )
    return robot


def fitting_robot(
    env: gymnasium.Env,
    action_dim: int,
    obs_dim: int | None = None,
    hint: str = "name the environment that they were recorded in (--env)",
) -> Robot:
    """The robot of an environment that data of these sizes have to fit.

    Args:
        env: with a flat, finite Box of actions, and flat observations.
        action_dim: D, of the data.
        obs_dim: size of an observation, O; None where observations may be of another kind.
        hint: what to do if they do not fit.

    Raises:
        InputError: data of different sizes.
    """
    robot = robot_of(env)
    expected, got = f"{robot.action_dim} action dimensions", f"{action_dim}"
    fits = action_dim == robot.action_dim
    if obs_dim is not None:
        seen = env.observation_space.shape[0]  # type: ignore[index]
        expected, got = f"{seen} observed and {expected}", f"{obs_dim} and {got}"
        fits = fits and obs_dim == seen
    if not fits:
        raise InputError(f"data: expected {expected}, as {robot.name} has, got {got}; {hint}")
    return robot


def own_robot(env: gymnasium.Env) -> Robot | None:
    """The attribute `robot` of an environment or one of its wrappers, where it is a description."""
    found = env.get_wrapper_attr("robot") if env.has_wrapper_attr("robot") else None
    return found if isinstance(found, Robot) else None


def from_mujoco(env: gymnasium.Env, model: mujoco.MjModel) -> Robot:
    """Actuator names, ranges and joints of a MuJoCo model, one actuator per action dimension.

    Actions that are scaled otherwise than their actuator's control are of the kind `other`.
    A position is known where the environment says how its observation is made
    (`observation_structure` of Gymnasium's MuJoCo environments).
    """
    low, high = env.action_space.low, env.action_space.high  # type: ignore[attr-defined]
    actions, names = [], _unique([_actuator_name(model, i) for i in range(model.nu)])
    for i in range(model.nu):
        joint = int(model.actuator_trnid[i, 0])
        jointed = model.actuator_trntype[i] == mujoco.mjtTrn.mjTRN_JOINT
        # Actions on another scale need not be what the actuator takes: they may be velocities.
        ends = model.actuator_ctrlrange[i]
        direct = not model.actuator_ctrllimited[i] or np.allclose((low[i], high[i]), ends)
        kind = _kind(model, i) if jointed and direct else "other"
        slides = jointed and model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE
        length = "m" if slides else "rad"
        unit = {"joint_position": length, "joint_velocity": f"{length}/s"}.get(kind, "")
        actions.append(
            ActionDim(
                names[i],
                float(low[i]),
                float(high[i]),
                kind,
                unit,
                position=_entry(env, model, joint) if jointed else None,
            )
        )
    return Robot(_name(env), tuple(actions), rate=_rate(env))


def _actuator_name(model: mujoco.MjModel, index: int) -> str:
    if name := model.actuator(index).name:
        return str(name)
    joint = int(model.actuator_trnid[index, 0])
    jointed = model.actuator_trntype[index] == mujoco.mjtTrn.mjTRN_JOINT
    return (model.joint(joint).name if jointed else "") or f"action{index}"


def _kind(model: mujoco.MjModel, index: int) -> str:
    """The kind of action, from how the actuator's force depends on position and velocity."""
    gain, bias = model.actuator_gainprm[index, 0], model.actuator_biasprm[index]
    if model.actuator_biastype[index] != mujoco.mjtBias.mjBIAS_AFFINE or gain <= 0:
        return "other"
    if np.isclose(bias[1], -gain):
        return "joint_position"
    return "joint_velocity" if bias[1] == 0 and np.isclose(bias[2], -gain) else "other"


def _entry(env: gymnasium.Env, model: mujoco.MjModel, joint: int) -> int | None:
    """The observed entry that is the position of a joint of one degree of freedom."""
    structure: Any = getattr(env.unwrapped, "observation_structure", None)
    simple = (mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE)
    if not isinstance(structure, dict) or model.jnt_type[joint] not in simple:
        return None
    skipped, observed = structure.get("skipped_qpos", 0), structure.get("qpos", 0)
    at = int(model.jnt_qposadr[joint]) - skipped
    return at if 0 <= at < observed else None


def _name(env: gymnasium.Env) -> str:
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__


def _rate(env: gymnasium.Env) -> float | None:
    period = getattr(env.unwrapped, "dt", None)
    if isinstance(period, (int, float)) and np.isfinite(period) and period > 0:
        return 1 / float(period)
    fps = env.metadata.get("render_fps")
    return float(fps) if isinstance(fps, (int, float)) and fps > 0 else None


def _unique(names: list[str]) -> list[str]:
    return [f"{name}{i}" if names.count(name) > 1 else name for i, name in enumerate(names)]
