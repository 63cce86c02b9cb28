"""Video of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mac_control.envs.abilities import scene_of
from mac_control.errors import InputError, one_line
from mac_control.files import atomic_path
from mac_control.rendering import choose_renderer


def require_video() -> None:
    """Choose a renderer, and see that films can be written: both before long work.

    Raises:
        InputError: nothing to write films or to render pictures with.
    """
    _imageio()
    choose_renderer()


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
    try:
        picture: np.ndarray = env.render()
    except InputError:
        raise
    except Exception as error:  # whatever the graphics library of this machine fails with
        raise InputError(
            f"video: expected to render with {choose_renderer()}, got: {one_line(error)}; "
            "'mac-control doctor' says what renders here"
        ) from error
    if not picture.any():  # another renderer of this process was freed meanwhile
        raise InputError(
            f"video: expected to render with {choose_renderer()}, got a picture that is all black"
        )
    return picture
