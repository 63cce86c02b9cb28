"""Masked MLP: from values and mask to every conditional on one known set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mac_control.engine.network import Network, path_levels


class Block(nn.Module):
    """Residual block, `h + W₂ act(W₁ norm(h))`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.outer(F.silu(self.inner(self.norm(h))))


@dataclass
class _State:
    x: Tensor  # (B, D), 0 where unknown
    known: Tensor  # (B, D)
    context: Tensor | None  # (B, W), the obs's contribution to the first layer


class MaskedMLP(Network):
    """Residual MLP on `(x · known, known)`, to which an encoding of the obs is added once.

    One row yields the conditionals of all dimensions on one known set; a path with n distinct
    ranks takes n rows.

    Args:
        width, layers: width and number of the residual blocks that see the known values.
        obs_width, obs_layers: the same for the blocks that see only the obs: these run once per
            sample, however many known sets there are.
        bias: `(D, P)` or `(P,)`, parameters that an untrained network returns.

    Example:
        >>> network = MaskedMLP(dim=3, obs_dim=2, params=4, width=16, layers=1)
        >>> rank = torch.tensor([[0, 1, 2]])
        >>> network(torch.zeros(1, 3), rank, torch.zeros(1, 2)).shape
        torch.Size([1, 3, 4])
    """

    def __init__(
        self,
        dim: int,
        obs_dim: int,
        params: int,
        width: int = 256,
        layers: int = 2,
        obs_width: int = 256,
        obs_layers: int = 1,
        bias: Tensor | None = None,
    ) -> None:
        super().__init__(dim, obs_dim, params)
        self.enter = nn.Linear(2 * dim, width)
        if obs_dim:
            self.obs_enter = nn.Linear(obs_dim, obs_width)
            self.obs_blocks = nn.Sequential(*(Block(obs_width) for _ in range(obs_layers)))
            self.obs_leave = nn.Linear(obs_width, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, dim * params)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
            if bias is not None:
                self.leave.bias.copy_(bias.expand(dim, params).reshape(-1))

    def forward(
        self, x: Tensor, rank: Tensor, obs: Tensor | None = None, levels: int | None = None
    ) -> Tensor:
        levels = path_levels(rank, self.dim) if levels is None else levels
        several = rank.dim() == 3
        rank = rank if several else rank.unsqueeze(1)  # (B, M, D)
        level = torch.arange(1, max(levels, 1) + 1, device=rank.device).view(-1, 1)
        known = rank.unsqueeze(2) < level  # (B, M, L, D)
        context = self._context(obs)
        if context is not None:
            context = context[:, None, None]
        h = self._hidden(x[:, None, None], known, context)  # (B, M, L, W)
        if levels > 1:  # the last layer runs for a dimension at its own level only
            index = (rank - 1).clamp(0, levels - 1).unsqueeze(-1)
            h = h.gather(2, index.expand(*rank.shape, h.shape[-1]))  # (B, M, D, W)
            leave = self.leave.weight.unflatten(0, (self.dim, self.params))
            bias = self.leave.bias.unflatten(0, (self.dim, self.params))
            params = torch.einsum("bmdw,dpw->bmdp", h, leave) + bias
        else:
            params = self.leave(h.squeeze(2)).unflatten(-1, (self.dim, self.params))
        return params if several else params.squeeze(1)

    def start(self, x: Tensor, known: Tensor, obs: Tensor | None = None) -> _State:
        return _State(torch.where(known, x, 0), known, self._context(obs))

    def step(self, state: _State, target: Tensor | int | None = None) -> Tensor:
        if isinstance(target, int):  # only its part of the last layer
            part = slice(target * self.params, (target + 1) * self.params)
            h = self._hidden(state.x, state.known, state.context)
            return F.linear(h, self.leave.weight[part], self.leave.bias[part])
        params = self._rows(state.x, state.known, state.context)
        if target is None:
            return params
        index = target.view(-1, 1, 1).expand(-1, 1, self.params)
        return params.gather(1, index).squeeze(1)

    def append(self, state: _State, where: Tensor, value: Tensor) -> _State:
        x = torch.where(where, value.unsqueeze(-1), state.x)
        return _State(x, state.known | where, state.context)

    def _context(self, obs: Tensor | None) -> Tensor | None:
        if not self.obs_dim:
            return None
        return self.obs_leave(F.silu(self.obs_blocks(self.obs_enter(obs))))

    def _rows(self, x: Tensor, known: Tensor, context: Tensor | None) -> Tensor:
        params = self.leave(self._hidden(x, known, context))
        return params.unflatten(-1, (self.dim, self.params))

    def _hidden(self, x: Tensor, known: Tensor, context: Tensor | None) -> Tensor:
        # `where`, not a product: a NaN at an unknown entry must not get through.
        h = self.enter(torch.cat([torch.where(known, x, 0.0), known.to(x.dtype)], -1))
        if context is not None:
            h = h + context
        return self.norm(self.blocks(h))
