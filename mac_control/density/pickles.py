"""Reads pickles of arrays, such as CIFAR-10, without running them."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from mac_control.errors import DataError

_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray", "numpy")
_KINDS = {f"{kind}{size}" for kind in "uif" for size in (1, 2, 4, 8)} - {"f1"}


class _Marker:
    """Stands for `numpy.ndarray`; cannot be called."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a class with a state")


class _Kind:
    """Stands for a numeric `numpy.dtype`."""

    __slots__ = ("name", "order")

    def __init__(self, name: object) -> None:
        name = name.decode("ascii") if isinstance(name, bytes) else name
        if name not in _KINDS:
            raise pickle.UnpicklingError(f"an array of {str(name)[:20]!r}")
        self.name, self.order = str(name), "|"

    def __setstate__(self, state: Any) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an array of another byte order")
        self.order = order


class _Array:
    """Stands for an array while it is read."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = np.zeros(0, np.uint8)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        if not isinstance(kind, _Kind) or not all(type(n) is int and n >= 0 for n in shape):
            raise pickle.UnpicklingError("an array of no numbers")
        raw = raw.encode("latin1") if isinstance(raw, str) else raw
        if not isinstance(raw, bytes):
            raise pickle.UnpicklingError("an array without bytes")
        flat = np.frombuffer(raw, np.dtype(kind.order.replace("|", "=") + kind.name))
        self.value = flat.reshape(tuple(shape), order="F" if fortran else "C")


class _Call:
    """A function that a pickle may call; it has no attributes that the pickle could set."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *args: Any) -> Any:
        if self._name == "dtype":
            return _Kind(args[0])
        if self._name == "encode":  # of Python 3, for bytes in an old protocol
            if len(args) == 2 and args[1] == "latin1" and isinstance(args[0], str):
                return args[0].encode("latin1")
        elif args and isinstance(args[0], _Marker):
            return _Array()
        raise pickle.UnpicklingError(f"a call of {self._name} that makes no array")

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a function with a state")


class _Arrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name == "_reconstruct":
            return _Call(name)
        if module == "numpy" and name in ("ndarray", "dtype"):
            return _Marker() if name == "ndarray" else _Call(name)
        if (module, name) == ("_codecs", "encode"):
            return _Call(name)
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: object) -> Any:
        raise pickle.UnpicklingError("a reference to something outside")


def read_arrays(content: bytes, name: str = "file") -> Any:
    """The content of a pickle of arrays, dictionaries, lists, strings and numbers.

    Nothing that the file names is imported or called: arrays are rebuilt here from their bytes.
    Everything else is refused.

    Raises:
        DataError: the file names something else, is damaged, or is not a pickle.

    Example:
        >>> read_arrays(pickle.dumps({"data": np.arange(3)}))["data"].tolist()
        [0, 1, 2]
    """
    try:
        return _plain(_Arrays(io.BytesIO(content), encoding="bytes").load())
    except DataError:
        raise
    except EOFError as error:
        raise DataError(f"{name}: expected a whole file, got the beginning of one") from error
    except pickle.UnpicklingError as error:
        if "truncated" in str(error):
            raise DataError(f"{name}: expected a whole file, got the beginning of one") from error
        raise DataError(
            f"{name}: expected a pickle of arrays and nothing else, got {str(error)[:200]}; "
            "it is not read"
        ) from error
    except Exception as error:  # damaged bytes may raise anything
        kind = type(error).__name__
        raise DataError(f"{name}: expected a pickle of arrays, got a damaged file ({kind})") from (
            error
        )


def _plain(value: Any, depth: int = 0) -> Any:
    if depth > 20:
        raise DataError("file: expected a dictionary of arrays, got a deeply nested one")
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict):
        return {_plain(k, depth + 1): _plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part, depth + 1) for part in value)
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise pickle.UnpicklingError(f"a {type(value).__name__}")
