"""Pictures where they can be made; one sentence, and nothing broken afterwards, where not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mac_control import InputError
from mac_control.envs import make_kitchen

BARE = [Path(__file__).with_name("bare"), sys.executable]
TRIES = """
import gc
import numpy as np
from mac_control import InputError
from mac_control.envs import make_kitchen

for mode in ("rgb_array", "depth_array", "human"):
    for _ in range(2):
        try:
            env = make_kitchen(render_mode=mode)
            env.reset(seed=0)
            env.render()
        except InputError as error:
            print(mode, error)
        gc.collect()
env = make_kitchen(render_mode="rgb_array")
env.reset(seed=0)
env.step(np.zeros(9))
env.close()
print("still moves")
"""
pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs bash")


def bare(*argv):
    """A Python command on a machine without OpenGL and a display."""
    return subprocess.run([*BARE, *argv], capture_output=True, text=True)


def test_without_opengl_rendering_is_one_sentence_and_breaks_nothing():
    done = bare("-W", "default", "-c", TRIES)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 7 and lines[-1] == "still moves", lines
    for line in lines[:4]:
        assert "expected to render" in line and "install libosmesa6" in line
    for line in lines[4:6]:
        assert "render_mode: expected a display" in line and "rgb_array" in line
    assert "OffScreenViewer" not in done.stderr and "Traceback" not in done.stderr


NAMED = """
import os, sys
from mac_control.cli import sentences

os.environ["MUJOCO_GL"] = sys.argv[1]
with sentences():
    from mac_control.envs import make_kitchen

    make_kitchen(render_mode="rgb_array").render()
"""


@pytest.mark.parametrize("named", ["osmesa", "egl", "glfw", "disabled", "crayons"])
def test_a_renderer_that_is_named_and_not_there_is_one_sentence(named):
    done = bare("-c", NAMED, named)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: MUJOCO_GL: expected") and named in line and "unset" in line


def test_the_doctor_says_what_a_bare_machine_lacks():
    said = bare("-m", "mac_control.scripts.doctor", "--optional")
    assert said.returncode == 0 and len(said.stdout.splitlines()) == 1
    for package in ("libosmesa6 for films", "chromium for browser", "xvfb xdotool for keyboard"):
        assert package in said.stdout


def test_pictures_need_no_more_than_their_mode(renderer):
    shapes = {"rgb_array": (480, 480, 3), "depth_array": (480, 480)}
    for mode, shape in shapes.items():
        env = make_kitchen(render_mode=mode)
        env.reset(seed=0)
        env.model.light_castshadow[:] = 0  # most of the time of a picture without a GPU
        picture = env.render()
        assert picture.shape == shape and picture.std() > 0
        env.close()


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="render_mode: expected None or one of human"):
        make_kitchen(render_mode="nonsense")
