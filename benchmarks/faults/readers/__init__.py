"""What is fuzzed: each reader with the cases that it gets, and how it is called."""

from benchmarks.faults.readers.base import Reader
from benchmarks.faults.readers.files import Checkpoint, Hdf5, Minari
from benchmarks.faults.readers.http import Http
from benchmarks.faults.readers.texts import CommandLine, Mapping, Message, Options

__all__ = ["READERS", "Reader"]

READERS: dict[str, type[Reader]] = {
    "hdf5": Hdf5,
    "minari": Minari,
    "checkpoint": Checkpoint,
    "mapping": Mapping,
    "message": Message,
    "http": Http,
    "options": Options,
    "command-line": CommandLine,
}
