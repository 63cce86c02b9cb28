"""MAC: an any-order density of actions given an observation and any of their dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial as partial_of
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations import Demonstrations
from mac_control.demonstrations.table import Steps
from mac_control.engine.blocks import Blocks, block_sizes, residuals_of
from mac_control.engine.masks import Masks, uniform_step
from mac_control.engine.mixtures import HEADS
from mac_control.engine.model import AnyOrder
from mac_control.engine.orders import path_ranks, permutations
from mac_control.engine.soft import fill_soft
from mac_control.engine.unrolled import unrolled
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies.base import expect_rows
from mac_control.policies.learned import LearnedPolicy
from mac_control.policies.mac_config import MacConfig
from mac_control.policies.mac_parts import network_of, training_masks
from mac_control.policies.quick import Quick

#: What learns most in a minute on one core (results/learning).
_TRAINING = {"batch_size": 128, "optimizer": "schedule-free", "lr": 3e-3}


class MacPolicy(LearnedPolicy):
    """Conditions on the given dimensions: fills in `p(rest | given, obs)` one dimension at a time.

    Source: Shih, Sadigh & Ermon, Training and Inference on Any-Order Autoregressive Models the
    Right Way, NeurIPS 2022, arXiv 2205.13554.

    Example:
        >>> box = np.ones(9)
        >>> policy = MacPolicy(MacConfig(), np.zeros(30), np.ones(30), -box, box)
        >>> partial = PartialAction([0.3] + 8 * [0], [True] + 8 * [False])
        >>> policy.act(np.zeros(30), partial)[0]
        np.float32(0.3)
    """

    name: ClassVar[str] = "mac"
    Config: ClassVar[type] = MacConfig
    search_space = {"width": [128, 256, 512], "decoding": ["mean", "mode"]}  # noqa: RUF012
    presets = {  # noqa: RUF012
        "demo": {"steps": 4000, **_TRAINING},
        "full": {"steps": 16000, **_TRAINING},
    }
    step_cost = 6
    draws = True
    weighs = True

    def __init__(
        self,
        config: MacConfig,
        *box: Any,
    ) -> None:
        super().__init__(config, *box)
        config.expect_dims(self.action_dim)
        sizes = config.block_sizes
        fits = len(sizes) == config.blocks and sum(sizes) == self.action_dim and min(sizes) > 0
        if config.blocks and not fits:
            raise InputError(
                f"blocks: expected block_sizes that add up to {self.action_dim}, as training finds "
                f"them, got {config.blocks} blocks of {sizes}"
            )
        head = HEADS[config.head](config.components, min_scale=config.min_scale)
        self.rows_per_sample = config.masks
        self.network = network_of(config, self.action_dim, self.obs_dim, head)
        self.model = AnyOrder(self.network, head)
        #: Known sets and queries in training; a wrapper may set its own.
        self.queries: Callable[..., Masks] = partial_of(training_masks, config)
        self._generator = torch.Generator()
        self._quick: Quick | None = None

    @classmethod
    def configured(cls, config: MacConfig, demonstrations: Demonstrations) -> MacConfig:
        """With block sizes from the demonstrations, where `blocks` is set."""
        if not config.blocks or config.block_sizes:
            return config
        residuals = residuals_of(demonstrations.observations, demonstrations.actions)
        return replace(config, block_sizes=block_sizes(residuals, config.blocks))

    @property
    def blocks(self) -> Blocks | None:
        """Dimensions that are filled in at once, in order; None: one after another."""
        if not self.config.blocks:
            return None
        ends = np.cumsum(self.config.block_sizes)
        return [part.tolist() for part in np.split(np.arange(self.action_dim), ends[:-1])]

    def reset(self, seed: int | None = None) -> None:
        """Start an episode; `seed` decides what `decoding="sample"` and `order="random"` draw."""
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed)

    def draw(self, steps: Steps, generator: torch.Generator) -> dict[str, Tensor]:
        """Known sets, `masks` per sample: given dimensions, then a prefix of the queried."""
        many, obs = self.config.masks, steps.obs
        shape = (len(obs), many, self.action_dim)
        count = len(obs) * many
        may = steps.given.cpu().repeat_interleave(many, 0)
        asked = self.queries(count, self.action_dim, generator, may)
        # Only the baseline queries in every order; the others' paths are in natural order.
        baseline = self.config.mask_distribution == "any-order"
        position = permutations(count, self.action_dim, generator) if baseline else None
        if self.config.targets == "path":
            rank = path_ranks(*asked, position).view(shape)
        else:
            known, target = (m.view(shape) for m in uniform_step(*asked, position, generator))
            if self.config.targets == "all":
                target = asked[1].view(shape) & ~known
            rank = torch.where(known, 0, torch.where(target, 1, self.action_dim + 1))
        # Dimensions that nobody gave become known along the path alone, as the expert's action.
        executed = torch.where(steps.given, steps.executed, steps.action)
        if self.config.given_noise:
            drawn = torch.rand(len(obs), 1, generator=generator)  # so that some are nearly exact
            drawn = (
                self.config.given_noise * drawn * torch.randn(executed.shape, generator=generator)
            )
            executed = self.from_unit(self.to_unit(executed) + drawn.to(executed))
        rank = rank.to(obs.device)
        return {"obs": obs, "action": steps.action, "executed": executed, "rank": rank}

    def loss(self, batch: dict[str, Tensor]) -> Tensor:
        """Negative log-likelihood per trained conditional [nats]."""
        rank = batch["rank"]  # (B, M, D)
        executed, action = (
            self.to_unit(batch[name]).clamp(-1, 1) for name in ("executed", "action")
        )
        levels = self.action_dim if self.config.targets == "path" else 1
        params = self.network(executed, rank, self._context(batch["obs"]), levels)
        log_prob = self.model.head.log_prob(params, action.unsqueeze(1))
        asked = self._asked(rank).to(log_prob.dtype)
        return -(asked * log_prob).sum() / asked.sum()

    def weights(self, batch: dict[str, Tensor]) -> Tensor:
        return self._asked(batch["rank"]).sum((1, 2)).float()

    def _asked(self, rank: Tensor) -> Tensor:
        return (rank > 0) & (rank <= self.action_dim)

    def complete(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """Fill in the free dimensions as `config.decoding` and `config.order` say."""
        if self._quick is None or not self._quick.current(self):
            self._quick = Quick(self)
        quick = self._quick
        return quick(obs, partial) if quick.answers(partial) else self.complete_rows(obs, partial)

    def complete_rows(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        """The same with torch, for any number of rows."""
        return self._filled(obs, partial, self.config.decoding, self.config.temperature)

    def draw_rest(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        return self._filled(obs, partial, "sample", 1.0)

    def _filled(
        self, obs: np.ndarray, partial: PartialAction, decoding: str, temperature: float
    ) -> np.ndarray:
        if self.blocks and partial.std is not None:  # a row does not depend on those beside it
            soft = (partial.std > 0).any(1)
            if not soft.all():
                answer = np.empty_like(partial.values)
                for rows, std in ((~soft, None), (soft, partial.std[soft])):
                    if rows.any():
                        part = PartialAction(partial.values[rows], partial.given[rows], std)
                        answer[rows] = self._filled(obs[rows], part, decoding, temperature)
                return answer
        with torch.inference_mode():
            x, mask, context = self._tensors(obs, partial.values, partial.given)
            if partial.std is None:
                order, generator = self.blocks or self.config.order, self._generator
                x, _ = self.model.fill(x, mask, context, decoding, order, temperature, generator)
            else:
                x = self._weighed(x, mask, partial.std, context, decoding, temperature)[0]
            return self.from_unit(x.clamp(-1, 1)).cpu().numpy()

    def _weighed(
        self,
        x: Tensor,
        mask: Tensor,
        std: np.ndarray,
        context: Tensor | None,
        decoding: str,
        temperature: float,
    ) -> tuple[Tensor, Tensor]:
        """`x` with soft commands resolved, and the log-evidence of these [nats]."""
        drawn = decoding == "sample"  # otherwise the same commands get the same answer
        generator = self._generator if drawn else torch.Generator().manual_seed(0)
        wide = torch.tensor(std, device=x.device) / self._half()
        return fill_soft(
            self.model,
            x,
            mask,
            wide,
            context,
            decoding,
            self.config.particles,
            self.config.order,
            temperature,
            generator,
        )

    def graph(self, obs: Tensor, values: Tensor, given: Tensor) -> Tensor:
        """The same, unrolled: dimensions are queried one by one, whether given or not."""
        config = self.config
        if config.decoding == "sample" or config.order == "random":
            raise InputError(
                "decoding, order: expected mean or mode, natural or certain, in a graph, "
                f"got {config.decoding} and {config.order}"
            )
        x, context = self.to_unit(values).clamp(-1, 1), self._context(obs)
        order = self.blocks or config.order
        filled = unrolled(self.model, x, given, context, config.decoding, order)
        return self.from_unit(filled.clamp(-1, 1))

    def log_prob(
        self, obs: np.ndarray, partial: PartialAction, known: np.ndarray | None = None
    ) -> np.ndarray:
        """Log-likelihood of the given entries [nats], exact; 0 where nothing is given.

        With `blocks` it is that of the block model, whose dimensions are independent within a
        block. Values beyond the action box are allowed: only what the network reads is clamped to
        it. Entries in the mask `known` `(B, D)` are conditions, and not counted. For entries with a
        standard deviation it is the likelihood of the command, with the intended value integrated
        out by particles; `known` cannot be combined with these.
        """
        expect_rows(self, obs, partial)
        if partial.std is not None and known is None:
            return self._soft_log_prob(obs, partial.batched()).reshape(np.shape(obs)[:-1])
        values, given = np.atleast_2d(partial.values), np.atleast_2d(partial.given)
        known = np.zeros_like(given) if known is None else np.atleast_2d(known)
        given = given & ~known
        result = np.zeros(len(values), np.float32)
        some = given.any(-1)
        if some.any():
            with torch.inference_mode():
                x, query, context = self._tensors(
                    np.atleast_2d(obs)[some], values[some], given[some]
                )
                evidence = torch.tensor(known[some], device=x.device)
                exact = self.to_unit(torch.tensor(values[some], device=x.device))
                mixture = self.config.head == "gaussian"  # other heads have mass at both ends
                log_prob = self.model.log_prob(
                    exact if mixture else x,
                    evidence,
                    context,
                    query,
                    self.blocks or "natural",
                    seen=x,
                )
                if mixture:  # a density in the action's own units
                    stretch = (self.action_high - self.action_low).log() - np.log(2)
                    log_prob = log_prob - (query * stretch).sum(-1)
                result[some] = log_prob.cpu().numpy()
        return result.reshape(np.shape(obs)[:-1])

    def _soft_log_prob(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        assert partial.std is not None
        exact = PartialAction(partial.values, partial.exact)
        with torch.inference_mode():
            x, mask, context = self._tensors(np.atleast_2d(obs), partial.values, partial.given)
            how = self.config.decoding, self.config.temperature
            soft = torch.tensor((partial.std > 0) & np.isfinite(partial.std), device=x.device)
            if self.config.head == "gaussian":  # the network does not read soft commands
                x = torch.where(soft, self.to_unit(torch.tensor(partial.values).to(x)), x)
            evidence = self._weighed(x, mask, partial.std, context, *how)[1]
            evidence = evidence - (soft * self._half().log()).sum(-1)
        known: np.ndarray = self.log_prob(np.atleast_2d(obs), exact)
        return known + evidence.cpu().numpy().astype(np.float32)

    def conditional_log_prob(
        self, obs: np.ndarray, action: np.ndarray, given: np.ndarray
    ) -> np.ndarray:
        """Summed along one path of trained conditionals, not a difference of two marginals."""
        return self.log_prob(obs, PartialAction.everything(action), np.asarray(given, bool))

    def uncertainty(self, obs: np.ndarray, partial: PartialAction) -> np.ndarray:
        expect_rows(self, obs, partial)
        batch = (np.atleast_2d(obs), np.atleast_2d(partial.values), np.atleast_2d(partial.given))
        with torch.inference_mode():
            x, mask, context = self._tensors(*batch)
            std = self.model.uncertainty(x, mask, context)
            std = std * (self.action_high - self.action_low) / 2
            return std.cpu().numpy().reshape(partial.values.shape)

    def _tensors(
        self, obs: np.ndarray, values: np.ndarray, given: np.ndarray
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        device = self.obs_mean.device
        x = self.to_unit(torch.tensor(np.asarray(values, np.float32), device=device)).clamp(-1, 1)
        context = self._context(torch.tensor(np.asarray(obs, np.float32), device=device))
        return x, torch.tensor(given, device=device), context

    def _context(self, obs: Tensor) -> Tensor | None:
        """What the network is told of the observations `(B, O)`; None where O is 0."""
        return self.normalize(obs) if self.obs_dim else None
