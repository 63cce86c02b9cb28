"""A diffusion policy that inpaints the given dimensions: the usual alternative to conditioning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.learned import LearnedPolicy

_TIME = 32  # numbers that stand for a noise level


@dataclass(frozen=True)
class DiffusionConfig:
    """What a :class:`Diffusion` is made of, as JSON values."""

    width: int = 256
    """Width of the denoising MLP."""
    depth: int = 3
    """Its hidden layers."""
    levels: int = 50
    """Noise levels in training."""
    scheduler: str = "ddim"
    """`ddim`: few, deterministic steps; `ddpm`: noise at each step."""
    iterations: int = 10
    """Denoising steps per action."""
    resample: int = 1
    """Times each step is taken, noise added back in between: blends in given values (RePaint)."""

    def __post_init__(self) -> None:
        for name in ("width", "depth", "iterations", "resample"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.levels < self.iterations:
            raise InputError(
                f"levels: expected at least iterations ({self.iterations}), got {self.levels}"
            )
        even = type(self) is DiffusionConfig and self.scheduler == "ddim"
        if even and self.levels % self.iterations:
            raise InputError(
                f"iterations: expected a number that divides levels ({self.levels}), as the "
                f"scheduler takes even steps, got {self.iterations}"
            )
        if self.scheduler not in ("ddim", "ddpm"):
            raise InputError(f"scheduler: expected ddim or ddpm, got {self.scheduler!r}")


class Diffusion(LearnedPolicy):
    """Denoises an action from noise, `loss = E ||e - f(√ā_t a + √(1-ā_t) e, t, obs)||²`.

    It knows the joint `p(action | obs)` only; it conditions by inpainting: before each step the
    given dimensions are overwritten with their values, noised to the level of that step.

    Sources: Chi et al., Diffusion Policy, RSS 2023, arXiv 2303.04137; Lugmayr et al., RePaint,
    CVPR 2022, arXiv 2201.09865. Needs the extra `mac-control[diffusion]`.

    Example:
        >>> config = DiffusionConfig(width=8, iterations=2)
        >>> policy = Diffusion(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.reset(seed=0)
        >>> policy.act(np.zeros(3), PartialAction([0.25, 0.0], [True, False])).tolist()[0]
        0.25
    """

    name: ClassVar[str] = "diffusion"
    Config: ClassVar[type] = DiffusionConfig
    search_space = {"width": [128, 256, 512], "resample": [1, 3]}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "demo": {"steps": 30000, "batch_size": 128},
        "full": {"steps": 120000, "batch_size": 128},
    }
    step_cost = 3
    draws = True

    def __init__(self, config: DiffusionConfig, *box: Any) -> None:
        super().__init__(config, *box)
        sizes = [self.action_dim + _TIME + self.obs_dim, *[config.width] * config.depth]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.SiLU()]
        self.network = nn.Sequential(*layers, nn.Linear(sizes[-1], self.action_dim))
        self._scheduler = _scheduler(config)
        self._generator = torch.Generator()

    def reset(self, seed: int | None = None) -> None:
        """Start an episode; `seed` decides the noise that actions are made from."""
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    def forward(self, x: Tensor, level: Tensor, obs: Tensor) -> Tensor:
        """The noise in `x` `(B, D)` at noise levels `(B,)`, for observations `(B, O)`."""
        rate = torch.exp(torch.arange(_TIME // 2, device=x.device) * (-math.log(1e3) / _TIME * 2))
        angle = level.to(x.dtype).unsqueeze(-1) * rate
        return self.network(torch.cat([x, angle.sin(), angle.cos(), self.normalize(obs)], -1))

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        """Noise, its level, and the action with it."""
        clean = self.to_unit(steps.action).cpu()
        noise = torch.randn(clean.shape, generator=generator)
        level = torch.randint(self.config.levels, (len(clean),), generator=generator)
        noisy = self._scheduler.add_noise(clean, noise, level)
        return beside(steps.obs, noisy=noisy, noise=noise, level=level)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        guess = self(batch["noisy"], batch["level"], batch["obs"])
        return nn.functional.mse_loss(guess, batch["noise"])

    @torch.inference_mode()
    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """Denoise from pure noise, given dimensions overwritten before each step."""
        device, scheduler = self.obs_mean.device, self._scheduler
        seen, clean, fixed = self._asked(obs, partial)
        scheduler.set_timesteps(self.config.iterations)
        levels = scheduler.timesteps
        x = self._noise(clean)
        for level, following in pairwise([*levels, torch.tensor(-1)]):
            batch_level = level.expand(len(x)).to(device)
            for again in reversed(range(self.config.resample)):
                known = scheduler.add_noise(clean, self._noise(clean), batch_level)
                x = torch.where(fixed, known, x)
                guess = self(x, batch_level, seen)
                x = scheduler.step(guess, int(level), x, generator=self._generator).prev_sample
                if again:
                    x = self._noised_again(x, int(following), int(level))
        return self.from_unit(x).cpu().numpy()

    @torch.inference_mode()
    def denoised(self, obs: np.ndarray, action: np.ndarray, share: float) -> np.ndarray:
        """`action` `(B, D)` noised to the first `share` of the levels, and denoised from there.

        Only the `iterations` below that level are run; 0 changes nothing.
        """
        device, scheduler = self.obs_mean.device, self._scheduler
        seen, clean = (torch.tensor(part, device=device) for part in (obs, action))
        scheduler.set_timesteps(self.config.iterations)
        # A step of the scheduler leads from one of its levels to the next.
        levels = [level for level in scheduler.timesteps if level < share * self.config.levels]
        if not levels:
            return np.array(action, np.float32)
        x = self.to_unit(clean)
        x = scheduler.add_noise(x, self._noise(x), levels[0].expand(len(x)).to(device))
        for level in levels:
            guess = self(x, level.expand(len(x)).to(device), seen)
            x = scheduler.step(guess, int(level), x, generator=self._generator).prev_sample
        return self.from_unit(x).cpu().numpy()

    def draw_rest(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The same as `complete`: every answer is a draw."""
        return self.complete(obs, partial)

    def _noised_again(self, x: Tensor, low: int, high: int) -> Tensor:
        """From noise level `low` (-1: none) back up to `high`."""
        kept = self._scheduler.alphas_cumprod
        ratio = float(kept[high] / (kept[low] if low >= 0 else 1.0))
        return math.sqrt(ratio) * x + math.sqrt(1 - ratio) * self._noise(x)

    def _asked(self, obs: np.ndarray, partial: PartialAction) -> tuple[Tensor, Tensor, Tensor]:
        """Observations, values of actions in [-1, 1], and which of them are given."""
        seen, values, given = (
            torch.tensor(part, device=self.obs_mean.device)
            for part in (obs, partial.values, partial.given)
        )
        return seen, self.to_unit(values), given

    def _noise(self, like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=self._generator).to(like.device)


def beside(obs: Tensor, **drawn: Tensor) -> dict[str, Tensor]:
    """A batch: what was drawn, on the device of the observations."""
    return {"obs": obs, **{name: value.to(obs.device) for name, value in drawn.items()}}


def _scheduler(config: DiffusionConfig) -> Any:
    try:
        from diffusers.schedulers.scheduling_ddim import DDIMScheduler
        from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
    except ImportError as error:
        raise InputError(
            "policy diffusion: expected the package diffusers, got none; "
            "pip install 'mac-control[diffusion]'"
        ) from error
    make = DDIMScheduler if config.scheduler == "ddim" else DDPMScheduler
    return make(
        num_train_timesteps=config.levels,
        beta_schedule="squaredcos_cap_v2",
        clip_sample=True,  # scaled actions are in [-1, 1]
        prediction_type="epsilon",
        timestep_spacing="trailing",  # the first step is from pure noise
    )
