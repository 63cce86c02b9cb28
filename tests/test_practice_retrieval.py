"""Practice of a policy with stored plans: what it tries, and how likely that was."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import PartialAction
from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.envs.name import EnvName
from mac_control.errors import InputError
from mac_control.policies.retrieval import Retrieval, RetrievalConfig
from mac_control.practice.config import PracticeConfig
from mac_control.practice.explore import explorer_of
from mac_control.practice.run import Practice
from mac_control.robot import ActionDim, Robot
from mac_control.training import new_policy

D, T = 3, 10
BOXES = ((-1.0, 1.0), (-2.0, 0.6), (-0.6, 4.0))
ARM = Robot(
    "arm",
    tuple(
        ActionDim(f"j{i}", low=low, high=high, position=i, gain=5.0, travel=0.1)
        for i, (low, high) in enumerate(BOXES)
    ),
)
INNER = {"width": 16, "layers": 1, "obs_width": 16, "components": 1, "masks": 1}
ENV = EnvName("test_practice_retrieval:Reach")


class Reach(gymnasium.Env):
    """Three joints that move as told; the reward is how high the last one is."""

    observation_space = Box(-2, 2, (D,), np.float32)
    action_space = Box(*np.array(BOXES, np.float32).T)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.pose = 0, np.zeros(D, np.float32)
        return self.pose.copy(), {}

    def step(self, action):
        self.steps += 1
        self.pose += 0.1 * np.asarray(action, np.float32)
        return self.pose.copy(), float(self.pose[-1]), False, self.steps == 3, {}


def plans() -> Demonstrations:
    episodes = []
    for speed in (0.5, -0.5):
        actions = np.full((T, D), speed, np.float32)
        seen = (0.1 * speed * np.arange(T)[:, None]).repeat(D, 1).astype(np.float32)
        episodes.append(Episode(seen, actions))
    return Demonstrations(episodes, robot=ARM)


def retrieval(share=0.5, seed=0) -> Retrieval:
    return new_policy("retrieval", plans(), seed, RetrievalConfig("mac", INNER, share=share))


def asked(policy, mask, seed=0, rows=2, steps=3):
    """An explorer after a few steps: its input, given values and mask of the last one."""
    explorer, rng = explorer_of(policy, 1.0, 0.5), np.random.default_rng(seed)
    noise = explorer.start(rows, torch.Generator().manual_seed(seed))
    for _ in range(steps):
        obs = rng.normal(scale=0.1, size=(rows, D)).astype(np.float32)
        values = rng.uniform(-0.5, 0.5, (rows, D)).astype(np.float32)
        partial = PartialAction(values, np.tile(mask, (rows, 1)))
        seen = explorer.see(obs, partial)
    x = policy.to_unit(torch.tensor(values))
    return explorer, seen, x, torch.tensor(partial.given), noise, obs, partial


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.lists(st.booleans(), min_size=D, max_size=D))
def test_without_noise_it_does_what_it_does_in_acting(seed, mask):
    acting, policy = retrieval(seed=seed), retrieval(seed=seed)
    explorer, seen, x, known, noise, obs, partial = asked(policy, mask, seed, steps=1)
    acting.reset(seed=0)
    drawn = explorer.draw(seen, x, known, 0 * noise)
    assert torch.equal(drawn[known], x[known])
    done = policy.from_unit(drawn.clamp(-1, 1)).numpy()
    assert np.allclose(done, acting.act(obs, partial), atol=1e-5)
    assert seen.shape[1] == explorer.obs_dim == 2 * D


@pytest.mark.parametrize("free", range(D))
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_density_of_one_free_dimension_sums_to_one(share, free):
    mask = np.arange(D) != free
    explorer, seen, x, known, *_ = asked(retrieval(share), mask, rows=1)
    grid = torch.linspace(-9, 9, 9001)
    every = x.repeat(len(grid), 1)
    every[:, free] = grid
    with torch.no_grad():
        found = explorer.log_prob(*(part.expand(len(grid), -1) for part in (seen, every, known)))
    assert torch.trapezoid(found.exp(), grid).item() == pytest.approx(1, abs=1e-3)


def test_draws_have_the_moments_of_that_density():
    mask, many = np.array([True, False, True]), 20_000
    explorer, seen, x, known, *_ = asked(retrieval(), mask, rows=1)
    noise = torch.randn(2, many, D, generator=torch.Generator().manual_seed(1))
    seen, x, known = (part.expand(many, -1) for part in (seen, x, known))
    drawn = explorer.draw(seen, x, known, noise)[:, 1]
    grid = torch.linspace(-9, 9, many)
    every = x.clone()
    every[:, 1] = grid
    with torch.no_grad():
        density = explorer.log_prob(seen, every, known).exp()
    mean = torch.trapezoid(density * grid, grid)
    std = torch.trapezoid(density * (grid - mean) ** 2, grid).sqrt()
    assert drawn.mean().item() == pytest.approx(mean.item(), abs=0.05 * std.item())
    assert drawn.std().item() == pytest.approx(std.item(), rel=0.05)


def test_alone_the_plans_do_not_count():
    policy = retrieval()
    explorer, seen, _, known, noise, *_ = asked(policy, np.zeros(D, bool))
    x = torch.zeros(2, D)
    inner = explorer_of(policy.inner, 1.0, 0.5)
    drawn = explorer.draw(seen, x, known, noise)
    assert torch.equal(drawn, inner.draw(seen[:, :D], x, known, noise))
    assert torch.allclose(
        explorer.log_prob(seen, drawn, known), inner.log_prob(seen[:, :D], drawn, known)
    )


def test_nothing_but_plans_cannot_practise():
    with pytest.raises(InputError, match="retrieval with a share below 1, got 1"):
        explorer_of(retrieval(share=1.0), 0.5, 0.0)


def test_practice_raises_the_reward_and_keeps_the_plans(tmp_path):
    began = save_policy(tmp_path / "began", retrieval(), training={"seed": 0})
    rows = []
    config = PracticeConfig(
        steps=4800, envs=64, num_given=(1,), batch_size=96, lr=3e-3, anchor=0.0, bound=50.0,
        spread=1.0, correlation=0.5,
    )  # fmt: skip
    made = Practice(began, ["random+dims:0"], None, ENV, tmp_path / "out", config)
    made.run(lambda step, row: rows.append(row["reward"]))
    made.close()
    assert np.mean(rows[-5:]) > np.mean(rows[:5]) + 0.05
    better = load_policy(tmp_path / "out")
    assert isinstance(better, Retrieval) and better.done.equal(retrieval().done)
