"""Describes demonstrations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass
class Args:
    """Describe demonstrations: episodes, steps, rewards, subtasks, actions."""

    data: str | None = None
    """An HDF5 file, a Minari id or folder, a LeRobotDataset's folder, a D4RL kitchen name; None:
    searched."""
    plot: Path | None = None
    """File for a picture, such as info.png."""
    json: Path | None = None
    """File for the same numbers as JSON."""


def main(args: Args) -> int | None:
    from mac_control.demonstrations import load_demonstrations
    from mac_control.demonstrations.summary import plot, summarize
    from mac_control.files import write_json

    demonstrations = load_demonstrations(args.data, failed=True)
    summary = summarize(demonstrations)
    shortest, mean, longest = summary["episode_steps"]
    print(f"source       {demonstrations.provenance.get('source')}")
    print(f"sha256       {demonstrations.provenance.get('sha256')}")
    print(f"episodes     {summary['episodes']} of {shortest} to {longest} steps, mean {mean:.1f}")
    if summary["failed"]:
        print(f"failed       {summary['failed']} of the episodes; training leaves these out")
    print(f"steps        {summary['steps']:,}, observations of {summary['obs_dim']}")
    robot = demonstrations.robot
    if robot is not None:
        rate = "" if robot.rate is None else f", {robot.rate:g} Hz"
        print(f"robot        {robot.name}{rate}; groups: {', '.join(robot.groups) or 'none'}")
    print(f"subtasks     {', '.join(summary['tasks']) or 'not known'}")
    if summary["reward_mean"] is not None:
        what = "reward" if summary["tasks"] else "return"
        print(f"{what}       mean {summary['reward_mean']:.2f}")
        for reward, count in summary["rewards"].items():
            print(f"  {reward:>4}       {count} episodes")
    for name, count in summary["subtasks_done"].items():
        print(f"  {name}: done in {count} episodes")
    for name, steps in summary["subtask_steps"].items():
        print(f"  {name or 'none'}: worked on in {steps} steps")
    print(f"executed     differs from the action in {summary['executed_differs']:.1%} of the steps")
    dims = range(demonstrations.action_dim) if robot is None else robot.labels
    names = [str(dim) for dim in dims]
    width = max(10, *map(len, names))
    print(f"{'action':<{width}}   lowest   highest  at the bounds")
    columns = zip(
        names, summary["action_low"], summary["action_high"], summary["at_bounds"], strict=True
    )
    for name, low, high, share in columns:
        print(f"  {name:<{width}} {low:+7.3f}   {high:+7.3f}  {share:6.1%}")
    if args.json is not None:
        write_json(args.json, summary | {"provenance": demonstrations.provenance})
        print(args.json)
    if args.plot is not None:
        plot(demonstrations, args.plot)
        print(args.plot)
    return 0
