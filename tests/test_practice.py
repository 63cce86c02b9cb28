"""Practice: exact likelihoods of what is tried, resumed to the same weights, and better for it."""

import itertools

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError, PartialAction
from mac_control.checkpoint import load_policy, read, save_policy
from mac_control.cli import run
from mac_control.envs.make import EnvName
from mac_control.errors import CheckpointError
from mac_control.operators import Operator
from mac_control.policies.bc import BC
from mac_control.policies.mac import MacConfig, MacPolicy
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.practice.config import PracticeConfig
from mac_control.practice.explore import explorer_of
from mac_control.practice.learn import divergence
from mac_control.practice.play import advantages
from mac_control.practice.run import Practice
from mac_control.scripts import practice

SMALL = MacConfig(width=16, layers=1, obs_width=16, components=2, masks=1)
ENV = EnvName("test_practice:Sum")


class Sum(gymnasium.Env):
    """Rewards two numbers whose sum is 0.6."""

    observation_space = Box(-1, 1, (1,), np.float32)
    action_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        reward = -abs(float(action.sum()) - 0.6)
        return np.zeros(1, np.float32), reward, False, self.steps == 4, {}


class Draws(Operator):
    """Gives both numbers at random, from -0.4 to 1."""

    def __init__(self, action_dim):
        self.rng = np.random.default_rng(0)

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)

    def read(self, obs):
        return PartialAction.everything(self.rng.uniform(-0.4, 1, 2))


def policy(seed=0, **changes):
    torch.manual_seed(seed)
    config = MacConfig(**{**SMALL.__dict__, **changes})
    return MacPolicy(config, np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))


@pytest.fixture
def began(tmp_path):
    return save_policy(tmp_path / "began", policy(components=1), training={"seed": 0})


def session(began, out, steps=200, operators=("test_practice:Draws",), **changes):
    options = {"envs": 8, "num_given": (1,), "batch_size": 32, "lr": 3e-3, **changes}
    config = PracticeConfig(steps=steps, **options)
    return Practice(began, operators, None, ENV, out, config)


@settings(max_examples=20)
@given(st.integers(0, 99), st.lists(st.booleans(), min_size=2, max_size=2))
def test_what_is_tried_has_the_likelihood_that_the_policy_says(seed, mask):
    acting = policy(seed)
    explorer = explorer_of(acting, spread=1.0, correlation=0.5)
    generator = torch.Generator().manual_seed(seed)
    noise = explorer.start(3, generator)
    obs, x = torch.zeros(3, 1), torch.rand(3, 2, generator=generator) - 0.5
    known = torch.tensor([mask] * 3)
    drawn = explorer.draw(obs, x, known, noise)
    assert torch.equal(drawn[known], x[known])  # bit for bit
    assert torch.equal(drawn, explorer.draw(obs, x, known, noise))
    inside = drawn.clamp(-1, 1)
    if all(mask):
        assert explorer.log_prob(obs, inside, known).tolist() == [0, 0, 0]
    else:  # the box is that of the unit: no units in between
        expected = acting.conditional_log_prob(np.zeros((3, 1)), inside.numpy(), known.numpy())
        assert explorer.log_prob(obs, inside, known).tolist() == pytest.approx(expected, abs=1e-4)


def mixture(seed=0, **changes):
    torch.manual_seed(seed)
    config = MixtureBC.Config(**{"width": 8, "components": 3, "condition": True, **changes})
    return MixtureBC(config, np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))


@settings(max_examples=20)
@given(st.integers(0, 99), st.lists(st.booleans(), min_size=2, max_size=2))
def test_a_mixture_density_too_has_the_likelihood_that_it_says(seed, mask):
    acting = mixture(seed)
    explorer = explorer_of(acting, spread=1.0, correlation=0.5)
    generator = torch.Generator().manual_seed(seed)
    obs, x = torch.zeros(3, 1), torch.rand(3, 2, generator=generator) - 0.5
    known = torch.tensor([mask] * 3)
    drawn = explorer.draw(obs, x, known, explorer.start(3, generator))
    assert torch.equal(drawn[known], x[known])  # bit for bit
    expected = acting.conditional_log_prob(np.zeros((3, 1)), drawn.numpy(), known.numpy())
    assert explorer.log_prob(obs, drawn, known).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("condition", [True, False])
