"""Errors that a user can act on: each says what was expected and what came."""


class MacControlError(Exception):
    """Base of every error raised on purpose; the command line prints its sentence."""


class InputError(MacControlError, ValueError):
    """An argument is wrong: its name, what was expected, what came."""


class DataError(MacControlError, ValueError):
    """A data file or data set cannot be used: its name, what was expected, what came."""


class CheckpointError(MacControlError, ValueError):
    """A checkpoint cannot be used: its path, what was expected, what came."""
