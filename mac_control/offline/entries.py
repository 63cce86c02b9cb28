"""Policies as the command line names them: to be trained per fold, or existing checkpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mac_control.envs.name import EnvName
from mac_control.errors import InputError, unknown_option
from mac_control.files import user_path
from mac_control.policies import policy_class
from mac_control.suites.suite import PolicySpec
from mac_control.training import TrainConfig

_LOOKS = 10  # default number of validations in a training


@dataclass(frozen=True)
class Entry:
    """A policy under evaluation.

    Args:
        spec: the policy to train in each fold; with `checkpoint`, only its label is used.
        checkpoint: a policy that was trained on other episodes.
    """

    spec: PolicySpec
    checkpoint: Path | None = None

    @classmethod
    def parse(cls, text: str) -> Entry:
        """The entry of `[LABEL=]POLICY[:FIELD=VALUE]...`, or `[LABEL=]CHECKPOINT`.

        Fields are those of the policy's configuration and of training.

        Raises:
            InputError: an unknown policy or field, a value of another kind, or no such checkpoint.

        Example:
            >>> entry = Entry.parse("small=mac:width=64:lr=0.003")
            >>> entry.spec.label, dict(entry.spec.config), dict(entry.spec.training)
            ('small', {'width': 64}, {'lr': 0.003})
        """
        first = text.partition(":")[0]
        label, equals, rest = text.partition("=")
        if not equals or "=" not in first or user_path(text).exists():
            label, rest = "", text
        folder = user_path(rest)
        if folder.is_dir() or "/" in rest.partition(":")[0]:
            if not (folder / "policy.json").is_file():
                raise InputError(
                    f"policies: expected a checkpoint or the name of a policy, got {rest}"
                )
            return cls(PolicySpec(label or folder.name, "checkpoint"), folder)
        named = EnvName.parse(rest)
        policy = policy_class(named.name)
        own = [f.name for f in dataclasses.fields(policy.Config)]
        training = [f.name for f in dataclasses.fields(TrainConfig)]
        known = [*own, *training]
        for key in named.options:
            if key not in known:
                raise InputError(f"policies: {named.name}: {unknown_option(key, known)}")
        config = {k: v for k, v in named.options.items() if k in own}
        changes = {k: v for k, v in named.options.items() if k not in own}
        made = cls(PolicySpec(label or rest, named.name, config, changes))
        made._expect_kinds(policy.Config, config)
        made._expect_kinds(TrainConfig, changes)
        return made

    def _expect_kinds(self, config: type, values: Mapping[str, Any]) -> None:
        kinds: dict[type, Any] = {bool: bool, int: int, float: int | float}
        for name, value in values.items():
            usual = getattr(config, name, None)
            kind = kinds.get(type(usual))
            if kind is not None and not isinstance(value, kind):
                raise InputError(
                    f"policies: {self.label}: {name}: expected a value such as {usual}, "
                    f"got {value!r}"
                )

    @property
    def label(self) -> str:
        """Its name in tables."""
        return self.spec.label

    def config(self) -> Any:
        """The policy's configuration."""
        try:
            return policy_class(self.spec.policy).Config(**self.spec.config)
        except TypeError as error:
            raise InputError(f"policies: {self.label}: {error}") from error

    def training(self, steps: int | None = None) -> TrainConfig:
        """Its training settings; `steps` overrides the preset's."""
        presets = policy_class(self.spec.policy).presets["full"]
        chosen = {**presets, **self.spec.training}
        if steps is not None:
            chosen["steps"] = steps
        try:
            # A short run must not be all warm-up, nor lack a validation.
            tenth = max(1, chosen["steps"] // 10)
            chosen.setdefault("warmup", min(TrainConfig.warmup, tenth))
            chosen.setdefault("check_every", min(TrainConfig.check_every, tenth))
            return TrainConfig(**chosen)
        except TypeError as error:
            raise InputError(
                f"policies: {self.label}: expected settings of the kind they are of, got others "
                f"({error})"
            ) from error

    @property
    def looks(self) -> int:
        """Number of validations in a training, where the entry does not set `check_every`."""
        return _LOOKS if self.spec.training.get("check_every") is None else 0


def parse_entries(texts: Sequence[str]) -> list[Entry]:
    """Entries, each with its own label.

    Raises:
        InputError: no entries, or two with the same label.
    """
    entries = [Entry.parse(text) for text in texts]
    labels = [entry.label for entry in entries]
    if not entries or len(set(labels)) < len(labels):
        raise InputError(
            f"policies: expected at least one, each with a name of its own, got {labels}; "
            "LABEL=POLICY names one"
        )
    return entries