def test_draws_of_a_mixture_density_have_its_moments(condition):
    explorer = explorer_of(mixture(condition=condition), spread=0.7, correlation=0.9)
    generator = torch.Generator().manual_seed(0)
    many = 20000
    obs, x = torch.zeros(many, 1), torch.full((many, 2), 0.3)
    known = torch.tensor([[True, False]] * many)
    drawn = explorer.draw(obs, x, known, explorer.start(many, generator))[:, 1]
    grid = torch.linspace(-12, 12, 4001)  # by the density that learning reads
    asked = torch.stack([torch.full_like(grid, 0.3), grid], -1)
    with torch.no_grad():
        density = explorer.log_prob(torch.zeros(4001, 1), asked, known[:4001]).exp()
    assert float(torch.trapezoid(density, grid)) == pytest.approx(1, abs=1e-3)
    mean = float(torch.trapezoid(density * grid, grid))
    std = float(torch.trapezoid(density * (grid - mean) ** 2, grid)) ** 0.5
    assert float(drawn.mean()) == pytest.approx(mean, abs=5 * std / many**0.5)
    assert float(drawn.std()) == pytest.approx(std, rel=0.05)


def test_draws_are_those_of_the_density_and_go_on_from_step_to_step():
    explorer = explorer_of(policy(components=1), spread=0.5, correlation=0.9)
    generator = torch.Generator().manual_seed(0)
    noise = explorer.start(4000, generator)
    obs, x = torch.zeros(4000, 1), torch.full((4000, 2), 0.3)
    known = torch.tensor([[True, False]] * 4000)
    first = explorer.draw(obs, x, known, noise)[:, 1]
    params = explorer.model.network(x[:1], torch.tensor([[0, 1]]), obs[:1], 1)[0, 1].detach()
    mean, std = (float(f(params)) for f in (explorer.head.mean, explorer.head.std))
    assert float(first.mean()) == pytest.approx(mean, abs=0.1 * std)
    assert float(first.std()) == pytest.approx(std, rel=0.05)
    assert std == pytest.approx(0.5 * float(policy(components=1).model.head.std(params)), rel=1e-4)
    second = explorer.draw(obs, x, known, explorer.next(noise, generator))[:, 1]
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(0.9, abs=0.03)


@given(st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=5), min_size=1, max_size=3),
       st.floats(0, 1), st.integers(0, 9))  # fmt: skip
def test_advantages_are_those_of_returns_where_all_of_the_trace_is_kept(episodes, discount, seed):
    rewards = np.float32(np.concatenate(episodes))
    lasts = np.concatenate([np.arange(len(e)) == len(e) - 1 for e in episodes])
    values = np.random.default_rng(seed).normal(size=len(rewards)).astype(np.float32)
    returns = [sum(discount**j * r for j, r in enumerate(e[i:]))
               for e in episodes for i in range(len(e))]  # fmt: skip
    found = advantages(rewards, values, lasts, discount, 1.0)
    assert found == pytest.approx(np.float32(returns) - values, abs=1e-4)


@given(st.floats(-30, 3), st.floats(-30, 3))
def test_a_divergence_is_never_negative(new, first):
    assert divergence(torch.tensor(new), torch.tensor(first)) >= 0
    assert divergence(torch.tensor(new), torch.tensor(new)) == 0


