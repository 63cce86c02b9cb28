"""Implicit behaviour cloning: an energy of observation and action, minimised to act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.learned import LearnedPolicy
from mac_control.policies.samplers import derivative_free, gradient, langevin, lowest


@dataclass(frozen=True)
class IBCConfig:
    """What an :class:`IBC` is made of: small enough for a CPU; see also `published`."""

    sampler: str = "langevin"
    """`langevin`: candidates follow the gradient; `dfo`: they are resampled and jittered."""
    width: int = 128
    """Width of the network."""
    blocks: int = 1
    """Residual blocks, of two layers each."""
    spectral_norm: bool = False
    """Keep each layer of the blocks 1-Lipschitz."""
    negatives: int = 8
    """Counter-examples for each training sample."""
    iterations: int = 20
    """Iterations of the sampler, in training (`langevin`) and in acting."""
    step: float = 0.5
    """First step size of `langevin`."""
    noise: float = 0.3
    """Standard deviation of the noise: on the gradient (`langevin`), on the action (`dfo`)."""
    move: float = 0.3
    """Largest move of a dimension in a `langevin` iteration."""
    penalty: float = 1.0
    """Weight of the penalty on gradients beyond `margin` (`langevin`)."""
    margin: float = 1.0
    """Largest gradient in any dimension that is not penalised."""
    samples: int = 64
    """Candidates per action."""

    def __post_init__(self) -> None:
        if self.sampler not in ("langevin", "dfo"):
            raise InputError(f"sampler: expected langevin or dfo, got {self.sampler!r}")
        for name in ("width", "blocks", "negatives", "iterations", "samples"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, got {getattr(self, name)}")
        for name in ("step", "noise", "move", "penalty"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(
                    f"{name}: expected a finite number from 0 on, got {getattr(self, name)}"
                )

    @classmethod
    def published(cls) -> IBCConfig:
        """The published configuration (Florence et al. 2021), which needs a GPU and hours."""
        return cls(
            width=512,
            blocks=8,
            spectral_norm=True,
            iterations=100,
            step=0.1,
            noise=1.0,
            move=0.1,
            samples=512,
        )


class IBC(LearnedPolicy):
    """Energy model `p(a | obs) ~ exp(-E(obs, a))`, trained by InfoNCE against counter-examples.

    It conditions by clamping: the given dimensions stay put while the energy is minimised over
    the others. Source: Florence et al., CoRL 2021, arXiv 2109.00137.

    Example:
        >>> policy = IBC(IBC.Config(width=8), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.act(np.zeros(3), PartialAction([0.25, 0.0], [True, False])).tolist()[0]
        0.25
    """

    name = "ibc"
    Config = IBCConfig
    search_space = {"width": [128, 256], "negatives": [8, 32]}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "demo": {"steps": 2000, "batch_size": 128},
        "full": {"steps": 8000, "batch_size": 128},
    }
    batches_drawn = 1  # the noise of a batch is large
    step_cost = 45
    draws = True
    stackable = False  # torch.autograd.grad inside the loss, and spectral norms that keep state

    def __init__(self, config: IBCConfig, *box: Any) -> None:
        super().__init__(config, *box)
        width = config.width
        self.obs_layer = nn.Linear(self.obs_dim, width)
        self.action_layer = nn.Linear(self.action_dim, width, bias=False)
        layers = [nn.Linear(width, width) for _ in range(2 * config.blocks)]
        if config.spectral_norm:
            layers = [spectral_norm(layer) for layer in layers]
        self.layers = nn.ModuleList(layers)
        self.out = nn.Linear(width, 1)
        self._generator = torch.Generator()

    def reset(self, seed: int | None = None) -> None:
        """Start an episode; `seed` decides the candidates."""
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    def embed(self, obs: Tensor) -> Tensor:
        """The part of the energy that does not depend on the action, `(B, W)`."""
        return self.obs_layer(self.normalize(obs))

    def energy(self, embedded: Tensor, action: Tensor) -> Tensor:
        """`E(obs, a)` `(B, N)` for candidates `(B, N, D)` in [-1, 1]."""
        x = embedded[:, None] + self.action_layer(action)  # (B, N, W)
        for first, second in zip(self.layers[::2], self.layers[1::2], strict=True):
            x = x + second(torch.relu(first(torch.relu(x))))
        return self.out(torch.relu(x)).squeeze(-1)

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        obs = steps.obs
        config = self.config
        shape = (len(obs), config.negatives, self.action_dim)
        start = 2 * torch.rand(shape, generator=generator) - 1
        batch = {"obs": obs, "action": steps.action, "start": start.to(obs)}
        if config.sampler == "langevin":
            noise = torch.randn((config.iterations, *shape), generator=generator)
            batch["noise"] = config.noise * noise.to(obs).transpose(0, 1)  # (B, iterations, N, D)
        return batch

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """InfoNCE `-log softmax(-E)` of the action among the counter-examples, and the penalty."""
        config = self.config
        with parametrize.cached():
            embedded = self.embed(batch["obs"])
            negatives, penalty = batch["start"], 0.0
            if config.sampler == "langevin":
                fixed = embedded.detach()
                negatives = langevin(
                    lambda action: self.energy(fixed, action),
                    negatives,
                    torch.ones((), dtype=torch.bool, device=negatives.device),
                    batch["noise"].transpose(0, 1),
                    config.step,
                    config.move,
                )
                if config.penalty and torch.is_grad_enabled():
                    slope = gradient(lambda a: self.energy(embedded, a), negatives, True)
                    excess = (slope.abs().amax(-1) - config.margin).clamp(min=0)
                    penalty = config.penalty * excess.square().mean()
            positive = self.to_unit(batch["action"]).clamp(-1, 1)[:, None]
            energy = self.energy(embedded, torch.cat([positive, negatives], 1))
            return -torch.log_softmax(-energy, 1)[:, 0].mean() + penalty

    @torch.no_grad()
    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        config, device = self.config, self.obs_mean.device
        with parametrize.cached():
            embedded = self.embed(torch.tensor(obs, device=device))
            held = torch.tensor(partial.given, device=device)[:, None]
            shape = (len(obs), config.samples, self.action_dim)
            start = (2 * torch.rand(shape, generator=self._generator) - 1).to(device)
            fixed = self.to_unit(torch.tensor(partial.values, device=device)).clamp(-1, 1)
            start = torch.where(held, fixed[:, None], start)

            def energy(action: Tensor) -> Tensor:
                return self.energy(embedded, action)

            if config.sampler == "langevin":
                noise = torch.randn((config.iterations, *shape), generator=self._generator)
                noise = config.noise * noise.to(device)
                action = langevin(energy, start, ~held, noise, config.step, config.move)
            else:
                action = derivative_free(
                    energy, start, ~held, config.iterations, self._generator, config.noise
                )
            best = lowest(energy, action)
        return self.from_unit(best).cpu().numpy()
