"""Video of a rollout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from mac_control.envs import robot_of
from mac_control.envs.abilities import scene_of, subtasks_of
from mac_control.envs.contract import own_info
from mac_control.errors import InputError, one_line
from mac_control.files import atomic_path
from mac_control.loop.captions import captioned
from mac_control.operators import OperatorWrapper
from mac_control.partial import PartialAction
from mac_control.rendering import choose_renderer

#: Name of the folder of a run's films.
VIDEOS = "videos"
_ENDINGS = (".mp4", ".mov", ".mkv", ".avi", ".webm")


def require_video() -> None:
    """Choose a renderer and check that films can be written, before any long work.

    Raises:
        InputError: there is nothing to write films or render pictures with.
    """
    _imageio()
    choose_renderer()


class WatchedEnv(gymnasium.Wrapper):
    """Notes the number of steps taken, the last action, and the subtasks done."""

    steps = 0
    action: np.ndarray | None = None
    done: tuple[str, ...] = ()

    def reset(self, **options: Any) -> Any:
        self.action, self.done = None, ()
        return super().reset(**options)

    def step(self, action: Any) -> Any:
        answer = super().step(action)
        self.steps += 1
        self.action, self.done = action, tuple(own_info(answer[4]).get("tasks_done", ()))
        return answer


class WatchedOperator(OperatorWrapper):
    """Notes what was given last."""

    given: np.ndarray | None = None

    def read(self, obs: np.ndarray) -> PartialAction:
        partial = self.operator.read(obs)
        self.given = partial.given
        return partial


@contextmanager
def record_video(
    env: gymnasium.Env, path: str | Path, operator: WatchedOperator | None = None
) -> Iterator[Callable[[], None]]:
    """Write a video; the block gets a function that adds a picture of the environment.

    Args:
        env: made with `render_mode="rgb_array"`, after :func:`require_video`.
        path: a file whose ending names a video format, such as `.mp4`.
        operator: captions show its given dimensions, where `env` is a :class:`WatchedEnv`.

    Raises:
        InputError: there is nothing to write films or render pictures with.
    """
    imageio = _imageio()
    if Path(path).suffix.lower() not in _ENDINGS:
        raise InputError(f"video: expected a file that ends in {', '.join(_ENDINGS)}, got {path}")
    model, _ = scene_of(env)
    if model is not None:  # these two take nine tenths of the time of software rendering
        model.light_castshadow[:] = 0
        model.vis.quality.offsamples = 0
    _render(env)  # so as to raise early; there may be nothing to see before the first reset
    with atomic_path(path) as temporary:
        fps = env.metadata.get("render_fps") or 12
        with imageio.get_writer(temporary, fps=fps, format="FFMPEG") as writer:
            yield lambda: writer.append_data(_picture(env, operator))


def _imageio() -> Any:
    try:
        import imageio
        import imageio_ffmpeg  # noqa: F401 - what imageio writes films with
    except ImportError as error:
        raise InputError(
            f"video: expected imageio and ffmpeg (pip install 'mac-control[video]'), got: {error}"
        ) from error
    return imageio


def _picture(env: gymnasium.Env, operator: WatchedOperator | None) -> np.ndarray:
    picture = _render(env)
    if not picture.any():  # another renderer of this process was freed in the meantime
        raise InputError(
            f"video: expected to render with {choose_renderer()}, got a picture that is all black"
        )
    if operator is None or not isinstance(env, WatchedEnv):
        return picture
    robot = robot_of(env)
    given = np.zeros(robot.action_dim, bool) if operator.given is None else operator.given
    action = np.zeros(robot.action_dim)
    if env.action is not None:
        action = 2 * (env.action - robot.low) / (robot.high - robot.low) - 1
    return _even(captioned(picture, robot.labels, given, action, subtasks_of(env), env.done))


def _even(picture: np.ndarray) -> np.ndarray:
    """Cropped to even sides, as codecs require."""
    height, width = picture.shape[:2]
    return picture[: height - height % 2, : width - width % 2]


def _render(env: gymnasium.Env) -> np.ndarray:
    try:
        picture: np.ndarray = env.render()
    except InputError:
        raise
    except Exception as error:  # whatever this machine's graphics library raises
        raise InputError(
            f"video: expected to render with {choose_renderer()}, got: {one_line(error)}; "
            "'mac-control doctor' says what renders here"
        ) from error
    return picture
