"""Two-stream transformer: every conditional of a path in one pass, cached while sampling."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mac_control.engine.attention import attend
from mac_control.engine.base import GaussianBase
from mac_control.engine.heads import Head
from mac_control.engine.network import Network
from mac_control.errors import InputError


class _Layer(nn.Module):
    """Pre-norm attention of one stream on the content stream, then an MLP; both residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_query, self.norm_content = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.leave = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.SiLU(), nn.Linear(2 * width, width)
        )
        for last in (self.leave, self.mlp[-1]):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def cache(self, content: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values `(B, H, N, W/H)` of content `(B, N, W)`."""
        key, value = self.key_value(self.norm_content(content)).chunk(2, -1)
        return self._split(key), self._split(value)

    def forward(self, h: Tensor, key: Tensor, value: Tensor, visible: Tensor) -> Tensor:
        """`h` `(B, Q, W)` attends where `visible` `(B, Q, N)` is True."""
        query = self._split(self.query(self.norm_query(h)))
        read = attend(query, key, value, visible)
        h = h + self.leave(read.transpose(1, 2).flatten(2))
        return h + self.mlp(h)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


@dataclass
class _State:
    keys: list[Tensor]  # per layer (B, H, 1 + D + 1, W/H): context, one slot per variable, a dump
    values: list[Tensor]
    visible: Tensor  # (B, 1 + D + 1)
    context: Tensor  # (B, W)
    x: Tensor  # (B, D)
    obs: Tensor | None


class Transformer(Network):
    """Content tokens hold values; query tokens hold none and predict their dimension.

    Queries attend to content of lower rank (and to the obs token, which every token sees), so one
    pass gives the conditional of every variable on a path.

    Args:
        width, layers, heads: size of the streams.
        ordered: whether content tokens attend to content of rank up to their own. Without it a
            conditional depends only on the known set, not on its order, as on the lattice of the
            paper, and a new value costs one matrix product to cache.
        bias: `(D, P)` or `(P,)`, parameters that an untrained network returns.
        base: a Gaussian and the head: the network then predicts how each conditional differs from
            the Gaussian's, in its units. The ranks on a path must differ.

    Example:
        >>> network = Transformer(dim=3, obs_dim=2, params=4, width=16, layers=1, heads=2)
        >>> network(torch.zeros(1, 3), torch.tensor([[0, 1, 2]]), torch.zeros(1, 2)).shape
        torch.Size([1, 3, 4])
    """

    def __init__(
        self,
        dim: int,
        obs_dim: int,
        params: int,
        width: int = 64,
        layers: int = 2,
        heads: int = 4,
        ordered: bool = False,
        bias: Tensor | None = None,
        base: tuple[GaussianBase, Head] | None = None,
    ) -> None:
        super().__init__(dim, obs_dim, params)
        if width % heads:
            raise InputError(f"width: expected a multiple of {heads} heads, got {width}")
        self.ordered = ordered
        self.obs_enter = nn.Sequential(
            nn.Linear(max(obs_dim, 1), 4 * width), nn.SiLU(), nn.Linear(4 * width, width)
        )
        self.asks = nn.Parameter(torch.randn(dim, width) * 0.5)  # initial query tokens
        self.holds = nn.Parameter(torch.randn(dim, width) * 0.5)
        self.scales = nn.Parameter(torch.randn(dim, width) * 0.5)
        self.enter = nn.Linear(width, width)
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, params, bias=False)
        self.bias = nn.Parameter(torch.zeros(dim, params))
        self.base, self.head = base or (None, None)
        if self.base is not None:
            self.base_enter = nn.Linear(4, width)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
            if bias is not None:
                self.bias.copy_(bias.expand(dim, params))

    def forward(
        self, x: Tensor, rank: Tensor, obs: Tensor | None = None, levels: int | None = None
    ) -> Tensor:
        if rank.dim() == 3 and self.ordered:  # content depends on the path
            many = rank.shape[1]
            x = x.repeat_interleave(many, 0)
            obs = None if obs is None else obs.repeat_interleave(many, 0)
            return self(x, rank.flatten(0, 1), obs).unflatten(0, rank.shape[:2])
        several = rank.dim() == 3
        rank = rank if several else rank.unsqueeze(1)  # (B, M, D)
        many, dim = rank.shape[1:]
        context = self._context(x, obs)
        used = (rank <= dim).any(1)
        content = torch.cat([context.unsqueeze(1), self._content(x, used, context)], 1)
        below = rank.unsqueeze(2) < rank.unsqueeze(3)  # (B, M, D, D): key's rank below query's
        previous = F.pad(below, (1, 0), value=True).flatten(1, 2)  # (B, M D, 1 + D)
        h = (context.unsqueeze(1) + self.asks).repeat(1, many, 1)  # (B, M D, W)
        if self.base is not None:
            start = self._start_from(x, rank, obs)
            h = h + start[0].flatten(1, 2)
        if self.ordered:
            # The context token sees only itself.
            current = F.pad(rank.unsqueeze(2) <= rank.unsqueeze(3), (1, 0), value=True).squeeze(1)
            first = F.pad(torch.ones_like(current[:, :1, :1]), (0, dim))
            current = torch.cat([first, current], 1)
        for layer in self.layers:
            key, value = layer.cache(content)
            h = layer(h, key, value, previous)
            if self.ordered:
                content = layer(content, key, value, current)
        params = self._params(h.unflatten(1, (many, dim)), self.bias)
        if self.base is not None:
            params = self.head.affine(params, *start[1:])
        return params if several else params.squeeze(1)

    def start(self, x: Tensor, known: Tensor, obs: Tensor | None = None) -> _State:
        dim = x.shape[1]
        context = self._context(x, obs)
        content = torch.cat([context.unsqueeze(1), self._content(x, known, context)], 1)
        content = F.pad(content, (0, 0, 0, 1))
        visible = F.pad(F.pad(known, (1, 0), value=True), (0, 1))
        keys, values = [], []
        if self.ordered:
            # Evidence sees evidence; the other slots are written before they are seen.
            current = visible.unsqueeze(1).repeat(1, dim + 2, 1)
            current[:, 0, 1:] = False
        for layer in self.layers:
            key, value = layer.cache(content)
            keys.append(key.clone())  # `append` writes into it
            values.append(value.clone())
            if self.ordered:
                content = layer(content, key, value, current)
        return _State(keys, values, visible, context, torch.where(known, x, 0.0), obs)

    def step(self, state: _State, target: Tensor | int | None = None) -> Tensor:
        if isinstance(target, int):
            target = torch.full_like(state.visible[:, 0], target, dtype=torch.long)
        asks = self.asks if target is None else self.asks[target].unsqueeze(1)
        h = state.context.unsqueeze(1) + asks  # (B, 1 or D, W)
        if self.base is not None:
            # One path of a single step for each target.
            one = torch.eye(self.dim, dtype=torch.bool, device=h.device)
            one = one.expand(len(h), -1, -1) if target is None else one[target].unsqueeze(1)
            known = state.visible[:, None, 1:-1]
            rank = torch.where(known, 0, torch.where(one, 1, self.left_out))
            start = self._start_from(state.x, rank, state.obs)
            index = one.to(torch.int8).argmax(-1, keepdim=True)  # (B, Q, 1)
            start = [
                t.take_along_dim(index.view(*index.shape, *[1] * (t.dim() - 3)), 2).squeeze(2)
                for t in start
            ]
            h = h + start[0]
        visible = state.visible.unsqueeze(1).expand(-1, h.shape[1], -1)
        for layer, key, value in zip(self.layers, state.keys, state.values, strict=True):
            h = layer(h, key, value, visible)
        params = self._params(h, self.bias if target is None else self.bias[target].unsqueeze(1))
        if self.base is not None:
            params = self.head.affine(params, *start[1:])
        return params if target is None else params.squeeze(1)

    def append(self, state: _State, where: Tensor, value: Tensor) -> _State:
        batch, dim = where.shape
        target = where.to(torch.int8).argmax(-1)
        rows = torch.arange(batch, device=where.device)
        slot = torch.where(where.any(-1), target + 1, dim + 1)  # the dump for a finished row
        content = self._embed(value, self.scales[target], self.holds[target], state.context)
        content = content.unsqueeze(1)  # (B, 1, W)
        visible = state.visible | F.pad(where, (1, 1))
        for index, layer in enumerate(self.layers):
            key, entry = layer.cache(content)
            state.keys[index][rows, :, slot] = key.squeeze(2)
            state.values[index][rows, :, slot] = entry.squeeze(2)
            if self.ordered:
                seen = (state.keys[index], state.values[index], visible.unsqueeze(1))
                content = layer(content, *seen)
        x = torch.where(where, value.unsqueeze(-1), state.x)
        return _State(state.keys, state.values, visible, state.context, x, state.obs)

    def _context(self, x: Tensor, obs: Tensor | None) -> Tensor:
        return self.obs_enter(x.new_ones(len(x), 1) if obs is None else obs)

    def _content(self, x: Tensor, used: Tensor, context: Tensor) -> Tensor:
        # `where`, not a product: a NaN at an unknown entry must not get through.
        x = torch.where(used, x, 0.0)
        return self._embed(x, self.scales, self.holds, context.unsqueeze(1))

    def _embed(self, x: Tensor, scale: Tensor, hold: Tensor, context: Tensor) -> Tensor:
        """Content tokens `(..., W)` of values `x` `(...)`."""
        h = x.unsqueeze(-1) * scale + hold + context
        return h + self.enter(F.silu(h))

    def _start_from(
        self, x: Tensor, rank: Tensor, obs: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The base on paths `(B, M, D)`: its input to the queries, its mean and its std."""
        many = rank.shape[1]
        rows = [None if t is None else t.repeat_interleave(many, 0) for t in (x, obs)]
        mean, std, length, count = self.base(rows[0], rank.flatten(0, 1), rows[1])
        usual, middle = self.base.std[-self.dim :], self.base.mean[-self.dim :]
        told = (
            (mean - middle) / usual,
            (std / usual).log(),
            ((1 + length) / (1 + count)).log(),
            count / len(self.base.mean),
        )
        enter = self.base_enter(torch.stack(told, -1).to(x.dtype))
        return tuple(t.unflatten(0, (-1, many)) for t in (enter, mean, std))

    def _params(self, h: Tensor, bias: Tensor) -> Tensor:
        return self.leave(self.norm(h)) + bias
