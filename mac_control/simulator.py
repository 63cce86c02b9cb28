"""MuJoCo, imported in one place: the renderer that `MUJOCO_GL` names may be missing."""

from __future__ import annotations

import numpy as np

from mac_control.rendering import named_renderer

with named_renderer():
    import mujoco

__all__ = ["mujoco", "restore_state", "saved_state"]

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


def saved_state(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Everything in a simulation that its next steps depend on, `(N,)`."""
    state = np.empty(mujoco.mj_stateSize(model, _STATE))
    mujoco.mj_getState(model, data, state, _STATE)
    return state


def restore_state(model: mujoco.MjModel, data: mujoco.MjData, state: np.ndarray) -> None:
    """Go back to a state of :func:`saved_state`."""
    mujoco.mj_setState(model, data, state, _STATE)
    mujoco.mj_forward(model, data)
