"""Prepares a MuJoCo scene for the browser: colours, light, solid objects."""

from __future__ import annotations

import copy
from typing import Any

import mujoco
import numpy as np

#: Geoms of this group and higher ones are not drawn.
HIDDEN_GROUPS = 3
#: Distance that a camera keeps from static objects [m].
MARGIN = 0.06
#: Largest brightness of a large surface: a white wall in full light shows no shape.
BRIGHTEST = 0.86


def coloured(model: mujoco.MjModel) -> mujoco.MjModel:
    """A copy of the model whose colours are those that MuJoCo's renderer shows, on average.

    The browser draws colours, and textures with coordinates on a mesh; a material with any other
    texture (the kitchen's metal, wood and marble) would be white. It gets its texture's mean
    colour instead.

    Example:
        >>> model = mujoco.MjModel.from_xml_string('''<mujoco>
        ...   <asset><texture name="t" type="cube" builtin="flat" rgb1="0 .5 0" rgb2="0 .5 0"
        ...     width="8" height="8"/><material name="m" texture="t"/></asset>
        ...   <worldbody><geom size=".1" material="m"/></worldbody></mujoco>''')
        >>> coloured(model).mat_rgba[0].round(1).tolist(), model.mat_rgba[0].tolist()
        ([0.0, 0.5, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0])
    """
    shown = copy.copy(model)
    for material in range(model.nmat):
        texture = max(int(t) for t in np.atleast_1d(model.mat_texid[material]))
        if texture >= 0 and not _has_coordinates(model, material):
            shown.mat_rgba[material, :3] *= _mean_colour(model, texture)
            shown.mat_texid[material] = -1
    for rgba in (shown.mat_rgba, shown.geom_rgba):
        rgba[:, :3] = np.minimum(rgba[:, :3], BRIGHTEST)
    return shown


def light(scene: Any, centre: np.ndarray, extent: float) -> None:
    """Light a viser scene evenly: a soft sky, a lamp behind the camera, a weaker one opposite."""
    scene.configure_environment_map(hdri=None, environment_intensity=0.0)
    scene.configure_default_lights(enabled=False, cast_shadow=False)
    scene.add_light_hemisphere(
        "/light/sky", sky_color=(225, 235, 255), ground_color=(96, 84, 72), intensity=1.7
    )
    for name, way, intensity in (("key", (-0.6, -0.9, 1.2), 2.3), ("fill", (0.9, -0.4, 0.5), 0.7)):
        scene.add_light_directional(
            f"/light/{name}",
            color=(255, 246, 232),
            intensity=intensity,
            position=tuple(centre + extent * np.array(way)),
        )


def solids(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Boxes around static visible objects, `(K, 2, 3)`: low and high corners [m]."""
    boxes = []
    for geom in range(model.ngeom):
        plane = model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_PLANE
        moves = model.body_weldid[model.geom_bodyid[geom]] != 0
        if plane or moves or model.geom_group[geom] >= HIDDEN_GROUPS:
            continue
        centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        rotation = data.geom_xmat[geom].reshape(3, 3)
        middle = data.geom_xpos[geom] + rotation @ centre
        reach = np.abs(rotation) @ half + MARGIN
        boxes.append((middle - reach, middle + reach))
    return np.array(boxes).reshape(-1, 2, 3)


def joints_of(model: mujoco.MjModel, action_dim: int) -> list[int] | None:
    """The joint that each action dimension moves; None unless each moves exactly one."""
    kinds = model.actuator_trntype
    if model.nu != action_dim or (kinds != mujoco.mjtTrn.mjTRN_JOINT).any():
        return None
    joints = [int(joint) for joint in model.actuator_trnid[:, 0]]
    simple = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    return joints if all(model.jnt_type[joint] in simple for joint in joints) else None


def _has_coordinates(model: mujoco.MjModel, material: int) -> bool:
    users = np.flatnonzero(model.geom_matid == material)
    meshes = [
        model.geom_dataid[geom]
        for geom in users
        if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH
    ]
    return bool(meshes) and all(model.mesh_texcoordnum[mesh] > 0 for mesh in meshes)


def _mean_colour(model: mujoco.MjModel, texture: int) -> np.ndarray:
    channels = int(model.tex_nchannel[texture])
    size = int(model.tex_width[texture]) * int(model.tex_height[texture]) * channels
    start = int(model.tex_adr[texture])
    pixels = model.tex_data[start : start + size].reshape(-1, channels)
    mean = pixels[:: max(1, len(pixels) // 4096)].mean(axis=0) / 255
    return mean[:3] if channels >= 3 else np.full(3, mean[0])
