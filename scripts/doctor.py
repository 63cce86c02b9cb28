"""Is this machine ready? What is missing, and what to do."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mac_control.cli import run
from mac_control.errors import InputError, MacControlError
from mac_control.options import EnvOptions, only_with
from mac_control.rendering import choose_renderer, named_renderer

#: Module -> the extra that installs it, and what it is for.
EXTRAS = {
    "diffusers": ("diffusion", "the policy diffusion"),
    "optuna": ("tune", "mac-control tune"),
    "mink": ("ik", "driving the hand, and the scripted expert"),
    "imageio_ffmpeg": ("video", "films"),
    "pyarrow": ("lerobot-data", "LeRobot's data"),
    "viser": ("cockpit", "the web page to drive from"),
}
#: The scene that is simulated and drawn to check that MuJoCo works.
_SCENE = """<mujoco><worldbody><light pos="0 0 3"/><geom type="plane" size="1 1 .1" pos="0 0 -1"/>
<body><freejoint/><geom size=".2" rgba="1 0 0 1"/></body></worldbody></mujoco>"""
#: Less free space than this is reported [bytes].
LITTLE = 2 << 30


@dataclass(kw_only=True)
class Args(EnvOptions):
    """Look at what mac-control needs; each line is ok, or says what to do.

    The exit status is 1 if something essential is missing.
    """

    env: str | None = None
    """An environment to check, as in rollout; None: only whether MuJoCo works."""
    data: str | None = None
    """Demonstrations to check: as in train; None: searched."""
    port: int = 8765
    """Port that the web page would be served on."""
    out: Path = Path(".")
    """Folder that results would be written to."""
    optional: bool = False
    """Only say, in one line, what optional system packages would add; nothing if all are there."""


class Problem(Exception):
    """A problem and its remedy."""


def main(args: Args) -> int | None:
    if args.optional:
        status, text = _look(_packages)
        if status != "ok":
            print(text)
        return 0
    env = args.chosen_env()
    for name in ("robot", "episode_steps"):
        if env is None and getattr(args, name) is not None:
            raise only_with(name, "--env")
    failed = False
    for name, check, essential in (
        ("python", _python, True),
        ("torch", _torch, True),
        ("mujoco", _mujoco, True),
        *([("env", lambda: _env(args), True)] if env is not None else []),
        ("rendering", _rendering, False),
        ("data", lambda: _data(args.data), True),
        ("extras", _extras, False),
        ("devices", _devices, False),
        ("port", lambda: _port(args.port), False),
        ("disk", lambda: _disk(args.out), True),
        ("packages", _packages, False),
    ):
        status, text = _look(check)
        if status != "ok" and not essential:
            status = "note"
        failed |= status == "FAIL"
        print(f"{status:<4}  {name:<9}  {text}", flush=True)
    if failed:
        print("Fix what is marked FAIL first.")
    return int(failed)


def _look(check: Callable[[], str]) -> tuple[str, str]:
    try:
        return "ok", check()
    except (Problem, MacControlError) as error:
        return "FAIL", str(error)
    except ImportError as error:
        again = "pip install --force-reinstall mac-control"
        return "FAIL", f"cannot be imported: {error}; install it anew: {again}"
    except Exception as error:  # libraries fail with errors of any class
        return "FAIL", f"{type(error).__name__}: {error}; update it, or report this line"


def _python() -> str:
    return f"{platform.python_version()} in {sys.prefix}, {platform.platform(terse=True)}"


def _torch() -> str:
    import torch

    if not torch.linalg.inv(2 * torch.eye(3)).sum().item() == 1.5:
        raise Problem("computes wrongly: pip install --force-reinstall torch")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"{torch.__version__}, {torch.get_num_threads()} threads, {', '.join(gpus) or 'no GPU'}"


def _mujoco() -> str:
    with named_renderer():
        import mujoco

    model = mujoco.MjModel.from_xml_string(_SCENE)
    data = mujoco.MjData(model)
    for _ in range(10):
        mujoco.mj_step(model, data)
    if not -0.1 < data.qpos[2] < 0:  # after 20 ms of falling
        raise Problem("a falling body is simulated wrongly: pip install 'mujoco<3.12'")
    return f"{mujoco.__version__}, a body falls"


def _env(args: Args) -> str:
    """Step the environment once, and describe it."""
    import numpy as np

    from mac_control.envs import make_env, robot_of
    from mac_control.envs.abilities import episode_steps, subtasks_of
    from mac_control.envs.checked import Checked

    name = args.chosen_env()
    assert name is not None  # else it is not checked
    env = make_env(name, args.chosen_robot(), **args.env_options())
    robot, steps = robot_of(env), episode_steps(env)
    checked = Checked(env)
    checked.reset(seed=0)
    space = env.action_space
    *_, info = checked.step(np.clip(np.zeros_like(space.low), space.low, space.high))
    env.close()
    observed = sum(action.position is not None for action in robot.actions)
    fed_back = sum(action.gain > 0 for action in robot.actions)
    rate = "an unknown rate" if robot.rate is None else f"{robot.rate:.3g} Hz"
    scored = "subtasks" if subtasks_of(env) or "tasks_done" in info else "return"
    scored += " and success" if "success" in info else ""
    return (
        f"{name}: {env.observation_space.shape[0]} observed entries, {robot.action_dim} action "
        f"dimensions ({', '.join(robot.labels)}), positions of {observed} known, {fed_back} with "
        f"feedback; up to {steps} steps at {rate}; measured: {scored}"
    )


def _rendering() -> str:
    return f"pictures with {choose_renderer()}"


def _renders() -> bool:
    try:
        return bool(choose_renderer())
    except InputError:
        return False


def _installed(*commands: str) -> bool:
    return all(map(shutil.which, commands))


#: Optional system packages (Debian, Ubuntu) -> what they add, and whether it is there.
PACKAGES: dict[str, tuple[str, Callable[[], bool]]] = {
    "libosmesa6": ("films", _renders),
    "chromium": (
        "browser tests",
        lambda: bool(os.environ.get("MAC_CONTROL_CHROMIUM")) or _installed("chromium"),
    ),
    "xvfb xdotool": ("keyboard tests", lambda: _installed("Xvfb", "xdotool")),
}


def _packages() -> str:
    missing = [f"{name} for {adds}" for name, (adds, there) in PACKAGES.items() if not there()]
    if missing:
        raise Problem(f"optional, not installed (apt install has them): {', '.join(missing)}")
    return f"{', '.join(PACKAGES)}: none is missing"


def _data(source: str | None) -> str:
    from mac_control.demonstrations import load_demonstrations

    found = load_demonstrations(source)
    steps = sum(map(len, found))
    return f"{len(found)} episodes, {steps:,} steps: {found.provenance.get('source')}"


def _extras() -> str:
    missing = []
    for module, (extra, purpose) in EXTRAS.items():
        try:
            importlib.import_module(module)
        except ImportError:
            missing.append(f"{purpose}: pip install 'mac-control[{extra}]'")
    if missing:
        raise Problem("; ".join(missing))
    return ", ".join(extra for extra, _ in EXTRAS.values())


def _devices() -> str:
    from mac_control.scripts.devices import device_status
    from mac_control.teleop import device_names

    found = {name: device_status(name) for name in device_names()}
    ready = [name for name, status in found.items() if status.startswith("ready")]
    others = [name for name in found if name not in ready]
    hint = f" (not {', '.join(others)}: mac-control devices says why)" if others else ""
    return f"{', '.join(ready) or 'none'} ready{hint}"


def _port(port: int) -> str:
    try:
        with socket.create_server(("127.0.0.1", port)):
            return f"{port} is free for the web page"
    except (OSError, OverflowError) as error:
        raise Problem(
            f"{port} cannot be served on ({error}): choose another, as in "
            f"mac-control teleoperate --port {port % 60000 + 1}"
        ) from error


def _disk(folder: Path) -> str:
    whole = folder.absolute()
    folder = next(part for part in (whole, *whole.parents) if part.exists())  # what would be made
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"0" * 4096)
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise Problem(
            f"{whole} cannot be written to ({error}): choose a folder with --out"
        ) from error
    little = "; that is little for training and recordings" if free < LITTLE else ""
    return f"{free / (1 << 30):.1f} GiB free in {whole}{little}"


if __name__ == "__main__":
    run(main)
