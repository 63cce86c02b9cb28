"""Tokens of long sequences: embeddings of values, and learned and rotary positions on a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mac_control.errors import InputError

_SPATIAL = 5  # an axis at least this long gets rotary angles; a shorter one (colours) does not


class Values(nn.Module):
    """Vectors `(..., W)` of values `(...)`: a table for symbols 0 to n - 1, waves for real numbers.

    Args:
        width: W.
        symbols: n; 0 for real numbers near [-1, 1].
    """

    def __init__(self, width: int, symbols: int = 0) -> None:
        super().__init__()
        self.symbols = symbols
        if symbols:
            self.table = nn.Embedding(symbols, width)
            nn.init.normal_(self.table.weight, std=0.5)
        else:
            self.enter = nn.Linear(9, width)

    def forward(self, x: Tensor) -> Tensor:
        if self.symbols:
            return self.table(x.round().long().clamp(0, self.symbols - 1))
        angle = x.unsqueeze(-1) * (math.pi / 2 * 2.0 ** torch.arange(4, device=x.device)).to(x)
        return self.enter(torch.cat([x.unsqueeze(-1), angle.sin(), angle.cos()], -1))


class Positions(nn.Module):
    """Learned vectors and rotary angles of the D places of a grid.

    A place's vector is the sum of one vector for each of its coordinates; axes of at least 5
    places also rotate queries and keys (Su et al. 2021), each axis a share of them, so that
    attention sees distances.

    Args:
        shape: shape of the grid: `(250,)` for text, `(32, 32, 3)` for an image in colour.
        width: width of the vectors, W.
        turned: size of an attention head.

    Example:
        >>> Positions((4, 4, 3), 8, turned=4)(torch.tensor([[0, 47]])).shape
        torch.Size([1, 2, 8])
    """

    coordinates: Tensor
    angles: Tensor

    def __init__(self, shape: Sequence[int], width: int, turned: int) -> None:
        super().__init__()
        if not shape or min(shape) < 1:
            raise InputError(f"shape: expected sizes of at least 1, got {tuple(shape)}")
        if turned % 2:
            raise InputError(f"heads: expected heads of an even size, got {turned}")
        axes = torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")
        coordinates = torch.stack([axis.flatten() for axis in axes], -1)  # (D, axes)
        self.axes = nn.ParameterList(nn.Parameter(torch.randn(n, width) * 0.3) for n in shape)
        long = [i for i, n in enumerate(shape) if n >= _SPATIAL]
        angles = torch.zeros(len(coordinates), turned // 2)
        for part, axis in zip(_parts(turned // 2, len(long)), long, strict=True):
            count = part.stop - part.start
            # Wavelengths from 2π to some times the axis, in equal ratios.
            share = torch.arange(count) / max(1, count - 1)
            frequency = (4.0 * shape[axis]) ** -share
            angles[:, part] = coordinates[:, axis : axis + 1] * frequency
        self.register_buffer("coordinates", coordinates, persistent=False)
        self.register_buffer("angles", angles, persistent=False)

    def forward(self, place: Tensor) -> Tensor:
        """Vectors `(..., W)` of places `(...)`."""
        where = self.coordinates[place]
        parts = [F.embedding(where[..., i], axis) for i, axis in enumerate(self.axes)]
        return torch.stack(parts).sum(0)

    def turns(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines `(B, 1, N, d/2)` for places `(B, N)`."""
        angle = self.angles[place].unsqueeze(1)
        return angle.cos(), angle.sin()


def turn(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """`x` `(B, H, N, d)` with each pair of its entries rotated."""
    cos, sin = (t.to(x.dtype) for t in turns)
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def _parts(size: int, count: int) -> list[slice]:
    cuts = [size * i // count for i in range(count + 1)] if count else [0]
    return [slice(a, b) for a, b in pairwise(cuts)]
