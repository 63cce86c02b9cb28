"""Policy gradient from played episodes: clipped, and anchored to the initial policy."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from mac_control.practice.config import PracticeConfig
from mac_control.practice.explore import Explorer
from mac_control.practice.play import Played, advantages

#: Log-ratio beyond which a divergence grows linearly.
STEEP = 5.0


def critic_of(size: int, width: int) -> nn.Sequential:
    """A network that predicts the remaining return from the critic's input `(N, size)`."""
    return nn.Sequential(
        nn.Linear(size, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1)
    )


def divergence(new: Tensor, first: Tensor) -> Tensor:
    """Divergence of the policy from the initial one, at its own draws, `(N,)` [nats].

        e^r - 1 - r,   r = log p_first - log p_new

    is never negative, and its mean is the Kullback-Leibler divergence. Beyond r = 5 it continues
    as a straight line, so that one rare draw neither outweighs all others nor loses its gradient.
    """
    ratio = first - new
    near = ratio.clamp(max=STEEP)
    return (torch.expm1(near) - near).clamp(min=0) + math.expm1(STEEP) * (ratio - near)


def learn(
    explorer: Explorer,
    began: Explorer,
    critic: nn.Module,
    optimizers: tuple[torch.optim.Optimizer | None, torch.optim.Optimizer],
    played: Played,
    config: PracticeConfig,
    generator: torch.Generator,
) -> dict[str, float]:
    """One update: the clipped policy gradient of PPO, with the divergence as a penalty.

        L = -E min(ρ A, clip(ρ, 1 ± ε) A) + anchor · D,   ρ = p_new / p_old

    over the filled-in entries, conditioned on the given ones. Where D is above `bound`, a step
    only reduces D. Without an optimizer for the policy only the critic learns.

    Source: Schulman et al., Proximal Policy Optimization Algorithms, 2017, arXiv 1707.06347.
    """
    own = explorer.network
    rows = torch.arange(len(played.x))
    with torch.no_grad():
        old, first = (
            torch.cat([each.log_prob(*_part(played, part)) for part in torch.split(rows, 4096)])
            for each in (explorer, began)
        )
        values = critic(played.seen).squeeze(-1)
    gained = torch.tensor(
        advantages(played.rewards, values.numpy(), played.lasts, config.discount, config.trace)
    )
    returns = gained + values
    free = ~played.given.all(-1)
    scaled = (
        (gained - gained[free].mean()) / (gained[free].std(correction=0) + 1e-6)
        if free.any()
        else gained
    )
    told: dict[str, list[float]] = {"divergence": [], "clipped": [], "value_loss": []}
    for _ in range(config.epochs):
        order = rows[torch.randperm(len(rows), generator=generator)]
        for part in torch.split(order, config.batch_size):
            value_loss = nn.functional.mse_loss(
                critic(played.seen[part]).squeeze(-1), returns[part]
            )
            told["value_loss"].append(value_loss.item())
            if optimizers[0] is not None and free[part].any():
                new = explorer.log_prob(*_part(played, part))
                away = divergence(new, first[part])[free[part]]
                ratio = (new - old[part]).clamp(-20, 20).exp()
                within = ratio.clamp(1 - config.clip, 1 + config.clip)
                gain = torch.minimum(ratio * scaled[part], within * scaled[part])
                told["divergence"].append(away.mean().item())
                told["clipped"].append((ratio != within)[free[part]].float().mean().item())
                if told["divergence"][-1] <= config.bound:
                    loss = -gain[free[part]].mean() + config.anchor * away.mean()
                else:
                    loss = away.mean()
                _step(optimizers[0], loss, own)
            _step(optimizers[1], value_loss, critic)
    return {name: sum(found) / max(1, len(found)) for name, found in told.items()}


def _part(played: Played, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return played.obs[rows], played.x[rows], played.given[rows]


def _step(optimizer: torch.optim.Optimizer, loss: Tensor, module: nn.Module) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(module.parameters(), 0.5)
    optimizer.step()
