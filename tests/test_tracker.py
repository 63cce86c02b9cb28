"""The tracking operator: follows its demonstration, in the simulator, to the reward it had."""

import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.envs import make_kitchen
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.errors import InputError
from mac_control.operators.tracker import Tracker

KITCHEN = kitchen_robot(30)


def with_gains(demonstrations: Demonstrations, arm: float, fingers: float) -> Demonstrations:
    """With another feedback in the description of the robot."""
    dims = [replace(dim, gain=fingers if dim.kind == "gripper" else arm) for dim in KITCHEN.actions]
    return replace(demonstrations, robot=replace(KITCHEN, actions=tuple(dims)))


@pytest.fixture(scope="module")
def human() -> Demonstrations:
    """Four of the human demonstrations."""
    folder = os.environ.get("MAC_CONTROL_DATA")
    if not folder:
        pytest.skip("MAC_CONTROL_DATA names no folder with the human demonstrations")
    path = Path(folder) / "mini_kitchen_microwave_kettle_light_slider-v0.hdf5"
    with h5py.File(path) as file:
        ends = np.flatnonzero(file["terminals"][:])[:4] + 1
        obs, actions = file["observations"][: ends[-1], :30], file["actions"][: ends[-1]]
    parts = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    episodes = [Episode(obs[part], actions[part]) for part in parts]
    return Demonstrations(episodes, robot=KITCHEN)


def line(steps: int = 40) -> Demonstrations:
    """Every joint moves evenly from 0 to 1; the actions are 0."""
    obs = np.repeat(np.linspace(0, 1, steps)[:, None], 30, axis=1)
    return Demonstrations([Episode(obs, np.zeros((steps, 9)))], robot=KITCHEN)


def subtasks_done(choose) -> int:
    """Number of subtasks that `choose(step, obs)` completes in an episode."""
    env = make_kitchen(init_noise=0.02)
    obs, info = env.reset(seed=0)
    for step in range(env.max_episode_steps):
        obs, _, terminated, _, info = env.step(choose(step, obs))
        if terminated:
            break
    return len(info["tasks_done"])


def test_tracking_reaches_the_reward_that_open_loop_replay_loses(human):
    tracked, replayed = [], []
    for index, episode in enumerate(human):
        tracker = Tracker(human, demonstration=index)
        tracked.append(subtasks_done(lambda _, obs, tracker=tracker: tracker.read(obs).values))
        actions = episode.actions
        replayed.append(subtasks_done(lambda t, _, a=actions: a[min(t, len(a) - 1)]))
    assert np.mean(tracked) >= 3.75, tracked
    assert np.mean(tracked) > np.mean(replayed), (tracked, replayed)


def test_action_is_the_demonstrated_one_plus_feedback_on_arm_and_fingers():
    tracker = Tracker(with_gains(line(), 1.5, 2.5), gain=2.0, ahead=1)
    action = tracker.read(np.full(30, 0.1)).values
    np.testing.assert_allclose(action, [-0.3] * 7 + [-0.5, -0.5], atol=1e-6)


def test_a_slightly_noisy_operator_keeps_hold_of_what_it_grips(human):
    """Noise on the fingers adds up where nothing feeds back their positions."""

    def done(index: int, finger_gain: float) -> int:
        tracker = Tracker(with_gains(human, 5.0, finger_gain), demonstration=index)
        noise = np.random.default_rng(index)
        return subtasks_done(
            lambda _, obs: tracker.read(obs).values + 0.05 * noise.standard_normal(9)
        )

    with_feedback = [done(index, 6.0) for index in range(len(human))]
    assert np.mean(with_feedback) >= 3.75, with_feedback
    assert np.mean(with_feedback) > np.mean([done(index, 0.0) for index in range(len(human))])


def test_gives_everything_inside_the_action_box():
    partial = Tracker(line(), gain=100.0).read(np.full(30, 5.0))
    assert partial.given.all()
    assert np.abs(partial.values).max() <= 1


@pytest.mark.parametrize(("resync", "frame"), [(False, 4), (True, 30)])
def test_stubborn_looks_a_few_frames_ahead_and_resync_at_all_that_remains(resync, frame):
    tracker = Tracker(line(), ahead=5, resync=resync)
    tracker.read(np.full(30, 30 / 39))
    assert tracker.frame == frame


def test_never_goes_back_nor_past_the_end():
    tracker = Tracker(line(10), ahead=5)
    frames = []
    for position in (0.0, 0.4, 0.1, 1.0, 1.0, 1.0, 0.0):
        tracker.read(np.full(30, position))
        frames.append(tracker.frame)
    assert frames == sorted(frames)
    assert frames[-1] == 9


def test_the_seed_chooses_the_demonstration():
    many = Demonstrations([*line(3), *line(4), *line(5), *line(6)], robot=KITCHEN)
    tracker = Tracker(many)
    drawn = []
    for seed in (*range(20), *range(20)):
        tracker.reset(seed)
        drawn.append(tracker.demonstration)
    assert drawn[:20] == drawn[20:]
    assert set(drawn) == {0, 1, 2, 3}
    fixed = Tracker(many, demonstration=2)
    fixed.reset(seed=7)
    assert fixed.demonstration == 2


@pytest.mark.parametrize(
    "options",
    [
        {"gain": np.nan},
        {"gain": -1.0},
        {"ahead": 0},
        {"demonstration": 1},
        {"demonstration": -1},
    ],
)
def test_refuses_settings_out_of_range(options):
    with pytest.raises(InputError, match=next(iter(options))):
        Tracker(line(), **options)


def test_refuses_an_observation_that_is_not_finite():
    with pytest.raises(InputError, match="finite positions"):
        Tracker(line()).read(np.full(30, np.nan))
