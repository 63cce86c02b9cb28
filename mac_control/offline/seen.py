"""Tells whether a checkpoint was trained on the data that it is rated on."""

from __future__ import annotations

from typing import Any


def shares_data(trained: Any, rated: Any) -> bool:
    """Whether, by their provenance, two data sets are the same or one was made from the other.

    Example:
        >>> shares_data({"sha256": "a", "mixed": [{"sha256": "b"}]}, {"sha256": "b"})
        True
        >>> shares_data({"sha256": "c", "origin": {"sha256": "a"}}, {"sha256": "a"})
        True
        >>> halves = [{"sha256": name, "origin": {"sha256": "a"}} for name in "bc"]
        >>> shares_data(*halves)
        False
    """
    return bool(_own(trained) & _all(rated) or _all(trained) & _own(rated))


def _own(provenance: Any) -> set[str]:
    """Checksums of a data set and of the sets mixed into it."""
    if not isinstance(provenance, dict):
        return set()
    parts = [provenance, *(provenance.get("mixed") or [])]
    found = (part.get("sha256") for part in parts if isinstance(part, dict))
    return {text for text in found if isinstance(text, str)}


def _all(provenance: Any) -> set[str]:
    """Those, and the checksums of the data that they were made from."""
    parts = provenance.values() if isinstance(provenance, dict) else provenance
    deeper = map(_all, parts) if isinstance(provenance, dict | list) else ()
    return _own(provenance).union(*deeper)