def test_practice_helps_with_what_is_given_and_keeps_near_where_it_began(began, tmp_path):
    rows = []
    made = session(began, tmp_path / "out", steps=1280, anchor=0.0, bound=50.0)
    made.run(lambda step, row: rows.append(row))
    made.close()
    rewards = [row["reward"] for row in rows]
    assert np.mean(rewards[-5:]) > np.mean(rewards[:5]) + 0.5  # of some -2
    better, before = load_policy(tmp_path / "out"), load_policy(began)
    given = PartialAction([0.2, 0.0], [True, False])
    wrong = [abs(p.act(np.zeros(1), given)[1] - 0.4) for p in (better, before)]
    assert wrong[0] < wrong[1]
    told = better.checkpoint["training"]
    assert told["practice"]["played"] == 1280
    assert (told["from"], told["seed"]) == (before.checkpoint["training"], 0)
    held = session(began, tmp_path / "held", steps=320, anchor=100.0)
    held.run(lambda step, row: rows.append(row))
    held.close()
    free = session(began, tmp_path / "free", steps=320, anchor=0.0, bound=50.0)
    far = []
    free.run(lambda step, row: far.append(row["divergence"]))
    free.close()
    assert rows[-1]["divergence"] < 0.5 * far[-1]


def test_a_mixture_density_practises_too(tmp_path):
    began = save_policy(tmp_path / "began", mixture(components=1), training={"seed": 0})
    rows = []
    made = session(began, tmp_path / "out", steps=1280, anchor=0.0, bound=50.0)
    made.run(lambda step, row: rows.append(row["reward"]))
    made.close()
    assert np.mean(rows[-5:]) > np.mean(rows[:5]) + 0.3
    assert load_policy(tmp_path / "out").checkpoint["training"]["practice"]["played"] == 1280


def test_a_policy_at_its_bound_stays_near_it_and_goes_on_learning(began, tmp_path):
    made = session(began, tmp_path / "out", steps=960, anchor=0.0, bound=0.05)
    far, weights = [], []

    def tell(step, row):
        far.append(row["divergence"])
        weights.append(torch.cat([p.detach().flatten() for p in made.policy.parameters()]))

    made.run(tell)
    made.close()
    assert max(far) > 0.05 and far[-1] < 0.5
    assert all(not torch.equal(*pair) for pair in itertools.pairwise(weights))


def test_interrupted_practice_ends_with_the_same_weights(began, tmp_path):
    class Stop(Exception):
        pass

    def stop(step, row):
        if step >= 64:
            raise Stop

    whole = session(began, tmp_path / "whole", steps=160, num_given=(0, 1, 2), save_seconds=0)
    whole.run()
    cut = session(began, tmp_path / "cut", steps=160, num_given=(0, 1, 2), save_seconds=0)
    with pytest.raises(Stop):
        cut.run(stop)
    again = session(began, tmp_path / "cut", steps=160, num_given=(0, 1, 2), save_seconds=0)
    assert again.step == 64
    again.run()
    one, other = (read(tmp_path / name, "policy")[1] for name in ("whole", "cut"))
    assert all(torch.equal(one[key], other[key]) for key in one)
    with pytest.raises(CheckpointError, match=r"with lr 0.003, got 0.1"):
        session(began, tmp_path / "cut", lr=0.1, num_given=(0, 1, 2))


def test_what_cannot_practise_is_refused_in_a_sentence(began, tmp_path, capsys):
    bc = BC(BC.Config(width=8), np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))
    with pytest.raises(InputError, match=r"mac with .* or mixture_bc, got bc"):
        explorer_of(bc, 1.0, 0.5)
    with pytest.raises(InputError, match="exact density"):
        explorer_of(policy(head="logistic"), 1.0, 0.5)
    for changes, said in (
        ({"num_given": (3,)}, "num_given: expected at most 2, got"),
        ({"operators": ()}, "operators: expected at least one"),
        ({"operators": ("tracker",)}, "expected demonstrations, got none"),
    ):
        with pytest.raises(InputError, match=said):
            session(began, tmp_path / "no", **changes)
    with pytest.raises(InputError, match="spread: expected a number above 0, got 0"):
        PracticeConfig(spread=0)
    argv = ["--policy", str(began), "--env", "test_practice:Sum", "--out", str(tmp_path / "verb"),
            "--operators", "test_practice:Draws", "--steps", "32", "--envs", "4",
            "--num-given", "0", "1"]  # fmt: skip
    with pytest.raises(SystemExit) as status:
        run(practice.main, argv)
    assert status.value.code == 0 and "verb" in capsys.readouterr().out
    assert load_policy(tmp_path / "verb").action_dim == 2
