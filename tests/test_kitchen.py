"""The kitchen as an environment."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from mac_control import InputError
from mac_control.envs import KITCHEN_ID, KITCHEN_TASKS, make_kitchen
from mac_control.envs.abilities import episode_steps

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def kitchen():
    env = make_kitchen()
    yield env
    env.close()


def checked(env):
    """Run Gymnasium's checker; unbounded observations and wrappers are meant to be so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*(minimum|maximum) value is -?infinity.*")
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version.*")
        check_env(env, skip_render_check=True)


def test_the_registered_kitchen_passes_gymnasiums_checker():
    checked(gymnasium.make(KITCHEN_ID, disable_env_checker=True).unwrapped)


def test_sizes_of_both_observations(kitchen):
    obs, _ = kitchen.reset(seed=0)
    full = make_kitchen(obs="full", robot_noise_ratio=0, object_noise_ratio=0)
    full_obs, _ = full.reset(seed=0)
    assert obs.shape == (30,) and obs in kitchen.observation_space
    assert full_obs.shape == (59,) and full_obs in full.observation_space
    assert np.array_equal(full_obs[:9], full.data.qpos[:9])
    assert np.array_equal(full_obs[18:39], full.data.qpos[9:])
    assert np.array_equal(full_obs[9:18], full.data.qvel[:9])


def test_an_episode_follows_from_its_seed_whatever_came_before(kitchen):
    def play(env, seed):
        seen = [env.reset(seed=seed)[0]]
        rng = RNG(1)
        seen += [env.step(rng.uniform(-1, 1, 9))[0] for _ in range(5)]
        return np.array(seen)

    first = play(kitchen, 3)
    assert not np.array_equal(play(kitchen, 4), first)
    assert np.array_equal(play(kitchen, 3), first)
    assert np.array_equal(play(make_kitchen(), 3), first)


@pytest.mark.parametrize("seed", [0, 1])
def test_steps_are_those_of_franka_kitchen_bit_for_bit(seed):
    ours = make_kitchen(["microwave", "kettle"], obs="full")
    theirs = gymnasium.make(
        "FrankaKitchen-v1", tasks_to_complete=["microwave", "kettle"], robot_noise_ratio=0.1
    ).unwrapped
    assert np.array_equal(ours.reset(seed=seed)[0], theirs.reset(seed=seed)[0]["observation"])
    rng = RNG(seed)
    for step in range(40):
        if step == 20:  # a subtask is done
            for env in (ours, theirs.robot_env):
                env.data.qpos[22] = -0.75
        action = rng.uniform(-1.2, 1.2, 9)
        obs, reward, terminated, _, info = ours.step(action)
        raw, their_reward, their_end, _, their_info = theirs.step(action)
        assert np.array_equal(obs, raw["observation"])
        assert (reward, terminated) == (their_reward, their_end)
        assert info["tasks_done"] == their_info["episode_task_completions"]
    assert info["tasks_done"] == ["microwave"]


def test_a_twin_runs_on_its_own():
    """Two that take turns do what each does alone."""
    env = make_kitchen(["microwave"], init_noise=0.02)
    actions = RNG(0).uniform(-1, 1, (2, 6, 9))

    def play(env, seed):
        first = env.reset(seed=seed)[0]
        return [first, *(env.step(action)[0] for action in actions[seed])]

    alone = [play(env, 0), play(env, 1)]
    twin = env.twin()
    seen = [[env.reset(seed=0)[0]], [twin.reset(seed=1)[0]]]
    for step in range(6):
        for which, part in enumerate((env, twin)):
            seen[which].append(part.step(actions[which][step])[0])
    assert np.array_equal(alone, seen)
    twin.data.qpos[22] = -0.75
    assert twin.step(np.zeros(9))[1] == 1 and env.step(np.zeros(9))[1] == 0
    assert twin.model is env.model


def test_noise_is_only_in_what_is_observed(kitchen):
    quiet = make_kitchen(robot_noise_ratio=0, object_noise_ratio=0)
    obs, _ = quiet.reset(seed=0)
    assert np.array_equal(obs, quiet.data.qpos)
    noisy, _ = kitchen.reset(seed=0)
    assert not np.array_equal(noisy, kitchen.data.qpos)
    assert np.array_equal(kitchen.data.qpos, quiet.data.qpos)


