"""Augmentation: what is stored is what was done and what should have been done."""

import json
import os
from dataclasses import asdict, replace

import gymnasium
import numpy as np
import pytest

from mac_control.collection.augment import Disturbance, _intruder, attempt_once, plan, simulate
from mac_control.collection.noise import ActionNoise, random_subset
from mac_control.collection.report import cells, nearest, plot, poses, summarize
from mac_control.collection.simulate import achieved
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations, save_minari
from mac_control.envs import make_kitchen
from mac_control.envs.kitchen.data import as_kitchen
from mac_control.errors import DataError, InputError
from mac_control.robot import ActionDim, Robot
from mac_control.scripts.augment import Args, Options, main

CALM = Disturbance(strength=0.0, init_noise=0.0, interrupted=0.0, min_reward=0.0)


@pytest.fixture(scope="module")
def moves() -> Demonstrations:
    """Two short demonstrations that do no subtask: the arm goes one way, or another."""
    env = make_kitchen("complete", robot_noise_ratio=0.0)
    episodes = []
    for sign in (-1, 1):
        action = np.array([0.3, -0.2, 0.1, 0.2, -0.1, 0.2, 0.1, 0.0, 0.0]) * sign
        seen = [env.reset(seed=0)[0]] + [env.step(action)[0] for _ in range(24)]
        episodes.append(Episode(np.array(seen), np.tile(action, (25, 1))))
    made = Demonstrations(episodes, ("microwave", "kettle"))
    return as_kitchen(made, noise=0.1)


@pytest.fixture(scope="module")
def human() -> Demonstrations:
    """The human demonstrations."""
    if not os.environ.get("MAC_CONTROL_DATA"):
        pytest.skip("MAC_CONTROL_DATA names no folder with the human demonstrations")
    return load_demonstrations("kitchen-complete-v0")


def test_without_disturbance_the_labels_are_what_was_done(moves):
    episode = attempt_once(plan(moves, CALM, 1, seed=0)[0], 0)
    np.testing.assert_array_equal(episode.executed, episode.actions)
    wanted = moves[0].observations[-1, :7]
    assert np.abs(episode.observations[-1, :7] - wanted).max() < 0.1


def test_arms_start_as_far_from_the_usual_pose_as_asked_for(moves):
    usual = make_kitchen("complete", robot_noise_ratio=0.0).reset(seed=0)[0][:7]
    for noise, least in ((0.0, 0.0), (0.2, 0.05)):
        episodes = [simulate(item) for item in plan(moves, replace(CALM, init_noise=noise), 4, 0)]
        off = np.array([episode.observations[0, :7] - usual for episode in episodes])
        assert least <= np.abs(off).max() <= noise + 0.03  # and what is observed is noisy
        assert len({tuple(row) for row in off}) == 4


def test_labels_correct_the_noise(moves):
    noisy = replace(CALM, strength=0.3)
    errors, corrections = [], []
    for item in plan(moves, noisy, 8, seed=0):
        episode = attempt_once(item, 0)
        frames = np.minimum(np.arange(len(episode)), 24)
        demonstrated = item.expert.demonstrations[0]
        errors.append((episode.observations - demonstrated.observations[frames])[:, :7])
        corrections.append((episode.actions - demonstrated.actions[frames])[:, :7])
    error, correction = np.concatenate(errors).ravel(), np.concatenate(corrections).ravel()
    assert np.std(error) > 0.02
    assert np.corrcoef(error, correction)[0, 1] < -0.5


def test_what_is_sent_stays_in_the_action_box_and_differs_from_the_label(moves):
    episode = attempt_once(plan(moves, replace(CALM, strength=2.0), 1, seed=3)[0], 0)
    assert np.abs(episode.executed).max() <= 1
    assert np.abs(episode.executed - episode.actions).max() > 0.1


def test_an_interrupting_operator_drives_some_dimensions_for_some_steps(moves):
    spans, sizes = [], []
    for item in plan(moves, replace(CALM, interrupted=1.0, max_dims=3), 12, seed=0):
        episode = attempt_once(item, 0)
        driven = (episode.executed != episode.actions)[:, :7]
        sizes.append(driven.any(0).sum())
        spans.append(driven.any(1).mean())
    assert max(sizes) <= 3
    assert max(spans) > 0.9, "never from start to end"
    assert min(spans) < 0.9, "always from start to end"


