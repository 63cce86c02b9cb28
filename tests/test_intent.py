"""Intent: what is given tells what the operator is up to, and the belief lasts."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations, save_minari
from mac_control.demonstrations.table import Table
from mac_control.errors import InputError
from mac_control.loop import evaluate
from mac_control.partial import PartialAction
from mac_control.policies.arbitrated import Arbitrated
from mac_control.policies.intent import IntentConfig
from mac_control.scripts.train import Training, chosen, main, with_policy
from mac_control.training import TrainConfig, new_policy, train

D = 3
SMALL = {"policy": "mixture_bc", "options": {"width": 16, "components": 1}, "width": 16}


def demonstrations():
    """To the left, everything moves down; to the right, up: nothing that is seen tells which."""
    rng = np.random.default_rng(0)
    episodes = []
    for name, sign in (("left", -1), ("right", 1)) * 4:
        actions = sign * 0.5 + rng.normal(0, 0.1, (40, D))
        subtasks = np.full(40, name)
        episodes.append(Episode(rng.normal(size=(40, 2)), actions.clip(-1, 1), subtasks=subtasks))
    return Demonstrations(episodes)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    out = tmp_path_factory.mktemp("intent")
    config = TrainConfig(steps=300, batch_size=64, warmup=20, ema=0.9)
    train("intent", demonstrations(), out, policy_config=IntentConfig(**SMALL), config=config)
    return load_policy(out)


def steps(policy, values, given, count):
    for _ in range(count):
        action = policy.act(np.zeros((len(values), 2)), PartialAction(values, given))
    return action


def test_names_of_the_demonstrations_are_the_intents(policy):
    assert policy.config.intents == ("left", "right")
    assert policy.obs_dim == 2 and policy.inner.obs_dim == 4


def test_what_is_given_decides_and_the_belief_lasts(policy):
    policy.reset(seed=0)
    values = np.tile([[-0.5], [0.5]], (1, D))
    given = np.zeros((2, D), bool)
    given[:, 1] = True
    action = steps(policy, values, given, 5)
    assert policy.inferred_intent == ["left", "right"]
    assert np.allclose(policy.belief.sum(1), 1) and (policy.belief.max(1) > 0.9).all()
    assert np.abs(action - values).max() < 0.15 and np.array_equal(action[:, 1], values[:, 1])
    # Hands off: the habit cannot tell, so the belief goes on.
    action = steps(policy, values, np.zeros((2, D), bool), 5)
    assert policy.inferred_intent == ["left", "right"] and np.abs(action - values).max() < 0.15
    # The other way, clearly: followed within a second.
    action = steps(policy, -values, given, 12)
    assert policy.inferred_intent == ["right", "left"] and np.abs(action + values).max() < 0.15


def test_belief_is_bayes_rule(policy):
    policy.reset(seed=0)
    rng = np.random.default_rng(0)
    config, belief = policy.config, None
    for _ in range(6):
        obs = rng.normal(size=(1, 2)).astype(np.float32)
        partial = PartialAction(rng.uniform(-1, 1, (1, D)), rng.random((1, D)) < 0.5)
        habit = policy._prior(obs)[0]
        before = (
            habit
            if belief is None
            else (1 - config.transition_prob) * belief + config.transition_prob / 2
        )
        other = PartialAction(-partial.values, ~partial.given)
        each, of_other = (
            np.array(
                [
                    policy.inner.log_prob(np.r_[obs[0], told][None], asked)[0]
                    for told in np.eye(2, dtype=np.float32)
                ]
            )
            for asked in (partial, other)
        )
        policy.act(obs, partial)
        for asked, likelihoods in ((partial, each), (other, of_other)):
            assert policy.log_prob(obs, asked)[0] == pytest.approx(
                np.log(before @ np.exp(likelihoods)), abs=1e-4
            )
        evidence = (
            config.likelihood_weight * each if partial.given.any() else config.prior * np.log(habit)
        )
        likelihood = np.exp(np.maximum(evidence - evidence.max(), -config.most))
        belief = before * likelihood / (before @ likelihood)
        assert np.allclose(policy.belief[0], belief, atol=1e-5)


def test_an_absurd_command_counts_only_so_much(policy):
    policy.reset(seed=0)
    sure = np.full((1, D), 0.5)
    steps(policy, sure, np.ones((1, D), bool), 10)
    before = (
        policy.belief[0, 1] * (1 - policy.config.transition_prob)
        + policy.config.transition_prob / 2
    )
    steps(policy, -np.ones((1, D)), np.ones((1, D), bool), 1)
    odds = np.log(policy.belief[0, 0] / policy.belief[0, 1])
    assert odds == pytest.approx(policy.config.most + np.log((1 - before) / before), abs=1e-3)


def test_soft_commands_count_as_far_as_they_are_meant(policy):
    obs, exact = np.zeros((1, 2)), PartialAction(np.full((1, D), 0.5), np.ones((1, D), bool))
    beliefs, after = [], []
    for partial in (exact, exact.soften(0.5), exact.soften(100.0), PartialAction.nothing(1, D)):
        policy.reset(seed=0)
        steps(policy, np.full((1, D), -0.5), np.ones((1, D), bool), 3)
        said = policy.log_prob(obs + 1, partial)
        likelihoods = [policy.inner.log_prob(np.r_[1, 1, z][None], partial) for z in np.eye(2)]
        before = policy._predicted(obs)[0]
        assert said == pytest.approx(np.log(before @ np.exp(likelihoods)), abs=1e-4)
        beliefs.append(before[1])
        policy.act(obs, partial)
        after.append(policy.belief[0, 1])
        assert policy.log_prob(obs, partial) == pytest.approx(policy.log_prob(obs, partial))
    assert after[0] > after[1] > after[2] == pytest.approx(beliefs[2], abs=1e-3)
    policy.reset(seed=0)
    steps(policy, np.full((1, D), -0.5), np.ones((1, D), bool), 3)
    policy.act(obs, exact.soften(np.inf))
    assert policy.belief[0, 1] == after[3] and policy.log_prob(obs, exact.soften(np.inf)) == 0


def test_a_reset_forgets_and_rows_are_independent(policy):
    values, given = np.full((2, D), -0.5), np.ones((2, D), bool)
    given[1] = False
    policy.reset(seed=0)
    steps(policy, values, given, 4)
    both = policy.belief
    for row in range(2):
        policy.reset(seed=0)
        steps(policy, values[[row]], given[[row]], 4)
        assert np.allclose(policy.belief[0], both[row], atol=1e-6)
    policy.reset(seed=0)
    with pytest.raises(InputError, match="belief: expected an act since the reset"):
        _ = policy.belief
    assert policy.inferred_intent == []


def test_rows_change_only_at_a_reset(policy):
    policy.reset(seed=0)
    policy.act(np.zeros((2, 2)))
    with pytest.raises(InputError, match="obs: expected 2 rows"):
        policy.act(np.zeros((3, 2)))
    policy.act(np.zeros((2, 2)))


def test_training_sees_the_demonstrators_intent():
    data = demonstrations()
    policy = new_policy("intent", data, 0, IntentConfig(**SMALL, intents=("up", "right", "left")))
    rows = torch.arange(len(data.actions))
    told = policy.training_rows(Table(data), rows).obs[:, 2:]
    names = np.concatenate([episode.subtasks for episode in data])
    assert [policy.config.intents[place] for place in told.argmax(1)] == names.tolist()
    assert torch.equal(told.sum(1), torch.ones(len(rows)))


def test_mac_within_is_saved_and_loaded(tmp_path):
    inner = {"width": 16, "obs_width": 16, "layers": 1}
    policy = new_policy("intent", demonstrations(), 0, IntentConfig(options=inner, width=8))
    loaded = load_policy(save_policy(tmp_path, policy))
    partial = PartialAction(np.full((1, D), 0.2), [[True, False, False]])
    for each in (policy, loaded):
        each.reset(seed=1)
    obs = np.ones((1, 2))
    assert np.array_equal(policy.act(obs, partial), loaded.act(obs, partial))
    assert policy.uncertainty(obs, partial)[0, 0] == 0
    assert (policy.uncertainty(obs, partial)[0, 1:] > 0).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"policy": "windowed"}, "policy: expected one that is not stateful"),
        ({"policy": "bc", "options": {}}, "policy: expected one with a density.*got bc"),
        ({"options": {"colour": 1}}, "options: expected those of mixture_bc"),
        ({"intents": ("left",)}, "intents: expected all that demonstrations name, got none for r"),
        ({"intents": ("left", "left")}, "intents: expected different names"),
        ({"transition_prob": 1.5}, r"transition_prob: expected a probability in \[0, 1\], got 1.5"),
        ({"likelihood_weight": float("nan")}, "likelihood_weight: expected at least 0, got nan"),
        ({"width": 0}, "width: expected at least 1"),
    ],
)
def test_bad_settings_are_named(change, match):
    with pytest.raises(InputError, match=match):
        new_policy("intent", demonstrations(), 0, IntentConfig(**SMALL | change))


def test_data_without_subtasks_are_refused():
    bare = Demonstrations([Episode(np.zeros((4, 2)), np.zeros((4, D)))])
    with pytest.raises(InputError, match="intents: expected demonstrations that say which subtask"):
        new_policy("intent", bare, 0, IntentConfig(**SMALL))
    one = Demonstrations([Episode(np.zeros((4, 2)), np.zeros((4, D)), subtasks=["left"] * 4)])
    with pytest.raises(InputError, match="intents: expected at least two"):
        new_policy("intent", one, 0, IntentConfig(**SMALL))
    mixed = Demonstrations([*demonstrations(), *bare])
    policy = new_policy("intent", mixed, 0, IntentConfig(**SMALL))
    with pytest.raises(InputError, match="intents: expected the subtask of every step"):
        policy.training_rows(Table(mixed), torch.arange(len(mixed.actions)))


def test_subtasks_that_only_held_out_episodes_name_are_intents(tmp_path):
    up = replace(demonstrations()[0], subtasks=np.full(40, "up"))
    data = Demonstrations([*demonstrations(), up])
    seed = next(s for s in range(99) if "up" in data.split(0.1, s)[1].subtasks)
    config = TrainConfig(steps=2, batch_size=8, validation=0.1, split_seed=seed, check_every=1)
    options = {"config": config, "progress": False}
    train("intent", data, tmp_path, policy_config=IntentConfig(**SMALL), **options)
    assert load_policy(tmp_path).config.intents == ("left", "right", "up")


def test_a_policy_trained_further_knows_all_intents_that_are_named(policy, tmp_path):
    start, options = tmp_path / "start", {"config": TrainConfig(steps=1), "progress": False}
    save_policy(start, policy)
    train("intent", demonstrations(), tmp_path / "same", start=start, **options)
    up = replace(demonstrations()[0], subtasks=np.full(40, "up"))
    data = Demonstrations([*demonstrations(), up])
    with pytest.raises(InputError, match="got none for up; train a new policy that has these too"):
        train("intent", data, tmp_path / "more", start=start, **options)
    with pytest.raises(InputError, match="got none for up"):
        policy.training_rows(Table(data), torch.arange(3))


def test_what_fits_no_intent_is_overruled_where_asked_for(policy):
    policy.reset(seed=0)
    steps(policy, np.zeros((2, D)), np.zeros((2, D), bool), 1)  # of another number of rows
    judge = Arbitrated(policy, z=2.0)
    judge.reset(seed=0)
    given = np.array([[False, True, False]])
    obeyed = steps(judge, np.array([[0, 0.5, 0]]), given, 30)
    assert obeyed[0, 1] == 0.5 and judge.inferred_intent == ["right"]
    overruled = steps(judge, np.array([[0, 1.0, 0]]), given, 30)
    assert overruled[0, 1] != 1.0 and np.abs(overruled - 0.5).max() < 0.15
    steps(judge, np.array([[0, -0.5, 0]]), given, 30)  # another intent, not overruled for long
    assert judge.inferred_intent == ["left"]


def test_the_command_line_trains_one_and_rates_it(tmp_path):
    mixture_bc = with_policy("mixture_bc")
    args = mixture_bc(out=tmp_path, policy="mixture_bc", wrapper="intent")
    assert main(replace(args, training=Training(steps=3, batch_size=8))) is None
    policy = load_policy(tmp_path)
    assert policy.config.policy == "mixture_bc" and "kettle" in policy.config.intents
    # Further on kitchen data without labels: these are labelled in hindsight, as at first.
    known = load_demonstrations("builtin").select([0])
    bare = replace(known, episodes=[replace(known[0], subtasks=None)])
    save_minari(bare, str(tmp_path / "bare"))
    further = with_policy()(out=tmp_path / "b", start=tmp_path, data=(str(tmp_path / "bare"),))
    assert main(replace(further, training=Training(steps=1, batch_size=8))) is None
    options = {"max_episode_steps": 5}
    (row,) = evaluate([tmp_path], ["random"], [3], episodes=2, workers=1, env_options=options)
    assert row["policy"] == "intent" and row["metrics"]["log_prob_per_dim"] is not None
    with pytest.raises(InputError, match="windowed: expected --wrapper windowed with its options"):
        chosen(replace(args, windowed=replace(args.windowed, n_obs_steps=2)))


def test_draws_follow_the_intent(policy):
    policy.reset(seed=0)
    values = np.tile(np.float32([[-0.5], [0.5]]), (1, D))
    given = np.zeros((2, D), bool)
    given[:, 1] = True
    steps(policy, values, given, 5)
    drawn = policy.sample(np.zeros((2, 2)), PartialAction(values, given))
    assert (np.sign(drawn) == np.sign(values)).all() and not np.array_equal(drawn, values)
    assert np.array_equal(drawn[given], values[given])
