"""Whether, and with which renderer, this machine can draw pictures and open windows.

A renderer that cannot be made may end the process, or raise again when it is freed. Therefore each
one is first tried in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from mac_control.errors import InputError, one_line

_ADVICE = "install libosmesa6 (Debian, Ubuntu), or the driver of a GPU with EGL"


def choose_renderer() -> str:
    """Name of the renderer that works here, for `MUJOCO_GL`: `glfw`, `osmesa` or `egl`.

    What `MUJOCO_GL` names is used. If it is not set, a display is tried first, then on Linux
    `osmesa` (software) and `egl` (a GPU, or software), and `MUJOCO_GL` is set to the one that works
    without a display. An answer holds for the whole process.

    Raises:
        InputError: no renderer works here; the message says what to install or to set.
    """
    display, linux = _display(), sys.platform == "linux"
    if named := os.environ.get("MUJOCO_GL"):
        if why := _why_not("picture", named, display):
            raise InputError(
                f"MUJOCO_GL: expected to render with {named}, got: {why}; unset MUJOCO_GL, set it "
                f"to osmesa, egl or glfw, or {_ADVICE}"
            )
        return named
    names = ["glfw"] if display or not linux else []
    reasons = []
    for name in names + ["osmesa", "egl"] * linux:
        if not (why := _why_not("picture", name, display)):
            if name == "glfw":
                os.environ.pop("MUJOCO_GL", None)  # workers on other machines may have no display
            else:
                os.environ["MUJOCO_GL"] = name
            return name
        reasons.append(f"{name} ({why})")
    raise InputError(
        f"rendering: expected to render pictures, got no {', no '.join(reasons)}; {_ADVICE}"
    )


def check_mode(mode: str | None, modes: Sequence[str]) -> None:
    """Refuse a render mode that is not in `modes`, and a window where none can be opened.

    Raises:
        InputError: the message says what to choose instead.
    """
    if mode not in (None, *modes):
        raise InputError(f"render_mode: expected None or one of {', '.join(modes)}, got {mode!r}")
    if mode == "human" and (why := _why_not("window", "glfw", _display())):
        raise InputError(
            f"render_mode: expected a display for 'human', got {why}; set DISPLAY, or make "
            "pictures with 'rgb_array'"
        )


@contextmanager
def named_renderer() -> Iterator[None]:
    """Around the import of MuJoCo, which loads the renderer that `MUJOCO_GL` names.

    Raises:
        InputError: that renderer is not available.
    """
    try:
        yield
    except Exception as error:  # PyOpenGL has no error of its own for this
        if not (named := os.environ.get("MUJOCO_GL")):
            raise
        raise InputError(
            f"MUJOCO_GL: expected a renderer of this machine, got {named} ({one_line(error)}); "
            "unset it, and 'mac-control doctor' says which works"
        ) from error


def _display() -> str:
    return os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or ""


@lru_cache
def _why_not(what: str, name: str, display: str) -> str | None:
    """Why a picture or window cannot be made with the renderer `name`; None: it can."""
    command = [sys.executable, "-m", "mac_control.rendering", what]
    environment = os.environ | {"MUJOCO_GL": name}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    except subprocess.TimeoutExpired:
        return "nothing within 120 s"
    if done.returncode == 0:
        return None
    said = done.stdout.split("got: ")
    return said[1].strip() if len(said) > 1 else f"it ended with status {done.returncode}"


def _picture() -> None:
    try:
        import mujoco
        from gymnasium.envs.mujoco.mujoco_rendering import OffScreenViewer
    except (AttributeError, ImportError) as error:  # PyOpenGL found no library
        raise RuntimeError("its library cannot be loaded") from error
    if os.environ["MUJOCO_GL"] == "glfw":
        _window()
    scene = "<mujoco><worldbody><light pos='0 0 3'/><geom size='1'/></worldbody></mujoco>"
    model = mujoco.MjModel.from_xml_string(scene)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    if not OffScreenViewer(model, data, 64, 64).render("rgb_array").any():
        raise RuntimeError("a picture that is all black")


def _window() -> None:
    import glfw

    if not (glfw.init() and glfw.get_primary_monitor()):
        raise RuntimeError("no display")
    glfw.window_hint(glfw.VISIBLE, 0)
    if not glfw.create_window(64, 64, "mac-control", None, None):
        raise RuntimeError("a display without OpenGL")


if __name__ == "__main__":
    status = 0
    try:
        _window() if sys.argv[1] == "window" else _picture()
    except Exception as error:  # graphics libraries fail with errors of any class
        text = " ".join(str(error).split())
        print(f"got: {text if len(text) <= 150 else text[:150] + '…'}", flush=True)
        status = 1
    os._exit(status)  # freeing a half-made renderer would raise, or end the process
