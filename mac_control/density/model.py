"""A density model: from data to log-probabilities and completions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mac_control.checkpoint import commit
from mac_control.density.build import build_head, build_network
from mac_control.density.config import DensityConfig
from mac_control.density.gaussianise import Gaussianise
from mac_control.density.text import ALPHABET, BLANK, decode, encode
from mac_control.engine.model import AnyOrder
from mac_control.errors import InputError
from mac_control.seeds import whole_seed

_CHUNK = 1 << 15  # variables in one pass


class DensityModel:
    """`p(x)` of one kind of data, with any marginal and any conditional.

    Data are taken as users have them: text is a string, a list of strings, or symbols `(B, L)`
    uint8; images are `(B, H, W, C)` uint8, tables `(B, D)` floats. Masks are booleans of the data's
    shape, `(B, length)` for text.

    Args:
        config: kind of data, size of the network, how it was trained.
        device: device to compute on.
    """

    #: Further entries of `density.json`: how it was trained, on what.
    checkpoint: Mapping[str, Any]

    def __init__(self, config: DensityConfig, device: str = "cpu") -> None:
        self.config, self.device = config, torch.device(device)
        self.head = build_head(config)
        self.bend = Gaussianise(config.shape[0], config.bend) if config.kind == "tables" else None
        self.network = build_network(config, self.head)
        self.checkpoint = {}
        self.to(device)

    @property
    def dim(self) -> int:
        """Number of variables, D."""
        return self.network.dim

    @property
    def parts(self) -> dict[str, torch.nn.Module]:
        """The modules with weights, by name."""
        return {"network": self.network} | ({"bend": self.bend} if self.bend is not None else {})

    def to(self, device: str) -> DensityModel:
        """Move to a device."""
        self.device = torch.device(device)
        for part in self.parts.values():
            part.to(self.device)
        return self

    def log_prob(
        self,
        x: Any,
        given: Any = None,
        query: Any = None,
        order: str | None = None,
        via: str = "path",
        seed: int = 0,
    ) -> np.ndarray:
        """`log p(x_query | x_given)`, `(B,)` [nats].

        Args:
            x: data; entries that are neither given nor queried may be anything.
            given: mask of the known entries; None: nothing.
            query: mask of the queried entries; None: all that are not given.
            order: order in which the query's variables are predicted: natural, spaced or random;
                None: as trained.
            via: `path` conditions on the given variables. `marginals` is
                `log p(x_query, x_given) - log p(x_given)`, for models trained on marginals: it sums
                to 1 over x_query only as far as the model's marginals agree with one another.
            seed: seed of a random order.

        Raises:
            InputError: data or masks that do not fit, or an empty query.
        """
        values, here, slopes = self._values(x)
        given = self._mask("given", given, here) & here
        query = here & ~given if query is None else self._mask("query", query, here)
        if (query & ~here).any():
            raise InputError("query: expected characters of the text, got a place behind its end")
        self._require_known("query, given", x, given | query)
        if via == "path":
            return self._log_prob(values, slopes, given, query, order, seed).cpu().numpy()
        if via != "marginals":
            raise InputError(f"via: expected 'path' or 'marginals', got {via!r}")
        nothing = torch.zeros_like(given)
        both = self._log_prob(values, slopes, nothing, given | query, order, seed)
        alone = torch.zeros_like(both)
        some = given.any(1)
        if some.any():
            rows = (values[some], slopes[some], nothing[some], given[some])
            alone[some] = self._log_prob(*rows, order, seed)
        return (both - alone).cpu().numpy()

    def sample(
        self,
        x: Any,
        given: Any,
        temperature: float = 1.0,
        seed: int = 0,
        order: str | None = None,
    ) -> Any:
        """Data with free entries drawn at random; given entries stay as they are.

        Raises:
            InputError: data or masks that do not fit.
        """
        return self._fill(x, given, "sample", temperature, seed, order)

    def mode(self, x: Any, given: Any, order: str | None = None) -> Any:
        """Data with free entries filled in by the most probable value, one after another.

        In the order `certain` the most certain entry comes first.
        """
        return self._fill(x, given, "mode", 1.0, 0, order)

    def encode(self, x: Any) -> Tensor:
        """Whole rows as the values `(B, D)` float32 that the network sees."""
        values, here, _ = self._values(x)
        if not here.all():
            raise InputError(f"x: expected {self.dim} characters, got fewer")
        return values

    def decode(self, values: Tensor) -> Any:
        """Data from values `(B, D)`."""
        if self.config.kind == "tables":
            assert self.bend is not None
            return self.bend.inverse(values).cpu().numpy()
        if self.config.head == "logistic":
            values = (values + 1) * 127.5
        symbols = values.round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        if self.config.kind == "text":
            return [decode(row) for row in symbols]
        return symbols.reshape(-1, *self.config.shape)

    def save(self, folder: str | Path, record: Mapping[str, Any] | None = None) -> Path:
        """Write a folder that `load_density` reads; `record` is saved with it."""
        tensors = {
            f"{name}.{key}": value
            for name, part in self.parts.items()
            for key, value in part.state_dict().items()
        }
        head = {"config": dataclasses.asdict(self.config)}
        commit(folder, "density", {**head, **(record or {})}, tensors)
        return Path(folder)

    def _values(self, x: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Values `(B, D)`, a mask of those present (text may be shorter), and log slopes."""
        kind, shape = self.config.kind, self.config.shape
        if kind == "text":
            rows = _symbols(x, self.dim)
            symbols = np.zeros((len(rows), self.dim), np.float32)
            here = np.zeros(symbols.shape, bool)
            for index, row in enumerate(rows):
                symbols[index, : len(row)], here[index, : len(row)] = row, True
            values = self._tensor(symbols)
            return values, self._tensor(here), torch.zeros_like(values)
        array = np.asarray(x)
        numbers = array.dtype == np.uint8 if kind == "images" else array.dtype.kind in "fiu"
        if array.shape[1:] != shape or not len(array) or not numbers:
            want = " × ".join(map(str, shape))
            what = "images uint8" if kind == "images" else "rows"
            raise InputError(f"x: expected {what} (B, {want}), got {array.shape} {array.dtype}")
        precision = np.float64 if kind == "tables" else np.float32  # until standardised
        values = self._tensor(array.reshape(len(array), -1).astype(precision))
        slopes = torch.zeros_like(values)
        if self.bend is not None:
            values, slopes = self.bend(values)
        elif self.config.head == "logistic":
            values = values / 127.5 - 1
        return values, torch.ones_like(values, dtype=torch.bool), slopes

    def _log_prob(
        self,
        values: Tensor,
        slopes: Tensor,
        given: Tensor,
        query: Tensor,
        order: str | None,
        seed: int,
    ) -> Tensor:
        model = AnyOrder(self.network, self.head)
        generator = torch.Generator(self.device).manual_seed(whole_seed(seed))
        order = order or self.config.path_objective.asked_in
        parts = []
        with torch.inference_mode(), _evaluating(self.network):
            for rows in torch.arange(len(values)).split(max(1, _CHUNK // self.dim)):  # type: ignore[no-untyped-call]
                found = model.log_prob(
                    values[rows], given[rows], None, query[rows], order, generator
                )
                parts.append(found + torch.where(query[rows], slopes[rows], 0).sum(1))
        return torch.cat(parts)

    def _fill(
        self, x: Any, given: Any, rule: str, temperature: float, seed: int, order: str | None
    ) -> Any:
        values, here, _ = self._values(x)
        given = self._mask("given", given, here) & here
        self._require_known("given", x, given)
        if not temperature >= 0:
            raise InputError(f"temperature: expected a number of at least 0, got {temperature}")
        model = AnyOrder(self.network, self.head)
        generator = torch.Generator(self.device).manual_seed(whole_seed(seed))
        order = order or self.config.path_objective.asked_in
        with torch.inference_mode(), _evaluating(self.network):
            filled, _ = model.fill(
                values, given, None, rule, order, temperature, generator, here & ~given
            )
        data = self.decode(filled)
        if self.config.kind == "text":
            lengths = [len(row) for row in _symbols(x, self.dim)]
            return [text[:length] for text, length in zip(data, lengths, strict=True)]
        array = np.asarray(x)
        if self.config.kind == "tables" and array.dtype.kind != "f":
            array = array.astype(np.float64)  # filled-in values are not integers
        known = given.cpu().numpy().reshape(array.shape)
        return np.where(known, array, data.astype(array.dtype))  # bit for bit

    def _mask(self, name: str, mask: Any, here: Tensor) -> Tensor:
        if mask is None:
            return torch.zeros_like(here)
        array = np.asarray(mask)
        shape: Sequence[int] = (len(here), *self.config.shape)
        longest = int(here.sum(1).max())  # a mask may be as long as the longest text
        if self.config.kind == "text" and array.ndim == 2 and array.shape[1] == longest:
            array = np.pad(array, ((0, 0), (0, self.dim - array.shape[1])))
        if array.dtype != bool or array.shape != tuple(shape):
            raise InputError(
                f"{name}: expected booleans {tuple(shape)}, got {array.shape} {array.dtype}"
            )
        return self._tensor(array.reshape(len(array), -1))

    def _require_known(self, name: str, x: Any, mask: Tensor) -> None:
        """Raise an InputError where a blank of a text would be taken for a space."""
        if self.config.kind != "text" or isinstance(x, np.ndarray):
            return
        texts = [x] if isinstance(x, str) else x
        for text, row in zip(texts, mask.cpu().numpy(), strict=True):
            if any(c == BLANK and row[place] for place, c in enumerate(text)):
                raise InputError(
                    f"{name}: expected characters, got a blank in {text!r}: mask it out, or fill "
                    "it in with 'sample' or 'mode' first"
                )

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


@contextmanager
def _evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode within the block."""
    before = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(before)


def _symbols(x: Any, most: int) -> list[np.ndarray]:
    """Symbols of each text; blanks become spaces here."""
    if isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim == 2:
        if x.size and x.max() >= len(ALPHABET):
            raise InputError(f"x: expected symbols below {len(ALPHABET)}, got {x.max()}")
        rows = list(x)
    else:
        texts = [x] if isinstance(x, str) else list(x) if isinstance(x, Sequence) else []
        if not texts or not all(isinstance(text, str) for text in texts):
            raise InputError("x: expected text, a list of texts, or symbols (B, L) uint8")
        rows = [encode(text.replace(BLANK, " "), "x") for text in texts]
    for row in rows:
        if not 1 <= len(row) <= most:
            raise InputError(f"x: expected 1 to {most} characters, got {len(row)}")
    return rows
