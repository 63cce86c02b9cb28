"""Fixtures that several tests share."""

import os
import threading
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from parts import Clock

from mac_control.errors import InputError
from mac_control.rendering import choose_renderer

# No test asserts a time; on a checkout under test the cases are the same in every run.
hypothesis.settings.register_profile(
    "ours",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],  # it is the machine that is slow
)
hypothesis.settings.load_profile("ours")

KITCHEN_COMPLETE = "mini_kitchen_microwave_kettle_light_slider-v0.hdf5"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that MAC_CONTROL_DATA names; skips where there is none."""
    if not (folder := os.environ.get("MAC_CONTROL_DATA")):
        pytest.skip("needs real data: MAC_CONTROL_DATA names no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def kitchen_complete(data_folder: Path) -> Path:
    """The 19 human demonstrations of kitchen-complete-v0, D4RL's own file."""
    if not (path := data_folder / KITCHEN_COMPLETE).exists():
        pytest.skip(f"needs {KITCHEN_COMPLETE} in the folder that MAC_CONTROL_DATA names")
    return path


@pytest.fixture(scope="session")
def renderer() -> str:
    """Name of what draws pictures here; skips, saying what to install, where nothing does."""
    try:
        return choose_renderer()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def new_clock():
    """`new_clock()`: a clock whose `sleep` costs no time."""
    return Clock


@pytest.fixture(scope="session")
def driving():
    """`with driving() as (cockpit, loop)`: a kitchen, or `env`, stepped faster than real time."""
    return _driving


@contextmanager
def _driving(env=None, **address):
    from mac_control.cockpit import Cockpit
    from mac_control.envs import make_kitchen
    from mac_control.policies.mac import MacConfig, MacPolicy
    from mac_control.teleop import Teleoperation
    from mac_control.teleop.assemble import assemble_operator

    env = env or make_kitchen(max_episode_steps=10_000)
    obs, box = np.ones(env.observation_space.shape), env.action_space
    policy = MacPolicy(MacConfig(width=32, obs_width=32), 0 * obs, obs, box.low, box.high)
    cockpit = Cockpit(port=0, **address)
    operator = assemble_operator(cockpit.inbox, env, patience=1.0)
    loop = Teleoperation(env, policy, operator, speed=2.0)
    cockpit.serve(loop)
    thread = threading.Thread(target=loop.run, args=(None, cockpit.show))
    thread.start()
    try:
        yield cockpit, loop
    finally:
        loop.post("quit")
        thread.join(timeout=120)
        cockpit.close()
        env.close()


@pytest.fixture
def minari_root(tmp_path, monkeypatch):
    """Where Minari looks for data sets: an empty folder, and no network."""
    root = tmp_path / "minari"
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(root))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")  # no network
    return root
