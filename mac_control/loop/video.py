"""Video of a rollout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mac_control.envs.abilities import scene_of
from mac_control.errors import InputError
from mac_control.files import atomic_path

_ADVICE = (
    "on a machine without a display install libosmesa6 (Debian, Ubuntu) or set MUJOCO_GL=egl "
    "for a GPU"
)


def choose_renderer() -> None:
    """On Linux without a display, render in software, unless `MUJOCO_GL` says how to.

    Raises:
        InputError: there is nothing to do that with.
    """
    headless = not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform == "linux" and headless:
        # Named where it is missing, it would keep child processes from importing MuJoCo at all.
        if "MUJOCO_GL" not in os.environ and not find_library("OSMesa"):
            raise InputError(
                f"video: expected to render without a display, got no OSMesa; {_ADVICE}"
            )
        os.environ.setdefault("MUJOCO_GL", "osmesa")
        if os.environ["MUJOCO_GL"] == "osmesa":
            os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")


def require_video() -> None:
    """Choose a renderer, and see that films can be written: both before long work.

    Raises:
        InputError: nothing to write films or to render pictures with.
    """
    choose_renderer()
    _imageio()


@contextmanager
def record_video(env: gymnasium.Env, path: str | Path) -> Iterator[Callable[[], None]]:
    """Write a film; the block gets a function that adds a picture of the environment.

    Args:
        env: made with `render_mode="rgb_array"`, after :func:`require_video`.
        path: a file whose ending names a film format, such as `.mp4`.

    Raises:
        InputError: nothing to write films or to render pictures with.
    """
    imageio = _imageio()
    model, _ = scene_of(env)
    if model is not None:  # nine tenths of a picture rendered in software go into these two
        model.light_castshadow[:] = 0
        model.vis.quality.offsamples = 0
    _render(env)
    with atomic_path(path) as temporary:
        try:
            writer = imageio.get_writer(
                temporary, fps=env.metadata.get("render_fps") or 12, format="FFMPEG"
            )
        except ValueError as error:
            raise InputError(f"video: expected a film file such as film.mp4, got {path}") from error
        with writer:
            yield lambda: writer.append_data(_render(env))


def _imageio() -> Any:
    try:
        import imageio
        import imageio_ffmpeg  # noqa: F401 - what imageio writes films with
    except ImportError as error:
        raise InputError(
            f"video: expected imageio and ffmpeg (pip install 'mac-control[video]'), got: {error}"
        ) from error
    return imageio


def _render(env: gymnasium.Env) -> np.ndarray:
    how = os.environ.get("MUJOCO_GL", "a window")
    try:
        picture: np.ndarray = env.render()
    except Exception as error:  # whatever the graphics library of this machine fails with
        raise InputError(
            f"video: expected to render with {how}, got: {error}; {_ADVICE}"
        ) from error
    if not picture.any():  # another renderer of this process was freed meanwhile
        raise InputError(f"video: expected to render with {how}, got a picture that is all black")
    return picture
