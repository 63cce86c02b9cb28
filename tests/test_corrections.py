"""Corrective labels: a displaced arm is steered back, and nothing else changes."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.training import TrainConfig
from mac_control.training.corrections import displace

ARM = kitchen_robot(30)
JOINTS, GAIN, TRAVEL = 7, ARM.actions[0].gain, ARM.actions[0].travel


@given(st.integers(0, 2**31), st.floats(0, 0.5), st.floats(0, 8))
def test_the_label_steers_back_and_the_rest_stays(seed, spread, gain):
    rng = torch.Generator().manual_seed(seed)
    obs, action = torch.randn(64, 30, generator=rng), torch.rand(64, 9, generator=rng) * 2 - 1
    executed = torch.rand(64, 9, generator=rng) * 2 - 1
    sources = [part.clone() for part in (obs, action, executed)]
    moved, *corrected = displace(obs, action, executed, rng, spread, gain / GAIN, robot=ARM)
    shift = moved[:, :JOINTS] - obs[:, :JOINTS]
    for before, after in zip((action, executed), corrected, strict=True):
        expected = (before[:, :JOINTS] - gain * shift).clamp(-1, 1)
        torch.testing.assert_close(after[:, :JOINTS], expected, atol=1e-5, rtol=0)
        still = (moved == obs).all(-1)  # not displaced: bit for bit what was demonstrated
        assert torch.equal(after[still], before[still])
        assert torch.equal(after[:, JOINTS:], before[:, JOINTS:])
    assert torch.equal(moved[:, JOINTS:], obs[:, JOINTS:])
    for part, source in zip((obs, action, executed), sources, strict=True):
        assert torch.equal(part, source)


def test_about_half_of_the_samples_are_displaced_by_about_the_spread():
    rng = torch.Generator().manual_seed(0)
    obs, action = torch.zeros(20_000, 30), torch.zeros(20_000, 9)
    moved = displace(obs, action, action, rng, spread=0.05, robot=ARM)[0][:, :JOINTS]
    # Some of the chosen samples draw an empty subset of joints: 1/8 of them.
    assert (moved != 0).any(-1).float().mean().item() == pytest.approx(0.5 * 7 / 8, abs=0.02)
    # s is uniform up to 2 spread: E s^2 = 4 spread^2 / 3.
    assert moved[moved != 0].std().item() == pytest.approx(0.05 * (4 / 3) ** 0.5, rel=0.05)


def test_a_negative_spread_is_refused():
    with pytest.raises(InputError, match="corrections: expected at least 0, got -1"):
        TrainConfig(corrections=-1)


def test_each_later_action_takes_back_a_part_of_what_is_left():
    obs, action = torch.zeros(64, 30), torch.zeros(64, 27)
    rng = torch.Generator().manual_seed(0)
    moved, corrected, executed = displace(obs, action, action, rng, 0.01, 0.8, 3, ARM)
    rows = corrected.view(64, 3, 9)
    assert moved.abs().sum() > 0 and torch.equal(corrected, executed)
    left = moved[:, :JOINTS]  # what a joint is still off, in each step
    for row in range(3):
        assert torch.allclose(rows[:, row, :JOINTS], -4.0 * left, atol=1e-6)
        left = left + TRAVEL * rows[:, row, :JOINTS]
    assert not rows[..., JOINTS:].any() and not action.any()
