"""The policies that an evaluation rates: where they come from, and what its rows call them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mac_control.checkpoint_record import (
    BUILTIN,
    acting_config,
    builtin_policy,
    checkpoint_path,
    checkpoints_in,
    policy_record,
)
from mac_control.envs.name import EnvName
from mac_control.errors import InputError
from mac_control.files import user_path
from mac_control.plugins import POLICIES
from mac_control.policies import FORMER_NAMES, Policy
from mac_control.policies.base import name_of


@dataclass(frozen=True, eq=False)
class EvalPolicy:
    """A policy under evaluation: where it comes from, and what a row calls it."""

    name: str
    train_seed: int | None
    source: str | Policy
    obs_dim: int
    action_dim: int
    env: EnvName | None  # in which its demonstrations were recorded
    tasks: tuple[str, ...] | None  # on which they are scored
    checksum: str | None
    config: Any = None  # how it acts with its weights

    def env_for(self, env: str | EnvName | None, options: Mapping[str, Any]) -> EnvName:
        """The environment to roll out in: `env`, else the data's own, else the default.

        Where the data were recorded in it, the options used for recording are the defaults.
        """
        chosen = EnvName.parse(env) if isinstance(env, str) else env or self.env or EnvName()
        recorded = self.env.options if self.env and self.env.name == chosen.name else {}
        whole = EnvName(chosen.name, {**recorded, **chosen.options})
        return whole.with_options(options).fitted(self.obs_dim, self.action_dim)

    def difference(self, env: EnvName) -> str:
        """How `env` differs from the one that the data were recorded in, as text."""
        return env.difference(self.env)


def tell_differences(
    policies: Sequence[EvalPolicy], env: EnvName | None, options: Mapping[str, Any]
) -> None:
    """Say on stderr, once a policy, how the environment differs from that of the policy's data."""
    for policy in policies:
        if said := policy.difference(policy.env_for(env, options)):
            print(f"{policy.name}: {said}", file=sys.stderr)


def resolve_policies(policies: Sequence[str | Path | Policy | EvalPolicy]) -> list[EvalPolicy]:
    """Policies with the names that rows use; folders of several checkpoints are opened.

    The name is the one in `NAME=PATH`, else the policy's kind, or the folder's name where two of
    a kind have the same training seed. Policies already resolved stay as they are.

    Raises:
        InputError: no policy, or two of one name and one training seed.
    """
    found: list[EvalPolicy] = []
    unnamed: dict[int, str] = {}  # place in `found` -> the folder that would name it
    for policy in policies:
        if isinstance(policy, EvalPolicy):
            found.append(policy)
            continue
        if isinstance(policy, Policy):
            sizes = policy.obs_dim, policy.action_dim
            data = getattr(policy, "checkpoint", {}).get("data", {})
            found.append(_eval_policy(sizes, {"data": data}, policy, name_of(policy)))
            continue
        name, path = _named(str(policy))
        for folder in _checkpoints(Path(path)):
            if not name:
                unnamed[len(found)] = Path(path).absolute().name
            found.append(_stored(folder, name))
    if not found:
        raise InputError(
            "policies: expected at least one, got none; name checkpoints (--policies FOLDER)"
        )
    called = Counter((entry.name, entry.train_seed) for entry in found)
    alike = {name for (name, _), count in called.items() if count > 1}
    for at, folder_name in unnamed.items():
        if found[at].name in alike:
            found[at] = replace(found[at], name=folder_name)
    seen: set[tuple[str, int | None]] = set()
    for entry in found:
        if (entry.name, entry.train_seed) in seen:
            raise InputError(
                f"policies: expected different names or training seeds, got two called "
                f"{entry.name!r} with seed {entry.train_seed}; name one as NAME=PATH"
            )
        seen.add((entry.name, entry.train_seed))
    return found


def resolve_policy(policy: str) -> EvalPolicy:
    """The policy of a checkpoint.

    Raises:
        InputError: a folder of several checkpoints.
    """
    path = _named(policy)[1]
    if len(found := _checkpoints(Path(path))) > 1:
        raise InputError(
            f"policy: expected one checkpoint, got {path}, a folder of {len(found)}; name one of "
            f"them, such as {found[0]}"
        )
    return resolve_policies([policy])[0]


def _stored(path: Path, name: str) -> EvalPolicy:
    """A policy from its record, without torch; the processes that run episodes load the weights."""
    source = str(path.absolute())
    if path.suffix not in (".onnx", ".npz") or path.is_dir():
        record = policy_record(checkpoint_path(source))
        kind = FORMER_NAMES.get(record["kind"], record["kind"])
        if kind in POLICIES.names():
            sizes = record["obs_dim"], record["action_dim"]
            return _eval_policy(sizes, record, source, name or kind)
    from mac_control.checkpoint import load_policy

    policy = load_policy(path)  # or an error that says why not
    sizes = policy.obs_dim, policy.action_dim
    found = getattr(policy, "checkpoint", {})
    return _eval_policy(sizes, found, source, name or getattr(policy, "name", ""))


def _eval_policy(
    sizes: tuple[int, int], record: Mapping[str, Any], source: str | Policy, name: str
) -> EvalPolicy:
    return EvalPolicy(
        name=name,
        train_seed=record.get("training", {}).get("seed"),
        source=source,
        obs_dim=sizes[0],
        action_dim=sizes[1],
        env=EnvName.of_data(record.get("data", {})),
        tasks=tuple(record.get("data", {}).get("tasks") or ()) or None,
        checksum=record.get("weights", {}).get("sha256"),
        config=acting_config(record),
    )


def _checkpoints(path: Path) -> list[Path]:
    if str(path) == BUILTIN and not path.exists():
        return [builtin_policy()]
    if (
        (path / "policy.json").exists()
        or path.name == "policy.json"
        or path.suffix in (".onnx", ".npz")
    ):
        return [path]
    return [file.parent for file in checkpoints_in(path)] or [path]


def _named(text: str) -> tuple[str, str]:
    """Name and path of `NAME=PATH`, or of a path alone, which may itself contain equals signs."""
    name, equals, path = text.partition("=")
    if not equals or user_path(text).exists() or "/" in name:
        return "", str(user_path(text))
    return name, str(user_path(path))
