"""What a reader under fuzzing is, and nonsense that several of them get."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import strategies as st

#: Any JSON, with the numbers that JSON should not have.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda part: (
        st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def damaged(draw: Callable[..., Any], content: bytes) -> bytes:
    """`content` with bytes changed, put in, left out or cut off."""
    value = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(value) - 1, 0)))
        kind = draw(st.sampled_from(("change", "insert", "remove", "cut")))
        if kind == "change":
            new = draw(st.binary(min_size=1, max_size=4))
            value[at : at + len(new)] = new
        elif kind == "insert":
            value[at:at] = draw(st.binary(min_size=1, max_size=16))
        elif kind == "remove":
            del value[at : at + draw(st.integers(1, 64))]
        else:
            del value[at:]
    return bytes(value)


class Reader(ABC):
    """Something that reads what others wrote; `folder` is its own."""

    #: Cases of a full run.
    count: ClassVar[int]

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def cases(self) -> st.SearchStrategy:
        """What it is given."""

    @abstractmethod
    def read(self, case: Any) -> None:
        """Read a case; raises nothing but our own errors."""

    def close(self) -> None:
        return None


def unharmed(files: list[Path], read: Callable[[], Any]) -> None:
    """Call `read`, which may not change the files."""
    before = [file.read_bytes() for file in files]
    try:
        read()
    finally:
        if [file.read_bytes() for file in files] != before:
            raise AssertionError("a file was changed by reading it")
