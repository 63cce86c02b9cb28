"""Corrective labels without a simulator: displace the observed joints and steer back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mac_control.errors import InputError
from mac_control.feedback import Feedback
from mac_control.robot import Robot

#: Share of the samples that are displaced; the others stay as demonstrated.
SHARE = 0.5


def corrected_dims(robot: Robot | None) -> tuple[Feedback, np.ndarray]:
    """The robot's feedback, and which of its dimensions can be corrected, `(J,)` boolean.

    Raises:
        InputError: an unknown robot, or one without feedback on its pose.
    """
    feedback = Feedback.of(robot, "corrections")
    chosen = feedback.pose & (feedback.gains > 0)
    if not chosen.any():
        assert robot is not None
        raise InputError(
            f"corrections: expected a robot with feedback on its pose, got {robot.name}, whose "
            "description has none"
        )
    return feedback, chosen


def displace(
    obs: Tensor,
    action: Tensor,
    executed: Tensor,
    generator: torch.Generator,
    spread: float,
    gain: float = 0.8,
    rows: int = 1,
    robot: Robot | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples as if the robot had been pushed aside and the demonstrator had steered back:

        obs_j + d_j,   action_ij - (1 - travel_j k_j)^i k_j d_j,   d_j ~ m_j s N(0, 1)

    for each joint j of the robot's pose that has feedback, with k_j that feedback times `gain`, m a
    random subset of the joints, s a scale drawn per sample up to twice `spread`, and i the index
    of the `rows` actions that follow the observation: each undoes a part of the remaining push.
    It holds as far as joints follow their commands, and needs no simulation.

    Args:
        obs: `(B, O)`.
        action, executed: `(B, rows · D)`; both are corrected alike, within the action box.
        generator: source of all randomness.
        spread: mean of the scale s [position units].
        gain: scale of the robot's feedback.
        rows: steps in an action, the current one and those after it.
        robot: says which positions are observed, and its feedback; None: nothing is displaced.

    Raises:
        InputError: a robot without feedback on its pose.

    Example:
        >>> from mac_control.robot import ActionDim
        >>> joint = ActionDim("joint", kind="joint_velocity", position=0, gain=5.0, travel=0.1)
        >>> obs, action = torch.zeros(4, 2), torch.zeros(4, 1)
        >>> rng, arm = torch.Generator().manual_seed(0), Robot("arm", (joint,))
        >>> moved, corrected, _ = displace(obs, action, action, rng, 0.05, robot=arm)
        >>> torch.equal(corrected[:, 0], -4.0 * moved[:, 0])
        True
    """
    if robot is None:
        return obs, action, executed
    feedback, chosen = corrected_dims(robot)
    entries, dims, count = feedback.entries[chosen], feedback.dims[chosen], len(obs)
    gains = gain * feedback.gains[chosen]
    remains = torch.from_numpy(1 - feedback.travel[chosen] * gains).float()  # of a push, each step
    low, high = (torch.from_numpy(end[dims]).to(action) for end in (robot.low, robot.high))
    joints = len(dims)
    scale = 2 * spread * torch.rand(count, 1, generator=generator)
    moved = torch.rand(count, 1, generator=generator) < SHARE
    subset = torch.rand(count, joints, generator=generator) < torch.rand(
        count, 1, generator=generator
    )
    noise = torch.randn(count, joints, generator=generator)
    wanted = obs[:, entries] + (noise * scale * (moved & subset)).to(obs)
    shift = wanted - obs[:, entries]  # 0 where it is too small for a float
    left = remains ** torch.arange(rows)[:, None]  # (rows, joints)
    back = torch.from_numpy(gains).to(shift) * shift[:, None] * left.to(shift)  # (B, rows, joints)
    obs = obs.clone()
    obs[:, entries] = wanted

    def corrected(part: Tensor) -> Tensor:
        part = part.clone()
        view = part.view(count, rows, -1)
        own = view[..., dims]
        kept = torch.minimum(torch.maximum(own - back, low), high)
        view[..., dims] = torch.where(back == 0, own, kept)
        return part

    return obs, corrected(action), corrected(executed)
