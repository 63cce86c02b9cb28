"""Corrective labels without a simulator: displace the observed joints, steer back."""

from __future__ import annotations

import torch
from torch import Tensor

#: The arm's joints: their positions begin an observation, their velocities begin an action.
JOINTS = 7
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

    for the seven arm joints j, a random subset m of them, and a scale s drawn per sample up to
    twice `spread`. The feedback is that of the tracking operator; it is right as far as a joint
    follows its velocity command, and needs no simulation.

    Args:
        obs: `(B, O)`, beginning with the arm's joint positions [rad].
        action, executed: `(B, D)` in [-1, 1], beginning with the arm's joint velocities; both
            are corrected alike.
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
    count = len(obs)
    scale = 2 * spread * torch.rand(count, 1, generator=generator)
    moved = torch.rand(count, 1, generator=generator) < SHARE
    subset = torch.rand(count, JOINTS, generator=generator) < torch.rand(
        count, 1, generator=generator
    )
    noise = torch.randn(count, JOINTS, generator=generator)
    wanted = obs[:, :JOINTS] + (noise * scale * (moved & subset)).to(obs)
    shift = wanted - obs[:, :JOINTS]  # 0 where it is too small for a float to show
    obs, action, executed = obs.clone(), action.clone(), executed.clone()
    obs[:, :JOINTS] = wanted
    for part in (action, executed):
        part[:, :JOINTS] = torch.where(
            shift == 0, part[:, :JOINTS], (part[:, :JOINTS] - gain * shift).clamp(-1, 1)
        )
    return obs, action, executed
