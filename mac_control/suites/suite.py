"""What a suite declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mac_control.errors import InputError, did_you_mean

#: The figures of an episode that a suite can report.
REWARDS = ("rewards", "goal_rewards", "successes")


@dataclass(frozen=True)
class PolicySpec:
    """A policy as it enters a suite: its name, its kind, and what differs from the defaults.

    Args:
        label: its name in tables.
        policy: `bc`, `mac`, ...
        config: fields of the policy's `Config`.
        training: fields of :class:`TrainConfig`.
        weights: label of an entrant whose weights it uses instead of being trained: their
            configurations differ only in how they act, or it is retrieval around that entrant.
        teacher: label of an entrant that is trained first, and from which it is distilled.
    """

    label: str
    policy: str
    config: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    teacher: str = ""

    @property
    def learnt(self) -> str:
        """The kind of policy whose weights it uses: retrieval has none of its own."""
        return self.config["policy"] if self.policy == "retrieval" else self.policy


@dataclass(frozen=True)
class Block:
    """The rows of one table: every entrant with every operator and number of dimensions.

    Args:
        title: what the table shows.
        operators: specs, see :mod:`mac_control.operators.spec`.
        num_given: numbers of dimensions that the operators keep (which ones is drawn per episode);
            all of them where the spec itself says which.
        entrants: labels; empty: all.
        follow: which demonstrations operators follow: those held out from training in the fold,
            or those trained on.
        trust: how exactly commands are executed, see :func:`mac_control.policies.trusted.trusting`.
        share: share of the suite's episodes to run, below 1 where the block is a side question.
    """

    title: str
    operators: tuple[str, ...]
    num_given: tuple[int, ...]
    entrants: tuple[str, ...] = ()
    follow: Literal["held-out", "seen"] = "held-out"
    trust: str | None = None
    share: float = 1.0


@dataclass(frozen=True)
class Size:
    """How much is computed."""

    seeds: int = 5
    """Training seeds."""
    episodes: int = 50
    """Episodes per row, over all folds together."""
    folds: int = 1
    """Parts of the demonstrations, each held out once; 1: none is held out."""
    run_folds: int | None = None
    """Number of folds to run; None: all."""
    demonstrations: int | None = None
    """Learn from only this many demonstrations of each fold, the first ones; None: all."""
    made: int = 400
    """Simulated episodes to train on."""
    scale: Literal["demo", "full"] = "full"
    """Scale of training, as in train."""
    steps: int | None = None
    """Gradient steps; None: those of the scale."""
    stretch: float = 1.0
    """Multiplies the gradient steps of entrants that have their own number."""
    bf16: bool | None = None
    """Train in bfloat16 where that is safe and the machine has it; None: where it is faster."""
    device: str | None = None
    """Device to train policies on, such as cuda; None: the CPU."""
    num_given: int | None = None
    """Run only this many numbers of given dimensions in each block, the first; None: all."""

    def __post_init__(self) -> None:
        counts = ("seeds", "episodes", "folds", "run_folds", "demonstrations", "made", "steps")
        for name in (*counts, "num_given"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name}: expected at least 1, got {value}")
        if self.run_folds is not None and self.run_folds > self.folds:
            raise InputError(f"run_folds: expected at most {self.folds}, got {self.run_folds}")
        if not 0 < self.stretch < float("inf"):
            raise InputError(f"stretch: expected a number above 0, got {self.stretch}")

    def changed(self, **changes: Any) -> Size:
        """A copy with these changes; None leaves a field as it is."""
        return replace(self, **{k: v for k, v in changes.items() if v is not None})


@dataclass(frozen=True)
class Suite:
    """A benchmark.

    Args:
        name: on the command line.
        question: the question that it answers, in a sentence.
        goal: what a good answer would be.
        data: what policies learn from: the demonstrations as they are, robust episodes simulated
            from them, collected play of the kitchen's expert, or what `collected` describes.
        entrants, blocks: the policies, and the tables that compare them.
        size: how much is computed.
        reward: `rewards`: the environment's; `goal_rewards`: of the operator's own goal;
            `successes`: the share of episodes that the environment calls a success.
        proxy: label of the entrant that acts as the operator `proxy`.
        env: options of the environment.
        env_name: the environment; None: the one in which the demonstrations were recorded.
        source: default demonstrations, a file in the folder $MAC_CONTROL_DATA.
        disturbance: of the robust episodes, where it differs from the default.
        collected: fields of :class:`mac_control.collection.collect.Collection`.
    """

    name: str
    question: str
    goal: str
    data: Literal["raw", "robust", "play", "collected"]
    entrants: tuple[PolicySpec, ...]
    blocks: tuple[Block, ...]
    size: Size = field(default_factory=Size)
    reward: str = "rewards"
    proxy: str | None = None
    env: Mapping[str, Any] = field(default_factory=dict)
    env_name: str | None = None
    source: str | None = None
    disturbance: Mapping[str, Any] = field(default_factory=dict)
    collected: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = [entrant.label for entrant in self.entrants]
        asked = {label for block in self.blocks for label in block.entrants}
        asked |= {self.proxy} - {None}
        if len(set(labels)) < len(labels) or not asked <= set(labels):
            raise InputError(
                f"suite {self.name}: expected blocks about entrants of different names "
                f"({', '.join(labels)}), got {', '.join(sorted(asked))}"
            )
        for entrant in self.entrants:
            lenders = [
                e.label for e in self.entrants if e.policy == entrant.learnt and not e.weights
            ]
            if entrant.weights and entrant.weights not in lenders:
                raise InputError(
                    f"{entrant.label}: weights: expected those of a {entrant.learnt} that is "
                    f"trained ({', '.join(lenders)}), got {entrant.weights!r}"
                )
            taught = [e.label for e in self.entrants if not (e.weights or e.teacher)]
            if entrant.teacher and entrant.teacher not in taught:
                raise InputError(
                    f"{entrant.label}: teacher: expected an entrant that is trained "
                    f"({', '.join(taught)}), got {entrant.teacher!r}"
                )
        if self.reward not in REWARDS:
            raise InputError(f"reward: expected one of {', '.join(REWARDS)}, got {self.reward!r}")

    def only(self, labels: Sequence[str]) -> Suite:
        """The suite with only these entrants (and the proxy, lenders of weights, teachers).

        Raises:
            InputError: a label that is not an entrant's.
        """
        known = [entrant.label for entrant in self.entrants]
        if unknown := [label for label in labels if label not in known]:
            raise InputError(
                f"only: expected some of {', '.join(known)}, got {unknown[0]!r}"
                f"{did_you_mean(unknown[0], known)}"
            )
        blocks = []
        for block in self.blocks:
            kept = tuple(label for label in block.entrants or known if label in labels)
            if kept:
                blocks.append(replace(block, entrants=kept))
        needed = {*labels, self.proxy}
        for entrant in self.entrants:
            if entrant.label in labels:
                needed |= {entrant.weights, entrant.teacher}
        entrants = tuple(e for e in self.entrants if e.label in needed)
        return replace(self, entrants=entrants, blocks=tuple(blocks))

    def used(self) -> Suite:
        """The suite with only the entrants that some block rates, and those that they need."""
        from mac_control.operators.spec import parse  # loads the operators

        known = [entrant.label for entrant in self.entrants]
        labels = {label for block in self.blocks for label in block.entrants or known}
        sources = {parse(spec)[0].name for block in self.blocks for spec in block.operators}
        proxy = self.proxy if "proxy" in sources else None
        return replace(self, proxy=proxy).only([label for label in known if label in labels])

    def only_blocks(self, titles: Sequence[str]) -> Suite:
        """The suite with only the blocks of these titles.

        `main` stands for the blocks that run all episodes, `side` for the others.

        Raises:
            InputError: a title that is not a block's.
        """
        names = [
            (block, {block.title, "main" if block.share == 1 else "side"}) for block in self.blocks
        ]
        known = ["main", "side", *(block.title for block in self.blocks)]
        if unknown := [title for title in titles if title not in known]:
            raise InputError(f"blocks: expected some of {', '.join(known)}, got {unknown}")
        return replace(self, blocks=tuple(block for block, its in names if its & set(titles)))

    def quick(self) -> Suite:
        """The suite cut to a minute or two, to check that everything works."""
        size = Size(seeds=1, episodes=2, folds=self.size.folds, run_folds=1, made=4)
        size = replace(size, scale="demo", steps=20, num_given=2)
        # No episode of 20 steps succeeds, so all that are collected are learnt from.
        collected = {**self.collected, "min_reward": -1e9} if self.collected else {}
        env = {**self.env, "max_episode_steps": 20}
        return replace(self, size=size, env=env, collected=collected)
