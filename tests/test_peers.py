"""How others share control: each dial from the command itself to the robot alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError, PartialAction
from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.policies.base import Policy
from mac_control.policies.bc import BC
from mac_control.policies.diffusion import DiffusionConfig
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.policies.peers import Agreeing, Blended, Noised
from mac_control.policies.trusted import trusting
from mac_control.training import TrainConfig, train


class Alone(Policy):
    """Does (0.5, -0.5, 0) alone; fills in the sum of what is given."""

    obs_dim, low, high = 1, -np.ones(3, np.float32), np.ones(3, np.float32)

    def complete(self, obs, partial):
        if not partial.given.any():
            return np.tile(np.float32([0.5, -0.5, 0]), (len(obs), 1))
        total = (partial.values * partial.given).sum(1, keepdims=True)
        return np.repeat(total, 3, 1)


values = st.lists(st.floats(-1, 1, width=32), min_size=3, max_size=3).map(np.float32)
masks = st.lists(st.booleans(), min_size=3, max_size=3).filter(any).map(np.array)


@settings(max_examples=40)
@given(values, masks, st.floats(0, 1))
def test_blending_lies_between_the_command_and_the_robot(command, mask, share):
    partial, own, obs = PartialAction(command, mask), np.float32([0.5, -0.5, 0]), np.zeros(1)
    sent = Blended(Alone(), share).act(obs, partial)
    assert sent[mask] == pytest.approx(((1 - share) * command + share * own)[mask], abs=1e-6)
    for way in (Blended, Agreeing):
        assert np.array_equal(way(Alone(), 0.0).act(obs, partial), Alone().act(obs, partial))
    # What is free follows what is executed, not what was commanded.
    assert np.clip(sent[mask].sum(), -1, 1) == pytest.approx(sent[~mask], abs=1e-5)
    agreed = Agreeing(Alone(), share).act(obs, partial)
    between = np.minimum(command, own) - 1e-6, np.maximum(command, own) + 1e-6
    assert ((between[0] <= agreed) & (agreed <= between[1]))[mask].all()


@pytest.mark.parametrize("trust", ["blend=0", "blend=0.5", "agree=0.5", "z=2"])
def test_deviations_of_commands_reach_the_policy(trust):
    torch.manual_seed(0)
    config, box = MixtureBC.Config(width=8), np.ones(2)
    policy = MixtureBC(config, np.zeros(1), np.ones(1), -box, box)
    way, obs, command = trusting(policy, trust), np.zeros(1), PartialAction.of({0: 0.9}, 2)
    assert np.array_equal(way.act(obs, command.soften(np.inf)), policy.act(obs))
    exact, soft = way.act(obs, command)[0], way.act(obs, command.soften(1.0))[0]
    assert min(policy.act(obs)[0], exact) < soft < max(policy.act(obs)[0], exact)


def test_agreement_assists_who_goes_the_same_way_and_obeys_who_does_not():
    way, obs = Agreeing(Alone(), 1.0), np.zeros((3, 1))
    same, other, across = np.float32([0.9, -0.9, 0]), np.float32([-0.9, 0.9, 0]), np.full(3, 0.3)
    batch = PartialAction(np.stack([same, other, across]), np.array([[True, True, False]] * 3))
    assert way.act(obs, batch)[:, :2] == pytest.approx(
        np.array([[0.5, -0.5], [-0.9, 0.9], [0.3, 0.3]]), abs=1e-6
    )


@pytest.fixture(scope="module")
def diffusion(tmp_path_factory):
    """Has learnt to do about 0.5 in both dimensions."""
    rng = np.random.default_rng(0)
    episode = Episode(rng.normal(size=(64, 2)), 0.5 + 0.05 * rng.normal(size=(64, 2)))
    config = TrainConfig(steps=800, batch_size=32, warmup=5, lr=3e-3, ema=0.9)
    (folder,) = train(
        "diffusion",
        Demonstrations([episode]),
        tmp_path_factory.mktemp("peer"),
        policy_config=DiffusionConfig(width=32),
        config=config,
        progress=False,
    )
    return load_policy(folder)


def test_partial_diffusion_leads_from_the_command_to_what_was_learnt(diffusion):
    obs = np.zeros((200, 2), np.float32)
    batch = PartialAction(np.full((200, 2), -0.8, np.float32), np.tile([True, False], (200, 1)))
    means = []
    for share in (0.0, 0.2, 0.5, 1.0):
        way = Noised(diffusion, share)
        way.reset(seed=0)
        means.append(way.act(obs, batch)[:, 0].mean())
    assert means[0] == pytest.approx(-0.8) and means[3] == pytest.approx(0.5, abs=0.15)
    assert means == sorted(means)
    way.reset(seed=3)
    first = way.act(obs, batch)
    way.reset(seed=3)
    assert np.array_equal(first, way.act(obs, batch))


def test_ways_are_named_in_a_word(diffusion):
    bc = BC(BC.Config(width=8), np.zeros(2), np.ones(2), -np.ones(2), np.ones(2))
    made = {"blend=0.3": Blended, "agree=1": Agreeing}
    assert all(type(trusting(bc, text)) is kind for text, kind in made.items())
    assert trusting(diffusion, "noise=0.4").share == 0.4
    for text, said in {
        "noise=0.4": "expected a diffusion policy, got bc",
        "blend=1.5": "share: expected a number from 0 to 1, got 1.5",
        "mix=0.5": "trust: expected a standard deviation such as 0.1, adaptive, adaptive:z=3, z=2",
        "blend=a": "trust: expected",
    }.items():
        with pytest.raises(InputError, match=said):
            trusting(bc, text)
