"""Fills in as one graph of fixed shape: D steps, whatever is given."""

from __future__ import annotations

import torch
from torch import Tensor

from mac_control.engine.blocks import Blocks, in_blocks
from mac_control.engine.model import AnyOrder


def unrolled(
    model: AnyOrder, x: Tensor, given: Tensor, obs: Tensor | None, rule: str, order: str | Blocks
) -> Tensor:
    """As `AnyOrder.fill`, but without data-dependent control flow, so that it can be exported.

    In natural order step i predicts dimension i in every row, and the result is dropped where that
    is given: a row predicts its free dimensions in the same order as in `fill`, from the same
    known sets. In the order `"certain"` each row has its own target. In blocks, a step is a block.

    Args:
        rule: `"mean"` or `"mode"`.
        order: `"natural"`, `"certain"`, or blocks.

    Example:
        >>> from mac_control.engine.mixtures import GaussianMixture
        >>> from mac_control.engine.mlp import MaskedMLP
        >>> model = AnyOrder(MaskedMLP(dim=3, obs_dim=0, params=6, width=8), GaussianMixture(2))
        >>> x, given = torch.tensor([[0.5, 0.0, 0.0]]), torch.tensor([[True, False, False]])
        >>> filled = unrolled(model, x, given, None, "mean", "natural")
        >>> torch.allclose(filled, model.mean(x, given))
        True
    """
    network, head, dim = model.network, model.head, model.dim
    choose = getattr(head, rule)
    dims = torch.arange(dim, device=x.device)
    x, missing = torch.where(given, x, 0.0), ~given
    state = network.start(x, given, obs)
    for number, block in enumerate(order if in_blocks(order) else ()):
        every = network.step(state)[:, list(block)]  # (B, N, P)
        values = choose(every.flatten(0, 1)).view(-1, len(block))
        for place, dim in enumerate(block):
            now = (dims == dim) & missing
            x = torch.where(now, values[:, place : place + 1], x)
            if number < len(order) - 1:
                state = network.append(state, now, values[:, place])
    for step in range(0 if in_blocks(order) else dim):
        if order == "certain":
            every = network.step(state)  # (B, D, P)
            entropy = head.entropy(every).masked_fill(~missing, float("inf"))
            target = entropy.argmin(-1)
            index = target.view(-1, 1, 1).expand(-1, 1, every.shape[-1])
            params = every.gather(1, index).squeeze(1)
        else:
            target, params = dims[step : step + 1], network.step(state, step)
        now = (dims == target.unsqueeze(1)) & missing  # (B, D): nothing where it is given
        value = choose(params)
        x = torch.where(now, value.unsqueeze(-1), x)
        missing = missing & ~now
        if step < dim - 1:
            state = network.append(state, now, value)
    return x
