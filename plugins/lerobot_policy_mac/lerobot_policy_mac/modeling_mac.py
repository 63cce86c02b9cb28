"""MAC as a subclass of LeRobot's policy class."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.utils.constants import ACTION
from torch import Tensor

from mac_control import PartialAction
from mac_control.demonstrations.table import Steps
from mac_control.policies.mac import MacPolicy as Inner

from .configuration_mac import MacConfig


class MacPolicy(PreTrainedPolicy):
    """MAC, trained, saved and run by LeRobot's own commands.

    Args:
        config: sizes follow from its features.
        dataset_stats: mean, standard deviation and range of state and action; a checkpoint has
            them in its weights.
        dataset_meta: metadata of the data set, for the names of the action's dimensions.
    """

    config_class = MacConfig
    name = "mac"

    def __init__(
        self,
        config: MacConfig,
        dataset_stats: Mapping[str, Mapping[str, Any]] | None = None,
        dataset_meta: Any = None,
        **_: Any,
    ) -> None:
        super().__init__(config)
        config.validate_features()
        if left := sorted(config.image_features):
            logging.warning("mac sees no pictures: %s are left out", ", ".join(left))
        self.config = config
        names = _names(dataset_meta)
        if names:
            config.action_names = names
        dims = config.action_feature.shape[0]
        sizes = [config.input_features[key].shape[0] for key in config.state_keys]
        mean, std = np.zeros(sum(sizes)), np.ones(sum(sizes))
        low, high = -np.ones(dims), np.ones(dims)
        if dataset_stats is not None:
            seen = [dataset_stats[key] for key in config.state_keys]
            mean = np.concatenate([np.ravel(np.asarray(stats["mean"])) for stats in seen])
            std = np.concatenate([np.ravel(np.asarray(stats["std"])) for stats in seen])
            # Entries that hardly move carry no signal.
            std = np.maximum(std, 1e-2 * max(float(std.max()), 1e-6))
            action = dataset_stats[ACTION]
            low, high = (np.ravel(np.asarray(action[end], float)) for end in ("min", "max"))
            wide = np.maximum(config.margin * (high - low), 1e-3 * np.maximum(np.abs(high), 1.0))
            low, high = low - wide, high + wide
        self.inner = Inner(config.mac, mean, std, low, high)
        self.inner.guessed_box = True
        self._generator = torch.Generator().manual_seed(torch.initial_seed() % 2**63)

    def get_optim_params(self) -> Any:
        return self.inner.parameters()

    def reset(self) -> None:
        self.inner.reset(0)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Any]]:
        """Negative log-likelihood of random conditionals of each action [nats]."""
        action = batch[ACTION]
        given = torch.ones_like(action, dtype=torch.bool)
        steps = Steps(self._obs(batch), action, action, given)
        return self.inner.loss(self.inner.draw(steps, self._generator)), {}

    @torch.no_grad()
    def predict_action_chunk(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """A chunk of one action, `(B, 1, D)`."""
        return self.select_action(batch)[:, None]

    @torch.no_grad()
    def select_action(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """The action with nothing given, `(B, D)`."""
        return self.fill_in(batch, {})

    @torch.no_grad()
    def fill_in(self, batch: dict[str, Tensor], given: Mapping[str | int, Any]) -> Tensor:
        """The action `(B, D)` with some dimensions given; these come back as they are.

        Args:
            batch: observations, as the preprocessor leaves them.
            given: name or index of a dimension -> its value, or one for each row.

        Raises:
            KeyError: an unknown name of a dimension.
        """
        self._box()
        obs = self._obs(batch)
        rows = len(obs)
        values = np.zeros((rows, self.inner.action_dim), np.float32)
        mask = np.zeros_like(values, bool)
        for key, value in given.items():
            dim = key if isinstance(key, int) else self._index(key)
            values[:, dim] = np.asarray(value, np.float32)
            mask[:, dim] = True
        action = self.inner.act(obs.float().cpu().numpy(), PartialAction(values, mask))
        return torch.as_tensor(action, device=obs.device)

    def _index(self, name: str) -> int:
        names = self.config.action_names
        for known in (names, [each.removesuffix(".pos") for each in names]):
            if name in known:
                return known.index(name)
        raise KeyError(f"given: expected a dimension out of {', '.join(names)}, got {name!r}")

    def _obs(self, batch: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([batch[key] for key in self.config.state_keys], dim=-1)

    def _box(self) -> None:
        """The ends of the box, which a checkpoint holds in buffers."""
        ends = self.inner.action_low, self.inner.action_high
        self.inner.low, self.inner.high = (end.float().cpu().numpy() for end in ends)


def _names(meta: Any) -> list[str]:
    names = getattr(meta, "features", {}).get(ACTION, {}).get("names")
    if isinstance(names, Mapping):  # as in older data sets
        names = next(iter(names.values()), None)
    return [str(name) for name in names] if names else []
