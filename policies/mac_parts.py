"""Parts of a `MacPolicy`: its network, and its training masks."""

from __future__ import annotations

import torch
from torch import Tensor

from mac_control.engine.heads import Head
from mac_control.engine.masks import Masks, evidence_queries, marginal_queries
from mac_control.engine.mlp import MaskedMLP
from mac_control.engine.network import Network
from mac_control.engine.orders import permutations
from mac_control.engine.transformer import Transformer
from mac_control.policies.mac_config import MacConfig


def training_masks(
    config: MacConfig,
    batch: int,
    dim: int,
    generator: torch.Generator | None = None,
    may: Tensor | None = None,
) -> Masks:
    """Given and queried dimensions, as `config.mask_distribution` says.

    Where an operator gave only some dimensions, `may` `(batch, dim)`, exactly these are given half
    of the time, and those of them that the rule selects the other half.
    """
    if config.mask_distribution == "marginal":
        return marginal_queries(batch, dim, generator)
    if config.mask_distribution == "evidence":
        given, _ = evidence_queries(batch, dim, generator, nothing=config.nothing)
    elif config.mask_distribution == "any-order":
        given = torch.zeros(batch, dim, dtype=torch.bool)
    else:
        sizes = torch.tensor([k for k in config.num_given if k < dim])
        size = sizes[torch.randint(len(sizes), (batch, 1), generator=generator)]
        given = permutations(batch, dim, generator) < size
    if may is not None and not may.all():
        exactly = torch.rand(batch, 1, generator=generator) < 0.5
        given = torch.where(exactly & ~may.all(-1, keepdim=True), may, given & may)
    return given, ~given


def network_of(config: MacConfig, dim: int, obs_dim: int, head: Head) -> Network:
    sizes = (dim, obs_dim, head.size, config.width, config.layers)
    if config.network == "transformer":
        return Transformer(*sizes, ordered=config.ordered, bias=head.initial())
    return MaskedMLP(*sizes, config.obs_width, config.obs_layers, head.initial())
