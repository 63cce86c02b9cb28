"""Builds the head and the network of a configuration."""

from __future__ import annotations

import torch

from mac_control.density.config import DensityConfig
from mac_control.density.text import ALPHABET
from mac_control.engine.base import GaussianBase
from mac_control.engine.heads import Categorical, Head
from mac_control.engine.mixtures import GaussianMixture, LogisticMixture
from mac_control.engine.network import Network
from mac_control.engine.transformer import Transformer
from mac_control.engine.two_stream import TwoStream


def build_head(config: DensityConfig) -> Head:
    """The distribution that the network parametrises for one variable."""
    if config.head == "categorical":
        count = len(ALPHABET) if config.kind == "text" else 256
        return Categorical([float(i) for i in range(count)])
    if config.head == "logistic":
        return LogisticMixture(config.components)
    return GaussianMixture(config.components)


def build_network(config: DensityConfig, head: Head) -> Network:
    """An untrained network: a two-stream transformer; for tables, one on top of a Gaussian."""
    if config.kind != "tables":
        symbols = head.size if isinstance(head, Categorical) else 0
        return TwoStream(
            config.shape,
            head.size,
            symbols,
            config.width,
            config.layers,
            config.heads,
            config.ratio,
            bias=head.initial(),
        )
    dim, bias, k = config.shape[0], head.initial(), config.components
    bias[k : 2 * k] *= 0.3  # near the base's own Gaussian, N(0, 1)
    bias[2 * k :] = torch.linspace(-0.7, 0.5, k) if k > 1 else 0.0
    # The base is fitted to the training rows later; weights of a checkpoint replace it.
    base = GaussianBase(torch.cat([torch.eye(dim), -torch.eye(dim)]), 0, config.shrink)
    return Transformer(
        dim,
        0,
        head.size,
        config.width,
        config.layers,
        config.heads,
        config.ordered,
        bias,
        (base, head),
    )