def test_the_scripted_expert_interrupts(moves):
    scripted = replace(CALM, interrupted=1.0, scripted=1.0)
    items = plan(moves, scripted, 4, seed=0)
    assert {item.intruder for item in items} == {"scripted"}
    driven = [np.mean(e.executed != e.actions) for e in (attempt_once(item, 0) for item in items)]
    assert max(driven) > 0.05


def test_the_scripted_expert_has_an_order_of_its_own_in_every_attempt(moves):
    env = make_kitchen("complete")
    env.reset(seed=0)
    scripted = replace(CALM, interrupted=1.0, scripted=1.0)
    items = [plan(moves, scripted, 1, seed)[0] for seed in range(4)]
    for draws in ([(item, 0) for item in items], [(items[0], attempt) for attempt in range(4)]):
        orders = [_intruder(item, attempt, env).goal for item, attempt in draws]
        assert len(set(orders)) > 1
        assert orders == [_intruder(item, attempt, env).goal for item, attempt in draws]


def test_every_demonstration_is_followed_as_often_and_never_interrupts_itself(moves):
    items = plan(moves, replace(CALM, interrupted=0.5), 20, seed=0)
    followed = [item.expert for item in items]
    assert {followed.count(expert) for expert in followed} == {10}
    assert all(item.intruder is not item.expert for item in items)
    assert 3 <= sum(item.intruder is not None for item in items) <= 17


