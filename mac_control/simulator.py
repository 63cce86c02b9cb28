"""MuJoCo, imported in one place: the renderer that `MUJOCO_GL` names may be missing."""

from mac_control.rendering import named_renderer

with named_renderer():
    import mujoco

__all__ = ["mujoco"]
