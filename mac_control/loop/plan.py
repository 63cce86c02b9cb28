"""What an evaluation consists of: which policy, which operator, how many given dimensions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mac_control.errors import InputError
from mac_control.operators.spec import parse
from mac_control.policies import Policy
from mac_control.policies.base import name_of


@dataclass(frozen=True, eq=False)
class Contender:
    """A policy under evaluation: where it comes from, and what a row calls it."""

    name: str
    train_seed: int | None
    source: str | Policy
    obs_dim: int
    action_dim: int
    tasks: tuple[str, ...] | None
    checksum: str | None

    @property
    def obs(self) -> str:
        """The kitchen's observation of its size."""
        return "full" if self.obs_dim == 59 else "positions"


@dataclass(frozen=True, eq=False)
class Cell:
    """One row to be: a policy with an operator who gives so many dimensions."""

    policy: Contender
    operator: str
    given: int
    proxy: Contender | None
    key: str | None  # what settles the row; None where that is not known

    @property
    def title(self) -> str:
        """What a sentence calls the row."""
        return f"{self.policy.name} with {self.operator} giving {self.given}"


def contend(policies: Sequence[str | Path | Policy]) -> list[Contender]:
    """What rows call the policies; folders of several checkpoints are opened.

    Raises:
        InputError: no policy, or two of one name and one training seed.
    """
    found = []
    for policy in policies:
        if isinstance(policy, Policy):
            found.append(_contender(policy, policy, name_of(policy)))
            continue
        name, _, path = str(policy).rpartition("=")
        for folder in _checkpoints(Path(path)):
            from mac_control.checkpoint import load_policy

            loaded = load_policy(folder)
            found.append(
                _contender(loaded, str(folder.absolute()), name or getattr(loaded, "name", ""))
            )
    if not found:
        raise InputError(
            "policies: expected at least one, got none; name checkpoints (--policies FOLDER)"
        )
    seen: set[tuple[str, int | None]] = set()
    for contender in found:
        if (contender.name, contender.train_seed) in seen:
            raise InputError(
                f"policies: expected different names or training seeds, got two called "
                f"{contender.name!r} with seed {contender.train_seed}; name one as NAME=PATH"
            )
        seen.add((contender.name, contender.train_seed))
    return found


def plan(
    contenders: Sequence[Contender],
    operators: Sequence[str],
    given: Sequence[int],
    seats: Sequence[Contender],
    settings: Mapping[str, Any],
) -> list[Cell]:
    """The cells, each once; `settings` are what settles the results besides."""
    if not operators:
        raise InputError("operators: expected at least one, got none")
    cells = []
    for policy in contenders:
        wanted: dict[tuple[str, int], None] = {}  # an ordered set
        for operator in operators:
            for number in given:
                if not 0 <= number <= policy.action_dim:
                    raise InputError(
                        f"given: expected numbers from 0 to {policy.action_dim}, got {number}"
                    )
                if source_of(operator) == "everything":
                    wanted[operator, policy.action_dim] = None
                else:
                    alone = number == 0 or source_of(operator) == "nobody"
                    wanted[("nobody", 0) if alone else (operator, number)] = None
        for operator, number in wanted:
            proxy = None
            source = source_of(operator)
            if source == "proxy" or (source not in ("nobody", "tracker", "random") and seats):
                proxy = _seat(policy, seats)
            key = _key(policy, operator, number, proxy, settings)
            cells.append(Cell(policy, operator, number, proxy, key))
    return cells


def _contender(policy: Policy, source: str | Policy, name: str) -> Contender:
    record = getattr(policy, "checkpoint", {}) if isinstance(source, str) else {}
    return Contender(
        name=name,
        train_seed=record.get("training", {}).get("seed"),
        source=source,
        obs_dim=policy.obs_dim,
        action_dim=policy.action_dim,
        tasks=tuple(record.get("data", {}).get("tasks") or ()) or None,
        checksum=record.get("weights", {}).get("sha256"),
    )


def _checkpoints(path: Path) -> list[Path]:
    if (path / "policy.json").exists() or path.name == "policy.json" or path.suffix == ".onnx":
        return [path]
    found = [file.parent for file in path.glob("*/policy.json")]
    return sorted(found, key=lambda p: (len(p.name), p.name)) or [path]  # seed-2 before seed-10


def source_of(operator: str) -> str:
    """The name of an operator without its arguments and wrappers."""
    return parse(operator)[0].name


def called_bc(contenders: Sequence[Contender]) -> list[Contender]:
    """Those that can sit in the seat of a proxy operator when none is named."""
    return [contender for contender in contenders if contender.name == "bc"]


def _seat(policy: Contender, seats: Sequence[Contender]) -> Contender:
    if len(seats) == 1:
        return seats[0]
    for seat in seats:
        if seat.train_seed == policy.train_seed:
            return seat
    raise InputError(
        f"proxies: expected one policy, or one with training seed {policy.train_seed} for "
        f"{policy.name!r}, got training seeds {[seat.train_seed for seat in seats]}"
    )


def _key(
    policy: Contender,
    operator: str,
    given: int,
    proxy: Contender | None,
    settings: Mapping[str, Any],
) -> str | None:
    if policy.checksum is None or (proxy is not None and proxy.checksum is None):
        return None
    named: list[Any] = [
        policy.name,
        policy.train_seed,
        policy.checksum,
        policy.tasks,
        operator,
        given,
    ]
    named += [proxy.checksum if proxy is not None else None, dict(settings)]
    text = json.dumps(named, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
