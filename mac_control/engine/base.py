"""A Gaussian from which every conditional starts: second moments need no network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mac_control.errors import InputError


class GaussianBase(nn.Module):
    """Conditionals of one Gaussian along a path, all from one Cholesky factor per path.

    With the variables in path order, `C = L Lᵀ` and `z = L⁻¹ (x - μ)`:
    `E[x_i | before] = μ_i + Σ_j<i L_ij z_j`, `std[x_i | before] = L_ii`, and `Σ_j<i z_j²` is the
    squared Mahalanobis length of the known variables, whatever their order.

    Args:
        data: `(N, O + D)` rows of obs (where there is one) and variables.
        obs_dim: O.
        shrink: the covariance is mixed with its diagonal by this share.

    Example:
        >>> data = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
        >>> base = GaussianBase(data.repeat(1, 2), obs_dim=0, shrink=0.0001)
        >>> mean, std, _, _ = base(torch.tensor([[0.7, 0.0]]), torch.tensor([[0, 1]]))
        >>> round(float(mean[0, 1]), 2), bool(std[0, 1] < 0.05)
        (0.7, True)
    """

    mean: Tensor
    cov: Tensor
    std: Tensor

    def __init__(self, data: Tensor, obs_dim: int = 0, shrink: float = 0.01) -> None:
        super().__init__()
        if data.dim() != 2 or len(data) < 2 or data.shape[1] <= obs_dim:
            raise InputError(
                f"data: expected at least two rows of more than {obs_dim} columns, "
                f"got {tuple(data.shape)}"
            )
        self.obs_dim = obs_dim
        cov = torch.cov(data.double().T).reshape(data.shape[1], -1)
        variance = cov.diagonal().clamp_min(1e-8)
        cov = (1 - shrink) * cov + shrink * variance.diag()
        # In units of the variables, and up to rounding: then factors exist in every order.
        scaled = cov.to(data.dtype).double() / (variance.sqrt().outer(variance.sqrt()))
        if not torch.linalg.eigvalsh(scaled)[0] > len(cov) * torch.finfo(data.dtype).eps:
            raise InputError(
                f"shrink: expected more than {shrink:g}, as columns of these data depend on each "
                f"other, got {shrink:g}; 0.02 is usual, or leave out columns that follow from "
                "others"
            )
        self.register_buffer("mean", data.double().mean(0).to(data.dtype))
        self.register_buffer("cov", cov.to(data.dtype))
        self.register_buffer("std", variance.sqrt().to(data.dtype))

    def forward(
        self, x: Tensor, rank: Tensor, obs: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean, std, squared length and number of preceding variables, each `(B, D)`.

        `x` `(B, D)` is taken in the order of `rank` `(B, D)`; the ranks on a path must differ.
        """
        dim = x.shape[1]
        x = torch.where(rank <= dim, x, 0.0)
        if self.obs_dim and obs is not None:
            x, rank = torch.cat([obs, x], 1), torch.cat([torch.zeros_like(obs).long(), rank], 1)
        place = rank.argsort(stable=True, dim=-1)  # (B, N): which variable is first, second, ...
        back = place.argsort(-1)
        cov = self.cov[place.unsqueeze(2), place.unsqueeze(1)]
        factor = torch.linalg.cholesky(cov)
        centred = (x - self.mean).gather(1, place).unsqueeze(-1)
        z = torch.linalg.solve_triangular(factor, centred, upper=False)
        shift = (factor.tril(-1) @ z).squeeze(-1)  # of preceding variables only: nothing leaks
        square = z.squeeze(-1) ** 2
        length = square.cumsum(-1).roll(1, -1)
        length = torch.cat([torch.zeros_like(length[:, :1]), length[:, 1:]], -1)
        std = factor.diagonal(dim1=1, dim2=2)
        mean = self.mean + shift.gather(1, back)
        parts = (mean, std.gather(1, back), length.gather(1, back), back.to(x.dtype))
        return tuple(p[:, -dim:] for p in parts)
