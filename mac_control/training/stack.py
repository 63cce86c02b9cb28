"""The parameters of one or several policies of one shape, trained side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from mac_control.policies import LearnedPolicy


class _Loss(nn.Module):
    def __init__(self, policy: LearnedPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.policy.loss(batch)


class Stack:
    """`S` policies as one: parameters `(S, ...)` for several, plain ones for a single policy.

    Gradients of the summed losses are those of separate runs, since no loss sees another
    policy's parameters. Buffers (the normalisation) are shared.

    Args:
        policies: at least one, all of one class and configuration.
    """

    def __init__(self, policies: Sequence[LearnedPolicy]) -> None:
        self.size = len(policies)
        self.module = _Loss(policies[0])
        if self.size == 1:
            self.params = {k: p for k, p in self.module.named_parameters() if p.requires_grad}
        else:
            self.params, _ = stack_module_state([_Loss(policy) for policy in policies])

    def losses(self, batches: dict[str, Tensor]) -> Tensor:
        """Loss of each policy `(S,)`, for batches with a leading axis `S`."""
        if self.size == 1:
            return self.module({name: value[0] for name, value in batches.items()})[None]
        return vmap(self._one, randomness="error")(self.params, batches)

    def losses_with(self, params: dict[str, Tensor], batches: dict[str, Tensor]) -> Tensor:
        """The same with other parameters (an average of them)."""
        if self.size == 1:
            one = {name: value[0] for name, value in batches.items()}
            return self._one(params, one)[None]
        return vmap(self._one, randomness="error")(params, batches)

    def _one(self, params: dict[str, Tensor], batch: dict[str, Tensor]) -> Tensor:
        return functional_call(self.module, params, (batch,))

    def decayed(self) -> tuple[list[Tensor], list[Tensor]]:
        """Parameters with weight decay (matrices), and without (vectors)."""
        axes = 2 if self.size == 1 else 3
        params = list(self.params.values())
        return [p for p in params if p.ndim >= axes], [p for p in params if p.ndim < axes]

    @torch.no_grad()
    def clip(self, limit: float) -> Tensor:
        """Clip each policy's gradient to the norm `limit`; returns the norms `(S,)` before."""
        grads = [p.grad for p in self.params.values() if p.grad is not None]
        if self.size == 1:
            norms = torch.stack(torch._foreach_norm(grads)).norm()[None]
        else:
            rows = [g.view(self.size, -1).square().sum(1) for g in grads]
            norms = torch.stack(rows).sum(0).sqrt()
        if limit:
            scale = limit / norms.clamp(min=limit)
            if self.size == 1:
                torch._foreach_mul_(grads, scale[0])
            else:
                for grad in grads:
                    grad.view(self.size, -1).mul_(scale[:, None])
        return norms

    def state_dict(self, index: int, params: dict[str, Tensor]) -> dict[str, Tensor]:
        """The `state_dict` of the policy at `index`, with these parameters."""
        state = dict(self.module.policy.state_dict())
        for name, value in params.items():
            state[name.removeprefix("policy.")] = value if self.size == 1 else value[index]
        return state
