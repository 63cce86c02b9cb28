"""Make robust episodes from demonstrations: each is tracked in simulation under disturbances, and
the corrective actions are what is learnt."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mac_control.cli import run
from mac_control.collection.augment import Disturbance, plan, simulate
from mac_control.collection.generate import generate_dataset
from mac_control.collection.report import plot, summarize
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.described import described
from mac_control.demonstrations.minari_write import target_folder
from mac_control.envs.kitchen.robot import checked_tasks
from mac_control.envs.name import EnvName
from mac_control.files import write_json
from mac_control.options import EnvOptions, options_of
from mac_control.parallel import FanOut

Options = options_of(Disturbance, name="Options")
Options.__doc__ = Disturbance.__doc__  # which documents the options


@dataclass(kw_only=True)
class Args(FanOut, EnvOptions):
    """Make robust episodes from demonstrations; the same command resumes where it was
    interrupted."""

    out: str
    """Data set to write: a Minari id (namespace/name-v0) or a folder."""
    data: str | None = None
    """Demonstrations to follow: HDF5 file, Minari id or folder; default: what is found here."""
    episodes: int = 400
    """Episodes to make."""
    seed: int = 0
    """Seed of everything drawn."""
    disturbance: Options = field(default_factory=Options)  # type: ignore[valid-type]
    """How episodes differ from the demonstrations that they follow."""
    report: Path | None = None
    """Folder for report.json and report.png; default: the data set's."""


def main(args: Args) -> None:
    disturbance = Disturbance(**asdict(args.disturbance))
    robot = args.chosen_robot()
    source = described(load_demonstrations(args.data), args)
    named = args.chosen_env()
    if named is not None and named.name == "kitchen" and "tasks" in named.options:
        source = replace(source, tasks=checked_tasks(named.options["tasks"]))
    env = EnvName.of_data(source.provenance)
    if env is not None and args.env_options():
        env = env.with_options(args.env_options())
        source = replace(source, provenance={**source.provenance, "env": env.to_json()})
    settings: dict[str, Any] = {
        "episodes": args.episodes,
        "seed": args.seed,
        "disturbance": asdict(disturbance),
        "source": source.provenance,
    }
    if robot is not None:
        settings["robot"] = robot.to_json()
    made = generate_dataset(
        simulate,
        plan(source, disturbance, args.episodes, args.seed, robot),
        args.out,
        settings,
        source.tasks,
        {"made_by": "mac-control augment", "env": source.provenance["env"]},
        source.robot,
        args.chosen(),
    )
    report = summarize(made, source)
    folder = args.report or target_folder(args.out)[0]
    write_json(folder / "report.json", report)
    plot(made, source, folder / "report.png")
    print(
        f"{report['episodes']} of {args.episodes} episodes kept, {report['steps']} steps, "
        f"{_rewards(report, bool(source.tasks))}\n"
        f"joint space: {report['cells']} cells of 0.2 rad visited, {report['cells_source']} by "
        f"the source; steps are {report['distance_mean']:.2f} rad from the nearest of the source "
        f"on average, 95 % within {report['distance_95']:.2f}\n"
        f"written to {args.out}; report.json and report.png in {folder}"
    )


def _rewards(report: dict[str, Any], subtasks: bool) -> str:
    mean = f"{report['reward_mean']:.2f}"
    return f"rewards {report['rewards']}, mean {mean}" if subtasks else f"mean return {mean}"


if __name__ == "__main__":
    run(main)
