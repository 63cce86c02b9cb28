"""A consistency model distilled from a diffusion policy: from any noise level in one step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.diffusion import Diffusion, DiffusionConfig, beside

#: What a student takes from its teacher: the network's size and the noise.
_SAME = ("width", "depth", "levels", "iterations")


@dataclass(frozen=True)
class ConsistencyConfig(DiffusionConfig):
    """What a :class:`Consistency` is made of, as JSON values; sizes are the teacher's."""

    teacher: str = ""
    """Checkpoint of the diffusion policy to distil; only training reads it."""
    teacher_weights: str = ""
    """The SHA-256 of its weights, filled in by training, which resumes with no other teacher."""
    jumps: int = 4
    """Evaluations of the network that fill in the free dimensions, or a whole action; the more, the
    better they fit the given ones."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.jumps <= self.iterations:
            raise InputError(
                f"jumps: expected a number from 1 to iterations ({self.iterations}), "
                f"got {self.jumps}"
            )


class Consistency(Diffusion):
    """Leads from any noise level to the data at once, as its teacher's ODE does in many steps.

        f(x, t) = √ā_t x - √(1-ā_t) F(x, t, obs),   loss = E ||f(x_t, t) - f(x_s, s)||²

    where x_t is a demonstrated action with noise, and x_s one deterministic step of the frozen
    teacher (DDIM) further. No gradient flows through f(x_s, s), and the policy keeps an average of
    the weights. Levels are those of the teacher's own steps. `--trust noise=0.4` is the assistance
    dial of the source: a command is taken to that share of the levels, and back in one evaluation.

    A command that gives only some dimensions, and autonomy, start from pure noise and take `jumps`
    evaluations; between these, given values are inserted and noise is added back.

    Sources: Sun, Ji, Tan and Walter, FlashBack: Consistency Model-Accelerated Shared Autonomy,
    CoRL 2025, arXiv 2505.16892; Song, Dhariwal, Chen and Sutskever, Consistency Models, ICML 2023,
    arXiv 2303.01469. The former's teacher sees where the next state lies, too; this one does not.

    Example:
        >>> config = ConsistencyConfig(width=8, iterations=4)
        >>> policy = Consistency(config, np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> policy.reset(seed=0)
        >>> policy.act(np.zeros(3), PartialAction([0.25, 0.0], [True, False])).tolist()[0]
        0.25
    """

    name: ClassVar[str] = "consistency"
    Config: ClassVar[type] = ConsistencyConfig
    search_space = {"jumps": [1, 4, 10]}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "demo": {"steps": 15000, "batch_size": 128},
        "full": {"steps": 60000, "batch_size": 128},
    }
    step_cost = 4
    distilled = True

    def __init__(self, config: ConsistencyConfig, *box: Any) -> None:
        super().__init__(config, *box)
        self._scheduler.set_timesteps(config.iterations)
        levels = self._scheduler.timesteps.tolist()
        self._levels: list[int] = levels  # from the noisiest on
        kept = self._scheduler.alphas_cumprod[torch.tensor(levels)]
        # Indexed by place among the levels; the last place is the data itself.
        kept = torch.cat([kept, torch.ones(1)]).float()
        self._signal, self._noisiness = kept.sqrt(), (1 - kept).sqrt()
        self._teachers: list[Diffusion] = []  # a list, so that its weights are not this policy's

    @classmethod
    def configured(cls, config: Any, demonstrations: Demonstrations) -> Any:
        """With the teacher's sizes."""
        teacher = _teacher(config.teacher)
        sizes = (teacher.obs_dim, teacher.action_dim)
        if sizes != (demonstrations.obs_dim, demonstrations.action_dim):
            raise InputError(
                f"teacher: expected {demonstrations.obs_dim} observed and "
                f"{demonstrations.action_dim} action dimensions, as the data have, got {sizes}"
            )
        same = {name: getattr(teacher.config, name) for name in _SAME}
        sha = str(teacher.checkpoint["weights"]["sha256"])
        return replace(config, teacher_weights=sha, **same)

    def store_demonstrations(self, demonstrations: Demonstrations) -> None:
        """Take over the teacher's box and scale of observations, which its network expects."""
        teacher = self._taught_by()
        for name in ("obs_mean", "obs_std", "action_low", "action_high"):
            getattr(self, name).copy_(getattr(teacher, name))
        self.low, self.high, self.guessed_box = teacher.low, teacher.high, teacher.guessed_box

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        """Actions with noise, and the same one step of the teacher further."""
        teacher, clean, obs = self._taught_by(), self.to_unit(steps.action).cpu(), steps.obs.cpu()
        place = torch.randint(len(self._levels), (len(clean),), generator=generator)
        noise = torch.randn(clean.shape, generator=generator)
        signal, noisiness = (each.unsqueeze(-1) for each in (self._signal, self._noisiness))
        noisy = signal[place] * clean + noisiness[place] * noise
        with torch.no_grad():
            guess = teacher(noisy, torch.tensor(self._levels)[place], obs)
            found = ((noisy - noisiness[place] * guess) / signal[place]).clamp(-1, 1)
            further = signal[place + 1] * found + noisiness[place + 1] * guess
        return beside(steps.obs, noisy=noisy, further=further, place=place)

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        place, obs = batch["place"], batch["obs"]
        target = self.jump(batch["further"], place + 1, obs).detach()
        return nn.functional.mse_loss(self.jump(batch["noisy"], place, obs), target)

    def jump(self, x: Tensor, place: Tensor, obs: Tensor) -> Tensor:
        """The data `(B, D)` that `x` `(B, D)` comes from.

        `place` `(B,)` is the index of its level, 0 for pure noise. After the last level comes the
        place of the data, which are left as they are.
        """
        levels = torch.tensor([*self._levels, 0], device=x.device)
        signal, noisiness = (
            each.to(x.device)[place].unsqueeze(-1) for each in (self._signal, self._noisiness)
        )
        return signal * x - noisiness * self(x, levels[place], obs)

    @torch.inference_mode()
    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """From pure noise in `jumps` evaluations, given dimensions inserted in between."""
        device = self.obs_mean.device
        seen, clean, fixed = self._asked(obs, partial)
        places = np.linspace(0, len(self._levels), self.config.jumps + 1).astype(int)
        x = self._with_noise(torch.where(fixed, clean, 0.0), 0)
        for place, following in pairwise(places.tolist()):
            at = torch.full((len(x),), place, device=device)
            x = torch.where(fixed, clean, self.jump(x, at, seen).clamp(-1, 1))
            if following < len(self._levels):
                x = self._with_noise(x, following)
        return self.from_unit(x).cpu().numpy()

    @torch.inference_mode()
    def denoised(self, obs: np.ndarray, action: np.ndarray, share: float) -> np.ndarray:
        """`action` `(B, D)` noised to the first `share` of the levels, and back in one evaluation.

        The level is the noisiest that the teacher would begin at; 0 changes nothing.
        """
        below = [level < share * self.config.levels for level in self._levels]
        if not any(below):
            return np.array(action, np.float32)
        device = self.obs_mean.device
        seen, x = (torch.tensor(part, device=device) for part in (obs, action))
        place = below.index(True)
        at = torch.full((len(x),), place, device=device)
        x = self.jump(self._with_noise(self.to_unit(x), place), at, seen).clamp(-1, 1)
        return self.from_unit(x).cpu().numpy()

    def _with_noise(self, x: Tensor, place: int) -> Tensor:
        return float(self._signal[place]) * x + float(self._noisiness[place]) * self._noise(x)

    def _taught_by(self) -> Diffusion:
        if not self._teachers:
            teacher = _teacher(self.config.teacher)
            sha = teacher.checkpoint["weights"]["sha256"]
            if sha != self.config.teacher_weights:
                raise InputError(
                    f"teacher: expected the weights that training began with, got others in "
                    f"{self.config.teacher}"
                )
            self._teachers.append(teacher.requires_grad_(False))
        return self._teachers[0]


def _teacher(folder: str) -> Diffusion:
    if not folder:
        raise InputError(
            "teacher: expected a checkpoint of a diffusion policy, got none; "
            "--consistency.teacher FOLDER"
        )
    teacher = load_policy(Path(folder))
    if type(teacher) is not Diffusion:
        name = getattr(teacher, "name", type(teacher).__name__)
        raise InputError(f"teacher: expected a checkpoint of a diffusion policy, got one of {name}")
    return teacher
