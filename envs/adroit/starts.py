"""The state that a first observation of a task shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from mac_control.envs.adroit.tasks import Task
from mac_control.simulator import mujoco


def start_state(inner: Any, task: Task, obs: np.ndarray, hidden: bool) -> dict[str, np.ndarray]:
    """The state of gymnasium-robotics' environment, at rest; what is not observed has its default.

    Args:
        inner: that environment; its simulation stays as it is.
        task: which task it is.
        obs: `(O,)`, with the goal's entries.
        hidden: whether those entries are to be ignored.
    """
    model, data = inner.model, mujoco.MjData(inner.model)  # scratch data
    parts, at = {}, task.joints
    for name, size in task.parts:
        parts[name], at = obs[at : at + size], at + size
    qpos = np.array(inner.init_qpos)
    qpos[task.skipped : task.skipped + task.joints] = obs[: task.joints]
    state = {**inner.get_env_state(), "qvel": np.zeros(model.nv)}

    def look() -> None:
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)

    look()
    if task.name == "Door":
        # The slide that is not observed moves the palm along its axis.
        joint = int(model.actuator_trnid[0, 0])
        palm = data.site_xpos[inner.grasp_site_id]
        qpos[0] += (parts["palm"] - palm) @ data.xaxis[joint]
        qpos[-2:] = parts["door"][0], parts["latch"][0]
        look()
        moved = parts["handle"] - data.site_xpos[inner.handle_site_id]
        state["door_body_pos"] = model.body_pos[inner.door_body_id] + moved
    elif task.name == "Relocate":
        palm = data.site_xpos[inner.S_grasp_site_id]
        state["obj_pos"] = palm - parts["palm - ball"]
        if not hidden:
            state["target_pos"] = palm - parts["palm - target"]
    elif task.name == "Hammer":
        nail = data.site_xpos[inner.target_obj_site_id]
        moved = (parts["nail"] - nail)[2]
        state["board_pos"] = model.body_pos[inner.target_body_id] + [0.0, 0.0, moved]
        qpos[-6:-3] += parts["hammer"] - data.xpos[inner.obj_body_id]
    else:
        qpos[-6:-3] += parts["pen"] - data.xpos[inner.obj_body_id]
        if not hidden:
            state["desired_orien"] = _turned(inner, data, parts["goal direction"])
    return {**state, "qpos": qpos}


def _turned(inner: Any, data: mujoco.MjData, direction: np.ndarray) -> np.ndarray:
    """The target's quaternion `(4,)` that points it in this direction `(3,)`."""
    now = data.site_xpos[inner.tar_t_site_id] - data.site_xpos[inner.tar_b_site_id]
    before, after = (v / np.linalg.norm(v) for v in (now, direction))
    axis = np.cross(before, after)
    turn = np.r_[1.0 + before @ after, axis]
    if np.linalg.norm(turn) < 1e-9:  # opposite: half a turn about any axis across
        turn = np.r_[0.0, np.cross(before, np.eye(3)[np.argmin(np.abs(before))])]
    whole = np.empty(4)
    mujoco.mju_mulQuat(
        whole, turn / np.linalg.norm(turn), inner.model.body_quat[inner.target_obj_body_id]
    )
    return whole
