"""Errors that a user can act on: each says what was expected, what came, and what to try."""

import difflib
from collections.abc import Iterable


class MacControlError(Exception):
    """Base of every error raised on purpose; the command line prints its sentence."""


class InputError(MacControlError, ValueError):
    """An argument is wrong: its name, what was expected, what came."""


class DataError(MacControlError, ValueError):
    """A data file or data set cannot be used: its name, what was expected, what came."""


class CheckpointError(MacControlError, ValueError):
    """A checkpoint cannot be used: its path, what was expected, what came."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """The end of a sentence about a name that is not known.

    Example:
        >>> did_you_mean("traker", ["nobody", "tracker"])
        "; did you mean 'tracker'?"
        >>> did_you_mean("gamepad", ["nobody", "tracker"])
        ''
    """
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""
