"""Any conditional and any marginal of one density, by a network and a head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from mac_control.engine.blocks import Blocks, block_ranks, in_blocks
from mac_control.engine.heads import Head
from mac_control.engine.network import Network
from mac_control.engine.orders import path_ranks, positions
from mac_control.errors import InputError

Order = str | Sequence[int] | Tensor | Blocks


class AnyOrder:
    """Queries to `p(x | obs)` over D variables, factorised along a path:

        log p(x_Q | x_E, obs) = Σ_i∈Q log p(x_i | x_E, x_j∈Q before i, obs)

    Every query is batched, with its own `given` in each row. `order` is `"natural"`, `"random"`,
    or a permutation; filling in also supports `"certain"`, the dimension of least entropy first.
    An order of blocks, such as `[[2, 0], [1]]`, is a model of its own: dimensions of a block are
    independent given what is known before it, and take one step together.

    Args:
        network: gives the parameters of all conditionals; see `Network`.
        head: turns parameters into a distribution.
    """

    def __init__(self, network: Network, head: Head) -> None:
        self.network, self.head, self.dim = network, head, network.dim

    def log_prob(
        self,
        x: Tensor,
        given: Tensor | None = None,
        obs: Tensor | None = None,
        query: Tensor | None = None,
        order: Order = "natural",
        generator: torch.Generator | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:
        """Log-likelihood of `x` at `query` given `x` at `given`, `(B,)` [nats], in one pass.

        `query` defaults to all dimensions that are not given; a marginal has a query and nothing
        given. The network reads `seen` `(B, D)` in place of `x` (clamped to its training range,
        say).

        Raises:
            InputError: an argument that does not fit, by name and shape; or an empty query.
        """
        given = self._mask("given", given, x)
        query = ~given if query is None else self._mask("query", query, x)
        if (query & given).any():
            raise InputError("query: expected no dimension that is given too, got one")
        if not query.any(-1).all():
            raise InputError("query: expected at least one dimension in each row, got an empty one")
        obs = self._checked(x, given | query, obs)
        read = x if seen is None else seen
        params = self.network(read, self._ranks(given, query, order, generator), obs)
        return torch.where(query, self.head.log_prob(params, torch.where(query, x, 0)), 0).sum(-1)

    def conditionals(
        self, x: Tensor, given: Tensor | None = None, obs: Tensor | None = None
    ) -> Tensor:
        """Parameters `(B, D, P)` of every `p(x_i | x_given, obs)`, all from one known set."""
        given = self._mask("given", given, x)
        obs = self._checked(x, given, obs)
        return self.network(x, torch.where(given, 0, 1), obs, levels=1)

    def uncertainty(
        self, x: Tensor, given: Tensor | None = None, obs: Tensor | None = None
    ) -> Tensor:
        """Standard deviation `(B, D)` of each dimension on the given ones; 0 where given."""
        params = self.conditionals(x, given, obs)
        return torch.where(self._mask("given", given, x), 0, self.head.std(params))

    def sample(
        self,
        x: Tensor,
        given: Tensor | None = None,
        obs: Tensor | None = None,
        order: Order = "natural",
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """`x` `(B, D)` with free entries drawn at random; given entries stay bit for bit."""
        if not temperature >= 0:
            raise InputError(f"temperature: expected a number of at least 0, got {temperature}")
        return self.fill(x, given, obs, "sample", order, temperature, generator)[0]

    def mean(
        self,
        x: Tensor,
        given: Tensor | None = None,
        obs: Tensor | None = None,
        order: Order = "natural",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """`x` with free entries filled in by a chain of conditional means."""
        return self.fill(x, given, obs, "mean", order, 1.0, generator)[0]

    def mode(
        self,
        x: Tensor,
        given: Tensor | None = None,
        obs: Tensor | None = None,
        order: Order = "natural",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """`x` with free entries filled in by conditional modes, one dimension after another."""
        return self.fill(x, given, obs, "mode", order, 1.0, generator)[0]

    def entropy(
        self,
        x: Tensor,
        given: Tensor | None = None,
        obs: Tensor | None = None,
        order: Order = "natural",
        samples: int = 16,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Entropy `(B,)` [nats] of free entries: the chain rule, averaged over `samples`."""
        if samples < 1:
            raise InputError(f"samples: expected at least 1, got {samples}")
        given = self._mask("given", given, x)
        many = [None if t is None else t.repeat(samples, 1) for t in (x, given, obs)]
        drawn, place = self.fill(*many, "sample", order, 1.0, generator)
        params = self.network(drawn, place, many[2])
        entropy = torch.where(many[1], 0, self.head.entropy(params)).sum(-1)
        return entropy.view(samples, -1).mean(0)

    def fill(
        self,
        x: Tensor,
        given: Tensor | None,
        obs: Tensor | None,
        rule: str | Callable[[Tensor], Tensor],
        order: Order = "natural",
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        query: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Fill in by `rule`; returns the values and the path's rank.

        `rule` is `"mean"`, `"mode"`, `"sample"`, or a function from the parameters `(B, P)` of each
        step's conditional to its values `(B,)`.

        `query` defaults to all dimensions that are not given; those in neither stay as they are.
        """
        given = self._mask("given", given, x)
        asked = ~given if query is None else self._mask("query", query, x) & ~given
        obs = self._checked(x, given, obs)
        choose = self._rule(rule, temperature, generator)
        certain = isinstance(order, str) and order == "certain"
        rank = self._ranks(given, asked, "natural" if certain else order, generator)
        if not len(x):
            return x, rank
        if in_blocks(order):
            return self._fill_blocks(x, given, obs, rank, order, choose), rank
        steps = int(asked.sum(-1).max())
        filled, state = x, self.network.start(x, given, obs)
        number = torch.arange(1, steps + 1, device=x.device).view(-1, 1, 1)
        nows = rank == number  # (steps, B, D): target of each step; none where a row is done
        targets = nows.to(torch.int8).argmax(-1)
        # A finished row takes the others' target: with one target in all rows, a network does less.
        targets = torch.where(nows.any(-1), targets, targets.amax(-1, keepdim=True))
        alike = (targets == targets[:, :1]).all(-1).tolist()
        firsts = targets[:, 0].tolist() if steps else []
        for step in range(1, steps + 1):
            if certain:
                params = self.network.step(state)
                entropy = self.head.entropy(params)
                entropy = entropy.masked_fill(~asked | (rank < step), float("inf"))
                target = entropy.argmin(-1)
                rank = _ask_next(rank, target, step)
                now = rank == step
                index = target.view(-1, 1, 1).expand(-1, 1, params.shape[-1])
                params = params.gather(1, index).squeeze(1)
            else:
                now = nows[step - 1]
                at = step - 1
                params = self.network.step(state, firsts[at] if alike[at] else targets[at])
            value = choose(params)
            filled = torch.where(now, value.unsqueeze(-1).to(x.dtype), filled)
            if step < steps:
                state = self.network.append(state, now, value)
        return filled, rank

    def _fill_blocks(
        self,
        x: Tensor,
        given: Tensor,
        obs: Tensor | None,
        rank: Tensor,
        blocks: Blocks,
        choose: Any,
    ) -> Tensor:
        """`x` with queried entries filled in, each block from what is known before it."""
        filled, state = x, self.network.start(x, given, obs)
        asked = [(rank == number + 1) for number in range(len(blocks))]  # (B, D) each
        last = max((number for number, now in enumerate(asked) if now.any()), default=-1)
        for number, (block, now) in enumerate(zip(blocks, asked, strict=True)):
            if not now.any():
                continue
            dims = [dim for dim in block if now[:, dim].any()]
            every = self.network.step(state)[:, dims]  # (B, N, P)
            values = choose(every.flatten(0, 1)).view(len(x), -1).to(x.dtype)
            index = torch.tensor(dims, device=x.device).expand_as(values)
            filled = torch.where(now, filled.scatter(1, index, values), filled)
            for place, dim in enumerate(dims if number < last else ()):
                one = torch.zeros_like(now)
                one[:, dim] = now[:, dim]
                state = self.network.append(state, one, values[:, place])
        return filled

    def _ranks(
        self, given: Tensor, query: Tensor, order: Order, generator: torch.Generator | None
    ) -> Tensor:
        if in_blocks(order):
            return block_ranks(given, query, order)
        place = positions(order, self.dim, len(given), generator, given.device)
        return path_ranks(given, query, place)

    def _rule(
        self,
        rule: str | Callable[[Tensor], Tensor],
        temperature: float,
        generator: torch.Generator | None,
    ) -> Any:
        if callable(rule):
            return rule
        if rule == "sample":
            return lambda params: self.head.sample(params, generator, temperature)
        if rule in ("mean", "mode"):
            return getattr(self.head, rule)
        raise InputError(f"rule: expected 'mean', 'mode' or 'sample', got {rule!r}")

    def _mask(self, name: str, mask: Tensor | None, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor) or x.dim() != 2 or x.shape[1] != self.dim:
            raise InputError(f"x: expected a tensor (B, {self.dim}), got {_describe(x)}")
        if not x.dtype.is_floating_point:
            raise InputError(f"x: expected floating-point numbers, got dtype {x.dtype}")
        if mask is None:
            return torch.zeros_like(x, dtype=torch.bool)
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != x.shape:
            raise InputError(
                f"{name}: expected a boolean tensor {tuple(x.shape)}, got {_describe(mask)}"
            )
        return mask

    def _checked(self, x: Tensor, used: Tensor, obs: Tensor | None) -> Tensor | None:
        self.head.check("x", x, used)
        width = self.network.obs_dim
        if not width:
            if obs is not None:
                raise InputError(
                    f"obs: expected None, for this model takes none, got {_describe(obs)}"
                )
            return None
        if not isinstance(obs, Tensor) or obs.shape != (len(x), width):
            raise InputError(f"obs: expected a tensor ({len(x)}, {width}), got {_describe(obs)}")
        if obs.dtype != x.dtype:
            raise InputError(f"obs: expected the dtype of x, {x.dtype}, got {obs.dtype}")
        return obs


def _ask_next(rank: Tensor, target: Tensor, step: int) -> Tensor:
    """`rank` with `target` `(B,)` moved to place `step`, swapped with what was there."""
    mine = rank.gather(1, target.unsqueeze(1))
    open_rows = (rank == step).any(-1, keepdim=True)
    at = torch.arange(rank.shape[1], device=rank.device) == target.unsqueeze(1)
    moved = torch.where(rank == step, mine, torch.where(at, step, rank))
    return torch.where(open_rows, moved, rank)


def _describe(value: object) -> str:
    if isinstance(value, Tensor):
        return f"{tuple(value.shape)} of {value.dtype}"
    return repr(value) if value is None else type(value).__name__
