"""Two-stream transformer for long sequences: paths are sorted, so attention is causal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mac_control.engine.attention import attend
from mac_control.engine.network import Network
from mac_control.engine.tokens import Positions, Values, turn
from mac_control.errors import InputError

Turns = tuple[Tensor, Tensor]


class _Block(nn.Module):
    """Pre-norm attention on the content stream, then an MLP, the same for both streams."""

    def __init__(self, width: int, heads: int, ratio: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, ratio * width),
            nn.GELU(),
            nn.Linear(ratio * width, width),
        )
        for last in (self.leave, self.mlp[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def cache(self, content: Tensor, turns: Turns) -> tuple[Tensor, Tensor]:
        """Rotated keys, and values, `(B, H, N, W/H)` of content `(B, N, W)`."""
        key, value = self.key_value(self.norm(content)).chunk(2, -1)
        return turn(self._split(key), turns), self._split(value)

    def read(
        self,
        h: Tensor,
        turns: Turns,
        cached: tuple[Tensor, Tensor],
        visible: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """`h` `(B, Q, W)` after reading keys and values, and the MLP."""
        query = turn(self._split(self.query(self.norm(h))), turns)
        key, value = cached
        found = attend(query, key.to(query.dtype), value.to(query.dtype), visible, causal)
        h = h + self.leave(found.transpose(1, 2).flatten(2))
        return h + self.mlp(h)

    def forward(
        self, content: Tensor, asks: Tensor, turns: tuple[Turns, Turns], visible: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        cached = self.cache(content, turns[0])
        asks = self.read(asks, turns[1], cached, visible, visible is None)
        return self.read(content, turns[0], cached, causal=True), asks

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@dataclass
class _State:
    keys: list[Tensor]  # per layer (B, H, 1 + D + 1, W/H): start, one slot per variable, a dump
    values: list[Tensor]
    visible: Tensor  # (B, 1 + D + 1)


class TwoStream(Network):
    """Content tokens hold values and see what precedes them; query tokens predict a variable.

    The variables of a path are sorted by rank (evidence first, in natural order; variables left out
    are dropped): content number i then sees content 0 to i, and so does query number i, so both
    streams run on fused causal attention, with time and memory of the path's own length.

    Args:
        shape: shape of the grid of the D variables, `(250,)` or `(32, 32, 3)`.
        params: parameters of one univariate distribution, P.
        symbols: number of values of a discrete variable; 0 for real numbers near [-1, 1].
        width, layers, heads, ratio: size of the streams, and of the MLP in widths.
        recompute: keep no activations inside layers for the backward pass.
        bias: `(P,)`, parameters that an untrained network returns.

    Example:
        >>> network = TwoStream((5,), params=3, symbols=3, width=16, layers=1, heads=2)
        >>> network(torch.zeros(1, 5), torch.tensor([[0, 6, 2, 1, 6]])).shape
        torch.Size([1, 5, 3])
    """

    def __init__(
        self,
        shape: Sequence[int],
        params: int,
        symbols: int = 0,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        ratio: int = 4,
        recompute: bool = False,
        bias: Tensor | None = None,
    ) -> None:
        super().__init__(prod(shape), 0, params)
        if width % heads:
            raise InputError(f"width: expected a multiple of {heads} heads, got {width}")
        self.shape, self.recompute = tuple(shape), recompute
        self.first = nn.Parameter(torch.randn(1, 1, width) * 0.3)  # the first content token
        self.holds = Positions(shape, width, width // heads)
        self.asks = Positions(shape, width, width // heads)
        self.enter = Values(width, symbols)
        self.layers = nn.ModuleList(_Block(width, heads, ratio) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, params)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
            self.leave.bias.copy_(torch.zeros(params) if bias is None else bias)

    def along(self, x: Tensor, path: Tensor, before: Tensor | None = None) -> Tensor:
        """Parameters `(B, L, P)` of each step of a path, conditioned on the steps before it.

        Args:
            x: `(B, D)`.
            path: `(B, L)`, the variables in the order they are visited; evidence comes first, and
                its parameters are ignored.
            before: `(B, L)`, how many of the path's first variables each step is conditioned on;
                None: all before it.
        """
        at = path if before is not None else path[:, :-1]
        first = self.first.expand(len(x), -1, -1)
        content = torch.cat([first, self.enter(x.gather(1, at)) + self.holds(at)], 1)
        asks = self.asks(path) + self.first
        visible = None
        if before is not None:
            visible = torch.arange(content.shape[1], device=x.device) <= before.unsqueeze(-1)
        turns = (self._content_turns(at), self.asks.turns(path))
        for layer in self.layers[:-1]:
            if self.recompute and self.training:
                content, asks = checkpoint(
                    layer, content, asks, turns, visible, use_reentrant=False
                )
            else:
                content, asks = layer(content, asks, turns, visible)
        last = self.layers[-1]  # its content is not read
        cached = last.cache(content, turns[0])
        asks = last.read(asks, turns[1], cached, visible, visible is None)
        return self.leave(self.norm(asks))

    def forward(
        self, x: Tensor, rank: Tensor, obs: Tensor | None = None, levels: int | None = None
    ) -> Tensor:
        if rank.dim() == 3:
            many = rank.shape[1]
            return self(x.repeat_interleave(many, 0), rank.flatten(0, 1)).unflatten(0, (-1, many))
        length = int((rank <= self.dim).sum(1).max()) if len(rank) else 0
        path = rank.argsort(stable=True, dim=-1)[:, :length]
        ordered = rank.gather(1, path).contiguous()
        number = torch.arange(length, device=rank.device).expand_as(path)
        free = (ordered == 0) | (ordered > self.dim)  # results there are meaningless
        before = torch.where(free, number, torch.searchsorted(ordered, ordered))
        known = torch.zeros_like(x, dtype=torch.bool).scatter(1, path, ordered <= self.dim)
        x = torch.where(known, x, 0)
        params = self.along(x, path, None if bool((before == number).all()) else before)
        index = path.unsqueeze(-1).expand_as(params)
        return params.new_zeros(*x.shape, self.params).scatter(1, index, params)

    def start(self, x: Tensor, known: Tensor, obs: Tensor | None = None) -> _State:
        length = int(known.sum(1).max()) if len(x) else 0
        at = (~known).to(torch.int8).argsort(stable=True, dim=-1)[:, :length]
        is_known = known.gather(1, at)
        value = torch.where(is_known, x.gather(1, at), 0)
        first = self.first.expand(len(x), -1, -1)
        content = torch.cat([first, self.enter(value) + self.holds(at)], 1)
        slot = torch.where(is_known, at + 1, self.dim + 1)
        slot = (
            torch.cat([torch.zeros_like(slot[:, :1]), slot], 1)
            if length
            else slot.new_zeros(len(x), 1)
        )
        turns, keys, values = self._content_turns(at), [], []
        for layer in self.layers:
            key, value = layer.cache(content, turns)
            keys.append(self._slots(key, slot))
            values.append(self._slots(value, slot))
            content = layer.read(content, turns, (key, value), causal=True)
        ones = torch.ones_like(known[:, :1])
        return _State(keys, values, torch.cat([ones, known, ~ones], 1))

    def step(self, state: _State, target: Tensor | int | None = None) -> Tensor:
        batch = len(state.visible)
        if target is None:
            at = torch.arange(self.dim, device=state.visible.device).expand(batch, -1)
        else:
            at = torch.as_tensor(target, device=state.visible.device).expand(batch).unsqueeze(1)
        asks, turns = self.asks(at) + self.first, self.asks.turns(at)
        visible = state.visible.unsqueeze(1).expand(-1, at.shape[1], -1)
        for layer, key, value in zip(self.layers, state.keys, state.values, strict=True):
            asks = layer.read(asks, turns, (key, value), visible)
        params = self.leave(self.norm(asks))
        return params if target is None else params.squeeze(1)

    def append(self, state: _State, where: Tensor, value: Tensor) -> _State:
        target = where.to(torch.int8).argmax(-1)
        rows = torch.arange(len(where), device=where.device)
        slot = torch.where(where.any(-1), target + 1, self.dim + 1)  # the dump for a finished row
        at = target.unsqueeze(1)
        content = self.enter(value.unsqueeze(1)) + self.holds(at)
        turns = self.holds.turns(at)
        visible = state.visible.clone()
        visible[rows, slot] = True
        for layer, keys, values in zip(self.layers, state.keys, state.values, strict=True):
            key, entry = layer.cache(content, turns)
            keys[rows, :, slot], values[rows, :, slot] = key.squeeze(2), entry.squeeze(2)
            content = layer.read(content, turns, (keys, values), visible.unsqueeze(1))
        visible[:, -1] = False
        return _State(state.keys, state.values, visible)

    def _content_turns(self, at: Tensor) -> Turns:
        """Rotations of the first content token (none) and of the variables `at` `(B, N)`."""
        cos, sin = self.holds.turns(at)
        still = (len(at), 1, 1, cos.shape[-1])
        return (
            torch.cat([cos.new_ones(still), cos], 2),
            torch.cat([sin.new_zeros(still), sin], 2),
        )

    def _slots(self, part: Tensor, slot: Tensor) -> Tensor:
        """Keys or values `(B, H, N, d)` in their slots of `(B, H, 1 + D + 1, d)`."""
        batch, heads, _, size = part.shape
        index = slot[:, None, :, None].expand(-1, heads, -1, size)
        return part.new_zeros(batch, heads, self.dim + 2, size).scatter(2, index, part)
