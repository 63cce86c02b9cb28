"""Corrective labels without a simulator: displace the observed joints, steer back."""

from __future__ import annotations

import torch
from torch import Tensor

#: The arm's joints: their positions begin an observation, their velocities begin an action.
JOINTS = 7
#: Share of the samples that are displaced; the others stay as they were demonstrated.
SHARE = 0.5
#: How far a joint of the kitchen's arm moves in a step per action unit, about [rad].
MOVED = 0.09


def displace(
    obs: Tensor,
    action: Tensor,
    executed: Tensor,
    generator: torch.Generator,
    spread: float,
    gain: float = 4.0,
    rows: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """As if the arm had been pushed aside, and the demonstrator steered back:

        obs_j + d_j,   action_ij - (1 - 0.09 gain)^i gain d_j,   d_j ~ m_j s N(0, 1)

    for the seven arm joints j, a random subset m of them, a scale s drawn per sample up to
    twice `spread`, and the i-th of the `rows` actions that follow the observation: each takes
    back a part of what is left. The feedback is that of the tracking operator; it is right as far
    as a joint follows its velocity command, and needs no simulation.

    Args:
        obs: `(B, O)`, beginning with the arm's joint positions [rad].
        action, executed: `(B, rows · D)` in [-1, 1], each row beginning with the arm's joint
            velocities; both are corrected alike.
        generator: where all randomness comes from.
        spread: mean of the scale s [rad].
        gain: feedback [action units per rad].
        rows: steps in an action, this one and those after it.

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
    left = (1 - MOVED * gain) ** torch.arange(rows)
    back = gain * shift[:, None] * left[:, None].to(shift)  # (B, rows, JOINTS)
    obs = obs.clone()
    obs[:, :JOINTS] = wanted

    def corrected(part: Tensor) -> Tensor:
        part = part.clone()
        arm = part.view(count, rows, -1)[..., :JOINTS]
        arm.copy_(torch.where(back == 0, arm, (arm - back).clamp(-1, 1)))
        return part

    return obs, corrected(action), corrected(executed)
