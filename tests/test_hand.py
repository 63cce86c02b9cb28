"""The tasks of the Adroit hand: starts, success, hidden goals, experts, demonstrations."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mac_control.checkpoint import load_policy
from mac_control.collection.augment import Disturbance, attempt_once, plan
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations.box import within_box
from mac_control.demonstrations.table import Steps
from mac_control.envs import make_env, robot_of
from mac_control.envs.abilities import StartsAnywhere, Undoable
from mac_control.envs.adroit.tasks import TASKS
from mac_control.envs.name import EnvName
from mac_control.errors import DataError, InputError
from mac_control.loop import evaluate
from mac_control.operators import make_operator
from mac_control.operators.base import TellsOperator
from mac_control.operators.spec import operator_digest
from mac_control.policies.mac import MacConfig, MacPolicy
from mac_control.suites import SUITES
from mac_control.suites.data import source_data

SIZES = {"door": (39, 28), "hammer": (46, 26), "pen": (45, 24), "relocate": (39, 30)}
DATA = Path(os.environ.get("MAC_CONTROL_DATA", "nowhere"), "adroit")
needs_data = pytest.mark.skipif(
    not (DATA / "door_human.npz").exists(),
    reason="needs adroit/ in the folder that MAC_CONTROL_DATA names",
)


@pytest.fixture(scope="module")
def envs():
    made = {task: make_env("hand", task=task) for task in TASKS}
    yield made
    for env in made.values():
        env.close()


@pytest.mark.parametrize("task", TASKS)
def test_sizes_groups_and_names(envs, task):
    env, robot = envs[task], robot_of(envs[task])
    assert (env.observation_space.shape[0], env.action_space.shape[0]) == SIZES[task]
    assert sorted(robot.dims("arm", "wrist", "fingers") if "arm" in robot.groups else robot.dims(
        "wrist", "fingers")) == list(range(robot.action_dim))  # fmt: skip
    assert len(set(robot.labels)) == robot.action_dim and "thumb tip" in robot.labels
    assert all(robot.obs_names[a.position] for a in robot.actions if a.position is not None)
    assert isinstance(env.unwrapped, (StartsAnywhere | Undoable | TellsOperator))
    # What an action dimension is said to move is what moves when it alone is driven.
    env.reset(seed=0)
    dim = robot.index("middle finger knuckle")
    action = np.zeros(robot.action_dim)
    action[dim] = 1.0
    before = env.unwrapped.operator_obs()
    for _ in range(6):
        obs = env.step(action)[0]
    at = robot.actions[dim].position
    assert obs[at] > before[at] + 0.3


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**31 - 1), task=st.sampled_from(sorted(TASKS)))
def test_an_episode_starts_where_an_observation_was(envs, seed, task):
    env = envs[task]
    first, _ = env.reset(seed=seed)
    options = env.unwrapped.start_options(first)
    env.reset(seed=seed + 1)
    again, _ = env.reset(seed=seed + 2, options=options)
    np.testing.assert_allclose(again, first, atol=1e-9)


def test_undo_goes_back(envs):
    env = envs["relocate"]
    env.reset(seed=1)
    action = np.full(30, 0.1)
    env.step(action)
    before = env.unwrapped.snapshot()
    first = [env.step(action)[0] for _ in range(3)]
    env.unwrapped.restore(before)
    np.testing.assert_array_equal([env.step(action)[0] for _ in range(3)], first)


def test_bad_options_are_refused(envs):
    with pytest.raises(InputError, match="did you mean 'door'"):
        make_env("hand", task="dor")
    with pytest.raises(InputError, match="version: expected one of v1"):
        make_env("hand", version="v0")
    with pytest.raises(InputError, match="hide_goal: expected a task with a goal"):
        make_env("hand", hide_goal=True)
    with pytest.raises(InputError, match="qpos: expected"):
        state = {"qpos": np.zeros(3), "qvel": np.zeros(30), "door_body_pos": np.zeros(3)}
        envs["door"].reset(options={"initial_state_dict": state})
    with pytest.raises(InputError, match="initial_state_dict: expected arrays door_body_pos"):
        envs["door"].reset(options={"initial_state_dict": {"qpos": 1}})
    with pytest.raises(InputError, match="28 finite numbers"):
        envs["door"].step(np.full(28, np.nan))


def test_actions_beyond_the_box_are_clipped_and_counted(envs):
    env = envs["door"]
    env.reset(seed=0)
    far = np.zeros(28)
    far[:2] = 1.4, -3.0
    obs, *_, info = env.step(far)
    env.reset(seed=0)
    same, *_, calm = env.step(far.clip(-1, 1))
    assert (info["clipped"], calm["clipped"]) == (2, 0)
    np.testing.assert_array_equal(obs, same)


def test_a_recording_beyond_the_box_is_clipped_with_a_notice(capsys):
    robot = robot_of(make_env("hand"))
    wide = np.zeros((4, 28), np.float32)
    wide[0, 3] = 1.25
    data = Demonstrations([Episode(np.zeros((4, 39)), wide)], robot=robot)
    assert within_box(data).actions.max() == 1.0
    assert "0.9% of the entries" in capsys.readouterr().err
    calm = within_box(within_box(data))
    assert "beyond" in capsys.readouterr().err and calm.executed is not None


@needs_data
@pytest.mark.parametrize("task", ["door", "relocate"])
def test_published_experts_succeed_by_the_stated_rule(task):
    env = make_env("hand", task=task, end_on_success=True, hide_goal=task == "relocate")
    operator = make_operator("hand-expert", action_dim=SIZES[task][1], env=env)
    for seed in range(2):
        obs, info = env.reset(seed=seed)
        operator.reset(seed)
        over, reached = False, 0
        while not over:
            obs, _, over, late, info = env.step(operator.read(obs).values)
            reached += info["reached"]
            assert not late, "the expert takes less than the whole episode"
        assert info["success"] and reached == 10


@needs_data
def test_what_hides_from_the_policy_the_operator_sees(monkeypatch):
    env = make_env("hand", task="relocate", hide_goal=True)
    weights = DATA / "relocate_expert.npz"
    operator = make_operator(f'policy:"{weights}"', action_dim=30, env=env)
    obs, _ = env.reset(seed=3)
    assert obs.shape == (33,)
    told = operator.read(obs).values
    options = env.unwrapped.start_options(obs)
    moved = options["initial_state_dict"]["target_pos"] + [0.1, 0.0, 0.0]
    options["initial_state_dict"]["target_pos"] = moved
    same, _ = env.reset(seed=3, options=options)
    np.testing.assert_allclose(same, obs, atol=1e-9)
    assert np.abs(operator.read(same).values - told).max() > 0.01
    monkeypatch.setenv("MAC_CONTROL_DATA", "/nowhere")
    with pytest.raises(InputError, match=r"relocate_expert\.npz in the folder that"):
        make_operator("hand-expert", action_dim=30, env=env)


@needs_data
def test_people_s_demonstrations_replay_from_their_first_observation():
    data = load_demonstrations(DATA / "door_human.npz")
    assert (len(data), data.obs_dim, data.action_dim) == (25, 39, 28)
    env = make_env("hand", max_episode_steps=400)
    episode = data[24]
    obs, _ = env.reset(options=env.unwrapped.start_options(episode.observations[0]))
    widest = 0.0
    for action in episode.actions:
        obs, *_, info = env.step(action)
        widest = max(widest, obs[28])
    assert info["success"] and widest == pytest.approx(episode.observations[:, 28].max(), abs=0.05)


@needs_data
def test_a_tracked_demonstration_is_augmented_from_its_own_start():
    suite = SUITES["hand-robust"]
    source = source_data(suite, None).select([6])
    how = {**suite.disturbance, "strength": 0.0, "scene_noise": 0.0}
    calm = Disturbance(**how)
    (item,) = plan(source, calm, 1, seed=0)
    episode = attempt_once(item, 0)
    assert episode is not None and len(episode) > 200  # longer than the environment's own 200
    np.testing.assert_allclose(episode.observations[0], source[0].observations[0], atol=1e-5)
    assert episode.observations[:, 28].max() > 1.0
    env = make_env("hand", scene_noise=0.02)
    start, _ = env.reset(seed=0, options=env.unwrapped.start_options(source[0].observations[0]))
    moved = np.abs(start - source[0].observations[0])
    assert 0 < moved[32:35].max() <= 0.021 and moved[:27].max() < 1e-5


def test_suites_say_where_their_data_are(monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_DATA", "/nowhere")
    with pytest.raises(DataError, match=r"got nothing at /nowhere/adroit/door_human\.npz"):
        source_data(SUITES["hand"], None)
    monkeypatch.delenv("MAC_CONTROL_DATA")
    with pytest.raises(DataError, match=r"door_human\.npz.*; set MAC_CONTROL_DATA, or give --data"):
        source_data(SUITES["hand"], None)
    assert source_data(SUITES["hand-relocate"], None) is None
    assert EnvName("hand").has_option("scene_noise")


@needs_data
def test_weights_of_a_small_network_are_a_policy_wherever_one_is_named(tmp_path):
    policy = load_policy(DATA / "door_expert.npz")
    assert (policy.obs_dim, policy.action_dim) == (39, 28)
    rows = evaluate(
        [f"expert={DATA / 'door_expert.npz'}"],
        ["random+group:fingers"],
        [0],
        episodes=1,
        workers=1,
        env="hand:end_on_success=True",
    )
    assert rows[0]["successes"] == [1.0] and rows[0]["operator"] == "nobody"


def test_noise_on_what_is_given_is_drawn_in_training_alone():
    box = np.ones(4)
    config = MacConfig(width=8, obs_width=8, masks=2, given_noise=0.2)
    policy = MacPolicy(config, np.zeros(3), np.ones(3), -2 * box, 2 * box)
    same = torch.zeros(64, 4)
    steps = Steps(torch.zeros(64, 3), same, same, torch.ones(64, 4, dtype=torch.bool))
    drawn = policy.draw(steps, torch.Generator().manual_seed(0))
    spread = drawn["executed"].std()
    assert 0.1 < spread < 0.4 and not drawn["action"].any()  # up to 0.2 of half a box of 4
    assert torch.equal(
        drawn["executed"], policy.draw(steps, torch.Generator().manual_seed(0))["executed"]
    )


def test_other_weights_of_the_published_expert_are_another_operator(tmp_path, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_DATA", str(tmp_path))
    assert operator_digest("hand-expert+group:arm") is None
    (tmp_path / "adroit").mkdir()
    found = set()
    for content in (b"one", b"other"):
        (tmp_path / "adroit" / "door_expert.npz").write_bytes(content)
        found.add(operator_digest("hand-expert+group:arm"))
    assert len(found) == 2 and None not in found
