"""The steps of demonstrations in one table, from which training draws its batches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mac_control.demonstrations.episode import Demonstrations, EpisodeFile


class Steps(NamedTuple):
    """Steps of demonstrations, or windows around them."""

    #: Observations, `(..., O)`.
    obs: Tensor
    #: Actions, `(..., D)`: what is learnt.
    action: Tensor
    #: Executed actions, `(..., D)`, on which a model conditions; in plain demonstrations `action`.
    executed: Tensor
    #: Which dimensions may be given, `(..., D)` bool (in plain demonstrations all).
    given: Tensor
    #: The demonstrator's subtask, `(...)`: an index into `Demonstrations.subtasks`, or -1.
    subtask: Tensor | None = None


class Table:
    """All steps of demonstrations, read by index.

    Small data are kept on the device. Large data stay in their file and are read a batch at a
    time: neither memory nor the time of a batch grows with the data.

    Example:
        >>> from mac_control.demonstrations import Episode
        >>> episode = Episode(np.arange(4.0)[:, None], np.zeros((4, 2)))
        >>> table = Table(Demonstrations([episode, episode]))
        >>> table.take(torch.tensor([3, 4])).obs.tolist()
        [[3.0], [0.0]]
        >>> table.windows(torch.tensor([3, 4]), torch.tensor([-1, 0, 1])).tolist()
        [[2, 3, 3], [4, 4, 5]]
    """

    def __init__(self, demonstrations: Demonstrations, device: str = "cpu") -> None:
        self._device = device
        #: Names of the subtasks that steps carry.
        self.subtasks = demonstrations.subtasks
        self._ends = torch.from_numpy(demonstrations.lengths.cumsum())
        self._file: EpisodeFile | None = None
        self._all: Steps | None = None
        if isinstance(demonstrations.episodes, EpisodeFile):
            self._file = demonstrations.episodes
        else:
            d = demonstrations
            arrays = (d.observations, d.actions, d.executed, d.given, d.subtask_numbers)
            self._all = Steps(*(torch.from_numpy(array).to(device) for array in arrays))

    @property
    def resident(self) -> bool:
        """Whether all data are in memory."""
        return self._file is None

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: Tensor) -> Steps:
        """The steps `rows` `(...)`."""
        if self._file is None:
            assert self._all is not None
            rows = rows.to(self._device)
            return Steps(*(part[rows] for part in self._all))
        read = self._file.take(rows.flatten().numpy())
        parts = (torch.from_numpy(np.ascontiguousarray(part)) for part in read)
        return Steps(*(part.view(*rows.shape, *part.shape[1:]).to(self._device) for part in parts))

    def windows(self, rows: Tensor, offsets: Tensor) -> Tensor:
        """Indices `(B, K)` at `offsets` `(K,)` from `rows` `(B,)`; episode ends are repeated."""
        episode = torch.searchsorted(self._ends, rows, right=True)
        last = self._ends[episode] - 1
        first = torch.where(episode > 0, self._ends[episode - 1], 0)
        steps = rows[:, None] + offsets
        return steps.clamp(first[:, None], last[:, None])