def test_init_noise_moves_the_arm_only_and_by_the_seed(kitchen):
    moved = make_kitchen(init_noise=0.05)
    kitchen.reset(seed=0)
    moved.reset(seed=0)
    shift = moved.data.qpos - kitchen.data.qpos
    assert np.abs(shift[:7]).min() > 0 and np.abs(shift[:7]).max() <= 0.05
    assert np.array_equal(shift[7:], np.zeros(23))
    moved.reset(seed=1)
    assert not np.array_equal(moved.data.qpos - kitchen.data.qpos, shift)
    moved.reset(seed=0)
    assert np.array_equal(moved.data.qpos - kitchen.data.qpos, shift)


def test_an_episode_can_start_in_any_state(kitchen):
    kitchen.reset(seed=0)
    for _ in range(3):
        kitchen.step(np.full(9, 0.3))
    state = kitchen.data.qpos.copy(), kitchen.data.qvel.copy()
    kitchen.reset(seed=0)
    kitchen.reset(seed=0, options={"state": state})
    assert np.array_equal(kitchen.data.qpos, state[0])
    assert np.array_equal(kitchen.data.qvel, state[1])
    for bad in ((state[0][:-1], state[1]), (state[0] * np.nan, state[1])):
        with pytest.raises(InputError, match="state: expected finite"):
            kitchen.reset(seed=0, options={"state": bad})


def test_reward_counts_each_subtask_once_and_the_last_one_ends_the_episode():
    env = make_kitchen(tasks=["microwave", "light switch"])
    _, info = env.reset(seed=0)
    assert info == {"tasks_done": [], "success": False}
    qpos, qvel, rest = env.data.qpos.copy(), np.zeros(29), np.zeros(9)
    qpos[22] = -0.75  # microwave door
    env.reset(seed=0, options={"state": (qpos, qvel)})
    _, reward, terminated, _, info = env.step(rest)
    assert (reward, terminated, info["tasks_done"]) == (1.0, False, ["microwave"])
    info["tasks_done"].append("kettle")  # a copy: the environment is not touched
    _, reward, _, _, info = env.step(rest)
    assert (reward, info["tasks_done"], info["success"]) == (0.0, ["microwave"], False)
    qpos[17], qpos[18] = -0.69, -0.05  # light switch
    env.reset(seed=0, options={"state": (qpos, qvel)})
    _, reward, terminated, _, info = env.step(rest)
    # Two in one step: in the order of the list of tasks.
    assert (reward, terminated, info["tasks_done"]) == (2.0, True, ["microwave", "light switch"])
    assert info["success"]


def test_truncation_after_the_last_step():
    env = make_kitchen(max_episode_steps=3)
    env.reset(seed=0)
    assert [env.step(np.zeros(9))[3] for _ in range(3)] == [False, False, True]
    env.reset(seed=0)
    assert not env.step(np.zeros(9))[3]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"tasks": "all"}, "tasks: expected one of complete, partial, mixed"),
        ({"tasks": ["toaster"]}, "tasks: expected different subtasks out of microwave"),
        ({"tasks": ["kettle", "kettle"]}, "tasks: expected different subtasks"),
        ({"obs": "pixels"}, "obs: expected 'positions' or 'full'"),
        ({"max_episode_steps": 0}, "max_episode_steps: expected at least 1"),
        ({"init_noise": -0.1}, "init_noise: expected a finite number"),
        ({"robot_noise_ratio": np.nan}, "robot_noise_ratio: expected a finite number"),
    ],
)
def test_wrong_options_get_a_sentence(options, message):
    with pytest.raises(InputError, match=message):
        make_kitchen(**options)


def test_a_bad_action_leaves_the_simulation_untouched(kitchen):
    kitchen.reset(seed=0)
    before = kitchen.data.qpos.copy()
    for bad in (np.full(9, np.nan), np.zeros(8), np.full(9, np.inf)):
        with pytest.raises(InputError, match="action: expected 9 finite numbers"):
            kitchen.step(bad)
    assert np.array_equal(kitchen.data.qpos, before)


def test_all_published_task_lists_make_an_environment():
    for name, tasks in KITCHEN_TASKS.items():
        assert make_kitchen(name).tasks == tasks


def test_a_state_that_is_asked_for_is_not_shaken():
    env = make_kitchen(init_noise=0.3)
    env.reset(seed=0)
    state = env.data.qpos.copy(), env.data.qvel.copy()
    env.reset(seed=1, options={"state": state})
    np.testing.assert_array_equal(env.data.qpos, state[0])
    env.close()


def test_gymnasium_sets_the_length_of_an_episode():
    made = gymnasium.make(KITCHEN_ID, max_episode_steps=300, disable_env_checker=True)
    made.reset(seed=0)
    ended = [made.step(np.zeros(9))[3] for _ in range(300)]
    assert ended == [False] * 299 + [True] and episode_steps(made) == 300
    assert episode_steps(gymnasium.make(KITCHEN_ID)) == 280
