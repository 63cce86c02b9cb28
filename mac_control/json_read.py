"""JSON from files that may be damaged, or not JSON at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mac_control.errors import DataError, first_line

#: What to do about a file in an output folder that cannot be read.
ADVICE = "; remove it, or take another --out"


def json_object(path: Path, expected: str = "JSON", advice: str = "") -> dict[str, Any]:
    """The JSON object in a file.

    Args:
        path: the file.
        expected: what the file should be, for the error message.
        advice: the end of that message.

    Raises:
        DataError: no such file, or something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected {expected}, got {first_line(error)}{advice}") from error
    if not isinstance(found, dict):
        raise DataError(f"{path}: expected {expected}, got {type(found).__name__}{advice}")
    return found


def json_rows(
    path: Path, expected: str = "a JSON object a line", key: str | None = None, advice: str = ""
) -> list[dict[str, Any]]:
    """The JSON objects in a file with one per line; each has this `key`.

    Raises:
        DataError: no such file, or something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        for row in rows:
            if not isinstance(row, dict) or (key is not None and key not in row):
                raise ValueError(f"a line of something else: {str(row)[:40]}")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected {expected}, got {first_line(error)}{advice}") from error
    return rows
