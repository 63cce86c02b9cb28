"""Collect demonstrations of the scripted expert, over all cores."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from mac_control.cli import run
from mac_control.parallel import FanOut


@dataclass
class Args(FanOut):
    """Collect demonstrations of the scripted expert; the same command goes on where it was
    interrupted."""

    out: str
    """Data set to write: a Minari id (namespace/name-v0) or a folder."""
    episodes: int = 100
    """Episodes to collect."""
    orders: Literal["complete", "mixed", "play"] = "complete"
    """complete: microwave, kettle, light switch, slide cabinet; mixed: four of the seven in
    random order; play: all seven in random order."""
    noise: float = 0.12
    """Largest step of the noise injected on random subsets of dimensions, in action units."""
    clean: float = 0.1
    """Share of the episodes without noise."""
    init_noise: float = 0.05
    """Arm joints start uniformly within this of the usual pose [rad]."""
    seed: int = 0
    """Of everything drawn."""


def main(args: Args) -> None:
    from mac_control.collection.generate import generate_dataset
    from mac_control.envs.kitchen.collect import Collection, collect, wanted  # needs mink

    collection = Collection(args.orders, args.noise, args.clean, args.init_noise)
    made = generate_dataset(
        collect,
        wanted(collection, args.episodes, args.seed),
        args.out,
        {"episodes": args.episodes, "seed": args.seed, "collection": asdict(collection)},
        collection.tasks,
        collection.about("mac-control collect"),
        collection.robot,
        args.chosen(),
    )
    subtasks = Counter(name for episode in made for name in dict.fromkeys(episode.subtasks))
    rewards = Counter(f"{episode.rewards.sum():g}" for episode in made)
    listed = ", ".join(f"{reward}: {count}" for reward, count in sorted(rewards.items()))
    counted = ", ".join(f"{name} {count}" for name, count in subtasks.items())
    steps = [len(episode) for episode in made]
    print(
        f"{len(made)} of {args.episodes} episodes kept, {sum(steps)} steps "
        f"({np.mean(steps):.0f} each), rewards {listed}\n"
        f"episodes with each subtask: {counted}\nwritten to {args.out}"
    )


if __name__ == "__main__":
    run(main)
