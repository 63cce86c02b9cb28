"""History and chunks: windows in training are those in acting, and state is kept per row."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.demonstrations.table import Table
from mac_control.envs import make_kitchen
from mac_control.errors import InputError
from mac_control.loop import rollout_group
from mac_control.operators import make_operator
from mac_control.partial import PartialAction
from mac_control.policies.windowed import WindowConfig, Windowed
from mac_control.training import TrainConfig, new_policy, train

OBS, D, T = 3, 2, 20


def demonstrations(episodes=3):
    rng = np.random.default_rng(0)
    return Demonstrations(
        [
            Episode(
                rng.standard_normal((T, OBS)),
                rng.uniform(-1, 1, (T, D)),
                executed=rng.uniform(-1, 1, (T, D)),
            )
            for _ in range(episodes)
        ]
    )


def windowed(policy="mac", **options):
    inner = {"width": 16, "obs_width": 16, "layers": 1} if policy == "mac" else {"width": 16}
    return new_policy("windowed", demonstrations(), 0, WindowConfig(policy, inner, **options))


class Recorded:
    """Keeps what the policy within is asked."""

    def __init__(self, policy, monkeypatch):
        self.asked = []
        act = policy.inner.act

        def record(obs, partial):
            self.asked.append((obs, partial))
            return act(obs, partial)

        monkeypatch.setattr(policy.inner, "act", record)


def test_windows_in_training_are_those_in_acting(monkeypatch):
    policy = windowed(n_obs_steps=3, past=2, stride=2, chunk_size=3, remember="all")
    data = demonstrations()
    table = Table(data)
    steps = policy.training_rows(table, torch.arange(len(table)))
    seen, executed = steps.obs.numpy(), steps.executed.numpy()
    rows = executed.reshape(len(executed), 5, D)  # now, two future, two past
    recorded = Recorded(policy, monkeypatch)
    for number, episode in enumerate(data):
        policy.reset(seed=0)
        for t in range(T):
            now = PartialAction(episode.executed[t], [True, False])
            policy.act(episode.observations[t], now)
            # What is done is not ours to choose: pretend it was the demonstration's action.
            policy._past[-1] = PartialAction.everything(episode.executed[t : t + 1])
            obs, partial = recorded.asked.pop()
            at = number * T + t
            assert np.array_equal(obs[0], seen[at])
            values, given = (part.reshape(5, D) for part in (partial.values[0], partial.given[0]))
            assert given[0].tolist() == [True, False] and not given[1:3].any()
            assert values[0, 0] == rows[at, 0, 0]
            for i, back in enumerate((2, 4)):
                assert given[3 + i].all() == given[3 + i].any() == (t >= back)
                if t >= back:
                    assert np.array_equal(values[3 + i], rows[at, 3 + i])


def test_only_what_the_operator_gave_is_remembered(monkeypatch):
    policy = windowed(past=2)
    recorded = Recorded(policy, monkeypatch)
    policy.reset(seed=0)
    for value in (0.1, 0.2, 0.3):
        policy.act(np.zeros(OBS), PartialAction([value, 0.0], [True, False]))
    policy.act(np.zeros(OBS), PartialAction([0.4, 0.4], [True, True], [0.5, np.inf]))
    policy.act(np.zeros(OBS))
    assert recorded.asked.pop()[1].given.reshape(3, D).tolist()[1] == [True, False]
    recorded.asked.pop()
    _, partial = recorded.asked[-1]
    assert partial.given.reshape(3, D).tolist() == [[True, False]] * 3
    assert partial.values.reshape(3, D)[:, 0] == pytest.approx([0.3, 0.2, 0.1])
    policy.reset(seed=0)
    policy.act(np.zeros(OBS))
    assert not recorded.asked[-1][1].given.any()


def test_commitments_are_kept_and_the_operator_goes_first(monkeypatch):
    policy = windowed(chunk_size=3, commit=1)
    recorded = Recorded(policy, monkeypatch)
    policy.reset(seed=0)
    policy.act(np.zeros(OBS))
    plan = policy._plans[-1].copy()
    action = policy.act(np.ones(OBS), PartialAction([0.5, 0.0], [True, False]))
    assert action[0] == 0.5 and action[1] == plan[0, 1, 1]
    given = recorded.asked[-1][1].given.reshape(3, D)
    assert given.tolist() == [[True, True], [False, False], [False, False]]


def test_a_window_of_one_is_the_policy_within():
    policy = windowed("bc")
    obs = np.random.default_rng(1).standard_normal((4, OBS))
    assert np.array_equal(policy.act(obs), policy.inner.act(obs))


@pytest.mark.parametrize("inner", ["bc", "mixture_bc", "ibc", "diffusion", "mac"])
def test_every_policy_trains_and_loads_with_windows(tmp_path, inner):
    config = WindowConfig(inner, {"width": 8}, n_obs_steps=2, past=1, chunk_size=2)
    (folder,) = train(
        "windowed",
        demonstrations(),
        tmp_path,
        policy_config=config,
        config=TrainConfig(steps=4, batch_size=8),
        progress=False,
    )
    policy = load_policy(folder)
    assert policy.config == config and policy.obs_dim == OBS
    policy.reset(seed=0)
    action = policy.act(np.zeros((3, OBS)), PartialAction.nothing(3, D))
    assert action.shape == (3, D)


def test_rows_of_a_lockstep_group_do_not_mix():
    config = WindowConfig(
        "mac", {"width": 16, "obs_width": 16}, n_obs_steps=3, past=2, chunk_size=2
    )
    box = np.ones(9)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        policy = Windowed(config, np.zeros(30), np.ones(30), -box, box)
    envs = [make_kitchen(max_episode_steps=6) for _ in range(3)]
    operators = [make_operator("random", action_dim=9, given=4) for _ in envs]
    together = rollout_group(envs, policy, operators, seeds=[1, 2, 3])
    for index, seed in enumerate((1, 2, 3)):
        (alone,) = rollout_group(envs[:1], policy, operators[:1], seeds=[seed])
        assert np.allclose(alone.actions, together[index].actions, atol=1e-4)
        assert np.allclose(alone.log_prob, together[index].log_prob, atol=1e-2)
        assert np.isfinite(alone.log_prob).all() and (alone.log_prob != 0).all()


@pytest.mark.parametrize(
    "options", [{"commit": 2}, {"temporal_ensemble_coeff": 0.0}, {"past": 2, "n_obs_steps": 2}]
)
def test_a_row_that_is_given_whole_does_the_same_alone_as_beside_others(options):
    policy, rng = windowed(chunk_size=4, **options), np.random.default_rng(0)
    obs = rng.normal(size=(8, 2, OBS)).astype(np.float32)
    values, given = rng.uniform(-1, 1, (8, 2, D)), rng.random((8, 2, D)) < 0.4
    given[1::2, 0], given[1::2, 1] = True, False
    policy.reset(seed=0)
    both = [policy.act(o, PartialAction(v, g)) for o, v, g in zip(obs, values, given, strict=True)]
    for row in range(2):
        policy.reset(seed=0)
        steps = zip(obs[:, row], values[:, row], given[:, row], strict=True)
        alone = [policy.act(o, PartialAction(v, g)) for o, v, g in steps]
        np.testing.assert_allclose(np.stack(both)[:, row], alone, atol=1e-5)


def test_training_gives_one_set_of_dimensions_over_time_and_never_asks_the_past():
    policy = windowed(past=3, chunk_size=3, commit=1)
    rng = torch.Generator().manual_seed(0)
    given, asked = (m.view(500, 6, D) for m in policy.queries(500, 6 * D, rng))
    assert not asked[:, 3:].any() and not (given & asked).any() and asked.any((1, 2)).all()
    begun = given[:, 3:].any(-1)
    assert (begun[:, :-1] | ~begun[:, 1:]).all()  # the near past before the far
    kept = given[:, 0].all(-1)  # where a row is committed
    same = given[:, 3] == given[:, 0]
    assert same[begun[:, 0] & ~kept].all()
    assert not given[:, 1:3].any()


def test_likelihood_of_a_command_counts_itself_alone():
    policy, plain = windowed(past=1), windowed()
    assert plain.log_prob(np.zeros(OBS), PartialAction([0.2, 0.0], [True, False])) is not None
    policy.reset(seed=0)
    partial = PartialAction([0.2, 0.0], [True, False])
    before = policy.log_prob(np.zeros(OBS), partial)
    policy.act(np.zeros(OBS), partial)
    first = policy.log_prob(np.zeros(OBS), partial)
    assert first == pytest.approx(before)  # nothing is known of the past
    policy.act(np.zeros(OBS), partial)
    assert policy.log_prob(np.zeros(OBS), partial) != first
    assert policy.log_prob(np.zeros(OBS), partial.soften(np.inf)) == 0  # is not given
    assert windowed("bc").log_prob(np.zeros(OBS), partial) is None


def test_another_batch_needs_a_reset_and_an_error_changes_nothing():
    policy = windowed(n_obs_steps=2)
    policy.act(np.zeros((2, OBS)))
    with pytest.raises(InputError, match="or a reset"):
        policy.act(np.zeros((3, OBS)))
    with pytest.raises(InputError, match="finite"):
        policy.act(np.full((2, OBS), np.nan))
    assert len(policy._seen) == 1
    policy.reset()
    assert policy.act(np.zeros((3, OBS))).shape == (3, D)
    with pytest.raises(InputError, match=r"obs: expected shape \(3,\)"):
        windowed().act(np.zeros(OBS + 1))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"n_obs_steps": 0}, "n_obs_steps"),
        ({"chunk_size": 2, "commit": 2}, "commit"),
        ({"remember": "nothing"}, "remember"),
        ({"policy": "windowed"}, "policy"),
    ],
)
def test_settings_that_cannot_be(options, name):
    with pytest.raises(InputError, match=name):
        new_policy("windowed", demonstrations(), 0, WindowConfig(**options))


def test_what_needs_the_sizes_of_one_step_is_refused_in_windows():
    for policy, inner, match in (
        ("mac", {"blocks": 2}, "blocks: expected 0 within windowed"),
        ("consistency", {"teacher": "x"}, "that learns from demonstrations alone.*got consistency"),
        (
            "mac",
            {"mask_distribution": "operator", "num_given": (D, D + 1)},
            "num_given: expected a number below 2",
        ),
    ):
        with pytest.raises(InputError, match=match):
            config = WindowConfig(policy, inner, chunk_size=3)
            new_policy("windowed", demonstrations(), 0, config)
    sizes = {"blocks": 2, "block_sizes": (1, 3), "width": 16}  # of two steps
    policy = new_policy("windowed", demonstrations(), 0, WindowConfig("mac", sizes, chunk_size=2))
    assert policy.inner.blocks == [[0], [1, 2, 3]]


def test_options_that_do_not_fit(tmp_path):
    with pytest.raises(InputError, match="options"):
        new_policy("windowed", demonstrations(), 0, WindowConfig("bc", {"colour": 1}))
    with pytest.raises(InputError, match="corrections"):
        train(
            "windowed",
            demonstrations(),
            tmp_path,
            policy_config=WindowConfig("bc", n_obs_steps=2),
            config=TrainConfig(corrections=0.1),
        )


def test_successive_plans_are_averaged():
    config = WindowConfig("bc", {"width": 8}, chunk_size=3, temporal_ensemble_coeff=0.5)
    policy = new_policy("windowed", demonstrations(), 0, config)
    policy.reset(seed=0)
    rng, plans = np.random.default_rng(0), []
    for step in range(5):
        obs = rng.normal(size=(2, policy.obs_dim)).astype(np.float32)
        plans.append(policy.inner.act(obs).reshape(2, 3, -1))
        if step == 3:  # the operator gives everything; what comes then is planned all the same
            everything = PartialAction.everything(np.zeros((2, policy.action_dim)))
            assert (policy.act(obs, everything) == 0).all()
            continue
        ages = range(min(step + 1, 3))
        weights = np.exp([0.5 * a for a in ages])
        said = sum(w * plans[step - a][:, a] for w, a in zip(weights, ages, strict=True))
        np.testing.assert_allclose(policy.act(obs), said / weights.sum(), atol=1e-6)
    # However large, a finite number has finite weights: here the oldest plan alone counts.
    policy.config = replace(config, temporal_ensemble_coeff=1e6)
    policy.reset(seed=0)
    seen = rng.normal(size=(3, 2, policy.obs_dim)).astype(np.float32)
    first = policy.inner.act(seen[0]).reshape(2, 3, -1)
    for step in range(3):
        np.testing.assert_allclose(policy.act(seen[step]), first[:, step], atol=1e-6)
    with pytest.raises(InputError, match="temporal_ensemble_coeff: expected a finite number"):
        WindowConfig("bc", chunk_size=2, commit=1, temporal_ensemble_coeff=0.0)


def test_the_past_comes_last():
    config = WindowConfig("mac", {"width": 8, "order": "random"}, past=2)
    with pytest.raises(InputError, match="order: expected natural within windowed with a past"):
        new_policy("windowed", demonstrations(), 0, config)


def test_marginal_queries_ask_some_of_the_present():
    policy = windowed(chunk_size=2)
    inner = replace(policy.inner.config, mask_distribution="marginal")
    marginal = Windowed(
        replace(policy.config, options={**policy.config.options, "mask_distribution": "marginal"}),
        *policy.box,
    )
    given, asked = marginal.queries(500, 2 * D, torch.Generator().manual_seed(0))
    present = {tuple(row) for row in asked[:, :D].tolist()}
    assert not given.any() and present == {(True, True), (True, False), (False, True)}
    assert inner.mask_distribution == marginal.inner.config.mask_distribution
