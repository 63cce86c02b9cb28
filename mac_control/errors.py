"""Errors that a user can act on: each says what was expected, what came, and what to do."""

import difflib
from collections.abc import Iterable, Sequence


class MacControlError(Exception):
    """Base of every error raised on purpose; the command line prints its sentence."""


class InputError(MacControlError, ValueError):
    """An argument is wrong: its name, what was expected, what came."""


class DataError(MacControlError, ValueError):
    """A data file or data set cannot be used: its name, what was expected, what came."""


class CheckpointError(MacControlError, ValueError):
    """A checkpoint cannot be used: its path, what was expected, what came."""


class PolicyError(MacControlError, ValueError):
    """A policy's answer is not an action: its name, what was expected, what came."""


class EpisodeError(MacControlError):
    """An episode could not go on: what failed (policy, operator, environment), how and when."""


class DiskError(MacControlError, OSError):
    """A file could not be written: which, why, and what to do."""


def first_line(error: BaseException) -> str:
    """The first line of an error, for a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def one_line(error: BaseException) -> str:
    """The message of any library's error, on one line.

    Example:
        >>> one_line(RuntimeError("shapes differ:\\n  (3,) and (4,)"))
        'RuntimeError: shapes differ: (3,) and (4,)'
    """
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:300]}…"
    return text if isinstance(error, MacControlError) else f"{type(error).__name__}: {text}"


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about an unknown name.

    Example:
        >>> did_you_mean("traker", ["nobody", "tracker"])
        "; did you mean 'tracker'?"
        >>> did_you_mean("gamepad", ["nobody", "tracker"])
        ''
    """
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown_option(name: str, known: Sequence[str]) -> str:
    """The sentence about an option that does not exist, without its owner.

    Example:
        >>> unknown_option("prt", ["host", "port"])
        "expected options out of host, port, got 'prt'; did you mean 'port'?"
    """
    listed = ", ".join(known) or "none"
    return f"expected options out of {listed}, got {name!r}{did_you_mean(name, known)}"