def test_an_episode_follows_from_its_item_alone(moves):
    items = plan(moves, replace(CALM, strength=0.2, init_noise=0.1, interrupted=0.5), 4, seed=1)
    forwards = [simulate(item) for item in items]
    backwards = [simulate(item) for item in reversed(items)][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
        np.testing.assert_array_equal(a.executed, b.executed)
    assert not np.array_equal(forwards[0].observations[0], forwards[2].observations[0])


def test_episodes_below_the_reward_are_left_out(moves):
    hopeless = replace(CALM, min_reward=1.0, attempts=2)
    assert simulate(plan(moves, hopeless, 1, seed=0)[0]) is None


@pytest.mark.parametrize(("tasks", "least"), [(("microwave",), 1), ("complete", 3)])
def test_no_more_subtasks_are_asked_for_than_there_are(tasks, least):
    env = make_kitchen(tasks)
    for count in range(5):
        info = {"tasks_done": list(env.unwrapped.tasks[:count])}
        assert achieved(env, [0.0] + [1.0] * count, info, None) == (count >= least)


def test_the_verb_makes_a_data_set_and_a_report(human, tmp_path, capsys):
    out = tmp_path / "robust"
    args = Args(out=str(out), data="kitchen-complete-v0", episodes=2, seed=5, workers=2)
    main(args)
    made = load_demonstrations(out)
    assert len(made) == 2
    assert made.tasks == human.tasks
    assert all(e.rewards.sum() >= 3 for e in made)
    assert "2 of 2 episodes kept" in capsys.readouterr().out
    assert (out / "report.json").stat().st_size > 0
    assert (out / "report.png").stat().st_size > 0
    again = tmp_path / "again"
    main(replace(args, out=str(again), workers=1))
    for a, b in zip(made, load_demonstrations(again), strict=True):
        np.testing.assert_array_equal(a.observations, b.observations)
        np.testing.assert_array_equal(a.executed, b.executed)


def test_a_robot_that_is_chosen_is_simulated_and_makes_other_data(moves, tmp_path):
    save_minari(moves, tmp_path / "moves")
    file = tmp_path / "slow.toml"
    rows = [replace(action, low=-0.1, high=0.1) for action in moves.robot.actions]
    text = [f"obs_names = {json.dumps(moves.robot.obs_names)}"]
    for row in map(asdict, rows):
        known = [f"{name} = {json.dumps(each)}" for name, each in row.items() if each is not None]
        text += ["[[actions]]", *known]
    file.write_text("\n".join(text))
    options = Options(**asdict(replace(CALM, strength=2.0, max_steps=5)))
    args = Args(out=str(tmp_path / "usual"), data=str(tmp_path / "moves"), episodes=1, workers=1)
    args = replace(args, disturbance=options)
    main(args)
    assert np.abs(load_demonstrations(args.out).executed).max() > 0.2
    with pytest.raises(InputError, match="expected a name that is free, or a data set of the same"):
        main(replace(args, robot=str(file)))
    main(replace(args, robot=str(file), out=str(tmp_path / "slow")))
    assert np.abs(load_demonstrations(tmp_path / "slow").executed).max() <= np.float32(0.1)


def test_coverage_of_the_source_by_itself(moves, tmp_path):
    report = summarize(moves, moves)
    assert report["cells"] == report["cells_source"] == cells(poses(moves))
    assert report["distance_mean"] == 0
    moved = moves.observations.copy()
    moved[:, 2] += 3.0
    np.testing.assert_allclose(nearest(moved, moves.observations), 3.0, atol=0.4)
    plot(moves, moves, tmp_path / "report.png")


def test_noise_has_the_spread_of_an_autoregressive_process():
    rng, spreads = np.random.default_rng(0), []
    for _ in range(200):
        noise = ActionNoise(1, rng, strength=0.12, decay=0.9)
        spreads.append(np.mean([noise.sample() ** 2 for _ in range(200)][50:]))
    # The variance of a step, averaged over strengths up to 0.12, over 1 - decay².
    assert np.mean(spreads) == pytest.approx(0.12**2 / 3 / (1 - 0.9**2), rel=0.2)


def test_noise_touches_subsets_and_dies_out():
    noise = ActionNoise(9, np.random.default_rng(1), strength=0.1, hold=1e9)
    samples = np.array([noise.sample() for _ in range(50)])
    touched = (samples != 0).any(0)
    assert 0 < touched.sum() < 9
    assert (samples[:, ~touched] == 0).all()


def test_subsets_of_every_size_are_drawn():
    rng = np.random.default_rng(0)
    sizes = [random_subset(9, rng, 1, 6).sum() for _ in range(300)]
    assert set(sizes) == set(range(1, 7))


@pytest.mark.parametrize(
    "option",
    [{"strength": np.nan}, {"interrupted": 1.5}, {"attempts": 0}, {"gain": -1.0}, {"decay": 2.0}],
)
def test_refuses_settings_out_of_range(option):
    with pytest.raises(InputError, match=next(iter(option))):
        Disturbance(**option)


def test_refuses_demonstrations_that_cannot_be_followed(moves):
    with pytest.raises(InputError, match="know the environment they were recorded in"):
        plan(Demonstrations(moves.episodes, moves.tasks, robot=moves.robot), CALM, 1, seed=0)
    with pytest.raises(InputError, match="interrupted"):
        plan(moves.select([0]), replace(CALM, interrupted=0.5), 1, seed=0)
    episode = Episode(np.zeros((3, 12)), np.zeros((3, 9)))
    blind = Demonstrations([episode], ("kettle",), moves.provenance)
    with pytest.raises(InputError, match="whose robot is known, got none"):
        plan(blind, CALM, 1, seed=0)
    with pytest.raises(DataError, match="expected 30 observed entries, got 12"):
        replace(blind, robot=moves.robot)


class Reuses(gymnasium.Env):
    """Moves a point, and returns the same array in every step."""

    robot = Robot("point", (ActionDim("x", position=0, gain=1.0),), rate=10.0)

    def __init__(self):
        self.observation_space = gymnasium.spaces.Box(-9, 9, (1,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
        self.x, self.max_episode_steps = np.zeros(1, np.float32), 8

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x[:] = 0
        return self.x, {}

    def step(self, action):
        self.x += 0.1 * action
        return self.x, 0.0, False, False, {}


def test_observations_are_kept_as_they_were():
    seen = np.arange(8, dtype=np.float32)[:, None] * 0.05
    env = {"id": "test_augment:Reuses", "options": {}}
    made = Demonstrations([Episode(seen, np.full((8, 1), 0.5))], (), {"env": env}, Reuses.robot)
    episode = attempt_once(plan(made, replace(CALM, min_reward=None), 1, seed=0)[0], 0)
    moved = np.diff(episode.observations[:, 0])
    assert moved == pytest.approx(0.1 * episode.executed[:-1, 0], abs=1e-5) and moved.any()
