"""Reads text in the 27 characters of text8: a to z and space."""

from __future__ import annotations

import re
import unicodedata
import zipfile
import zlib
from pathlib import Path

import numpy as np

from mac_control.errors import DataError

#: Character of each symbol: space is 0, a is 1.
ALPHABET = " abcdefghijklmnopqrstuvwxyz"
#: Stands for a character to fill in.
BLANK = "_"
SPLITS = ("train", "validation", "test")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SYMBOLS = np.full(128, 255, np.uint8)
_SYMBOLS[[ord(c) for c in ALPHABET]] = np.arange(len(ALPHABET))
_LIMIT = 1 << 30  # characters of one file


def encode(text: str, name: str = "text") -> np.ndarray:
    """Symbols `(N,)` uint8 of text; line ends count as spaces.

    Raises:
        DataError: a character outside the alphabet, with its line and column.

    Example:
        >>> encode("a cab").tolist()
        [1, 0, 3, 1, 2]
    """
    text = re.sub(r"\r\n?|\n", " ", text) if "\n" in text or "\r" in text else text
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    symbols = _SYMBOLS[np.minimum(codes, 127)]
    if (wrong := np.flatnonzero((symbols == 255) | (codes > 127))).size:
        at = int(wrong[0])
        raise DataError(
            f"{name}: expected a to z and spaces, got {text[at]!r} at character {at + 1}; "
            "--clean converts text as text8 was made"
        )
    return symbols


def decode(symbols: np.ndarray) -> str:
    """Text of symbols `(N,)`.

    Example:
        >>> decode(np.array([3, 1, 2]))
        'cab'
    """
    return "".join(ALPHABET[int(s)] for s in symbols)


def clean(text: str, keep: str = "") -> str:
    """Text as in text8: lower case, accents dropped, digits spelt out, anything else one space.

    Args:
        text: any text.
        keep: further characters that stay as they are.

    Example:
        >>> clean("Röntgen, 1895!")
        'rontgen one eight nine five'
    """
    text = unicodedata.normalize("NFKD", text.lower())
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"[0-9]", lambda digit: f" {_DIGITS[int(digit[0])]} ", text)
    return re.sub(rf"[^a-z{re.escape(keep)}]+", " ", text).strip()


def read_text(path: str | Path, cleaned: bool = False) -> dict[str, np.ndarray]:
    """Symbols of the three splits of a file, a folder of .txt files, or a zip with one file.

    A folder with `train.txt`, `validation.txt` and `test.txt` keeps these splits; text8 (100
    million characters) is split into 90, 5 and 5 million, everything else into 90, 5 and 5 per
    cent. Empty files in a folder are skipped.

    Raises:
        DataError: nothing to read there, or a character outside the alphabet.
    """
    path = Path(path)
    if path.is_dir() and all((path / f"{name}.txt").is_file() for name in SPLITS):
        return {name: _symbols(path / f"{name}.txt", cleaned) for name in SPLITS}
    if path.is_dir():
        files = sorted(p for p in path.rglob("*.txt") if p.is_file())
        if not files:
            raise DataError(f"{path}: expected .txt files in the folder, found none")
        parts = [
            part for file in files if (part := _symbols(file, cleaned, may_be_empty=True)).size
        ]
        if not parts:
            raise DataError(
                f"{path}: expected text in the folder, got empty .txt files ({len(files)})"
            )
        whole = _joined(parts)
    else:
        whole = _symbols(path, cleaned)
    cuts = [len(whole) * 90 // 100, len(whole) * 95 // 100]
    return dict(zip(SPLITS, np.split(whole, cuts), strict=True))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    space = np.zeros(1, np.uint8)
    return np.concatenate([part for text in parts for part in (text, space)])[:-1]


def _symbols(path: Path, cleaned: bool, may_be_empty: bool = False) -> np.ndarray:
    if not path.is_file():
        raise DataError(
            f"{path}: expected a text file, a folder of .txt files or text8.zip, found none; "
            "text8.zip is had at http://mattmahoney.net/dc/text8.zip"
        )
    try:
        text = _unzipped(path) if path.suffix == ".zip" else path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected text in UTF-8, got a byte that is none at {error.start}"
        ) from error
    symbols = encode(clean(text) if cleaned else text, str(path))
    if not symbols.size and not may_be_empty:
        raise DataError(f"{path}: expected text, got an empty file")
    return symbols


def _unzipped(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [i for i in archive.infolist() if not i.is_dir()]
            if len(names) != 1:
                raise DataError(f"{path}: expected one file in the zip, got {len(names)}")
            if names[0].file_size > _LIMIT:
                raise DataError(f"{path}: expected at most {_LIMIT} bytes, got more")
            return archive.read(names[0]).decode("utf-8")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{path}: expected a whole zip file, got {error}") from error
