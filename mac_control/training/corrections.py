"""Corrective labels without a simulator: displace the observed joints, steer back."""

from __future__ import annotations

import torch
from torch import Tensor

#: The arm's joints and the two fingers: their positions begin an observation, their velocities an
#: action.
JOINTS, FINGERS = 7, 2
#: Fingers are displaced by this much for every radian of the arm [m/rad], and come back with this
#: much more feedback.
FINGER_SPREAD, FINGER_GAIN = 0.1, 1.2
#: Share of the samples that are displaced; the others stay as they were demonstrated.
SHARE = 0.5


def displace(
    obs: Tensor,
    action: Tensor,
    executed: Tensor,
    generator: torch.Generator,
    spread: float,
    gain: float = 4.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """As if the arm had been pushed aside, and the demonstrator steered back:

        obs_j + d_j,   action_j - gain · d_j,   d_j ~ m_j s N(0, 1)

    for the arm joints and fingers j, a random subset m of them, and a scale s drawn per sample up
    to twice `spread` (a tenth of that, in metres, for fingers). The feedback is that of the
    tracking operator; it is right as far as a joint follows its velocity command, and needs no
    simulation.

    Args:
        obs: `(B, O)`, beginning with the positions of arm joints [rad] and fingers [m].
        action, executed: `(B, D)` in [-1, 1], beginning with their velocities; both are corrected
            alike.
        generator: where all randomness comes from.
        spread: mean of the scale s [rad].
        gain: feedback [action units per rad].

    Example:
        >>> obs, action = torch.zeros(4, 30), torch.zeros(4, 9)
        >>> rng = torch.Generator().manual_seed(0)
        >>> moved, corrected, _ = displace(obs, action, action, rng, spread=0.05)
        >>> torch.equal(corrected[:, :7], -4.0 * moved[:, :7])
        True
    """
    count, many = len(obs), min(JOINTS + FINGERS, action.shape[1])
    unit, feedback = torch.ones(many), torch.full((many,), float(gain))
    unit[JOINTS:], feedback[JOINTS:] = FINGER_SPREAD, FINGER_GAIN * gain
    scale = 2 * spread * torch.rand(count, 1, generator=generator)
    moved = torch.rand(count, 1, generator=generator) < SHARE
    subset = torch.rand(count, many, generator=generator) < torch.rand(
        count, 1, generator=generator
    )
    noise = unit * torch.randn(count, many, generator=generator)
    shift = (noise * scale * (moved & subset)).to(obs)
    obs, action, executed = obs.clone(), action.clone(), executed.clone()
    obs[:, :many] += shift
    for part in (action, executed):
        part[:, :many] = torch.where(
            shift == 0, part[:, :many], (part[:, :many] - feedback.to(obs) * shift).clamp(-1, 1)
        )
    return obs, action, executed
