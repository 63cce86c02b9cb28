"""Jumps when a leader arm is taken and released, with its motors following the robot or not."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.envs import make_env
from mac_control.figures import new_figure
from mac_control.files import write_json, write_text
from mac_control.loop.statistics import bootstrap_interval
from mac_control.parallel import one_thread
from mac_control.policies import Policy
from mac_control.teleop.assemble import assemble_operator
from mac_control.teleop.devices.lerobot import LeRobot
from mac_control.teleop.loop import Teleoperation

RATE = 30.0
#: Seconds: the robot alone, a hand on the leader, the robot again; and the window of a change.
ALONE, HELD, AFTER, WINDOW = 3.0, 2.5, 2.5, 1.0
#: Feedback, largest change per step of what changes hands (share of the box), limits.
CASES = {
    "no feedback": (False, 0.15, "off"),
    "no feedback, limits": (False, 0.15, "clamp"),
    "feedback": (True, 0.15, "off"),
    "feedback, limits": (True, 0.15, "clamp"),
}


@dataclass
class Args:
    """How far command and leader jump when a person takes and releases a leader arm.

    Simulates an SO-101 and its leader behind LeRobot's own classes, from the plug-in
    `plugins/lerobot_robot_so101_sim`.
    """

    trials: int = 15
    """Trials of each case, with the same motions in all cases."""
    out: Path = Path("results/lerobot-handover")
    """Folder of the page, the figure and the numbers."""


class Waves(Policy):
    """Swings each joint with its own pace and phase."""

    obs_dim = 6

    def __init__(self, robot: Any, rng: np.random.Generator) -> None:
        self.low, self.high = robot.low, robot.high
        self.size, self.pace = rng.uniform(10, 35, 6), rng.uniform(0.8, 2.5, 6)  # [deg], [rad/s]
        self.phase, self.steps = rng.uniform(0, 2 * np.pi, 6), 0

    def complete(self, obs: np.ndarray, partial: Any) -> np.ndarray:
        self.steps += 1
        angle = self.phase + self.steps / RATE * self.pace
        action = self.size * np.sin(angle) + np.array([0, 0, 0, 0, 0, 50])
        return np.broadcast_to(np.float32(action), partial.values.shape)


class Clock:
    """A clock that advances only when something sleeps."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def trial(seed: int, feedback: bool, ramp: float, limits: str) -> dict[str, np.ndarray]:
    """Commands and leader positions of one take-over and hand-back, `(T, 6)` each."""
    rng, clock = np.random.default_rng(seed), Clock()
    env = make_env("lerobot:kind=so101_sim")
    device = LeRobot("so101_sim_leader", feedback=feedback)
    device.blocks = False
    leader = device.teleoperator()
    leader.clock = clock
    operator = assemble_operator(device, env, patience=1e9)
    robot = env.unwrapped.robot
    loop = Teleoperation(
        env, Waves(robot, rng), operator,
        rate=RATE, ramp=ramp, limits=limits, clock=clock, sleep=clock.sleep, say=lambda text: None,
    )  # fmt: skip
    moves, taken = rng.uniform(-20, 20, 6), None
    commands, leaders = [], []
    for i in range(round((ALONE + HELD + AFTER) * RATE)):
        now = i / RATE
        if ALONE <= now < ALONE + HELD:
            if taken is None:  # a hand takes it at its position, and moves it smoothly
                taken = np.array(list(leader.arm.positions().values()))
            share = min(1.0, (now - ALONE) / (0.8 * HELD))
            path = taken + moves * (10 * share**3 - 15 * share**4 + 6 * share**5)
            leader.hold(**dict(zip(leader.arm.positions(), path.tolist(), strict=True)))
        else:
            leader.hold()
        loop.pacer.wait()
        step = loop.step()
        assert step is not None
        commands.append(step.action)
        leaders.append(list(leader.arm.positions().values()))
    loop.close()
    env.close()
    return {"command": np.array(commands, float), "leader": np.array(leaders)}


def jumps(found: dict[str, np.ndarray]) -> dict[str, float]:
    """The largest changes of the five joints per step [deg], around the two changes of hands."""
    command, leader = (found[name][:, :5] for name in ("command", "leader"))
    take, give, window = (round(x * RATE) for x in (ALONE, ALONE + HELD, WINDOW))

    def largest(rows: np.ndarray, start: int) -> float:
        return float(np.abs(np.diff(rows[start - 1 : start + window], axis=0)).max())

    return {
        "apart": float(np.abs(leader[take - 1] - command[take - 1]).max()),
        "before": largest(command, take - window),
        "command, taken": largest(command, take),
        "command, let go": largest(command, give),
        "leader, taken": largest(leader, take),
        "leader, let go": largest(leader, give),
    }


def main(args: Args) -> int | None:
    os.environ.setdefault("HF_LEROBOT_HOME", tempfile.mkdtemp(prefix="lerobot"))
    rows = []
    with one_thread():
        for name, case in CASES.items():
            found = [jumps(trial(seed, *case)) for seed in range(args.trials)]
            for key in found[0]:
                values = np.array([each[key] for each in found])
                low, high = bootstrap_interval([values.tolist()])
                rows.append([name, key, float(values.mean()), low, high, float(values.max())])
            print(name, {row[1]: round(row[2], 2) for row in rows if row[0] == name}, flush=True)
        example = {flag: trial(0, flag, 0.15, "clamp") for flag in (False, True)}
    args.out.mkdir(parents=True, exist_ok=True)
    draw(rows, example, args.out / "handover.png")
    write_json(args.out / "results.json", as_json(rows, args.trials))
    write_text(args.out / "README.md", page(rows, args.trials))
    return None


def as_json(rows: list[list[Any]], trials: int) -> dict[str, Any]:
    """The numbers: what they are, and one row for each case and quantity."""
    names = ("case", "what", "mean", "low", "high", "largest")
    found = [dict(zip(names, [*row[:2], *np.round(row[2:], 3)], strict=True)) for row in rows]
    unit = "degrees per control step; apart: degrees"
    return {"trials": trials, "rate": RATE, "unit": unit, "rows": found}


def table(rows: list[list[Any]], keys: list[str]) -> str:
    """A table of the mean, its interval, and the largest of all trials."""
    text = "| | " + " | ".join(keys) + " |\n|---|" + "---|" * len(keys) + "\n"
    for case in CASES:
        cells = []
        for key in keys:
            ((_, _, mean, low, high, most),) = [r for r in rows if r[:2] == [case, key]]
            cells.append(f"{mean:.1f} [{low:.1f}, {high:.1f}], {most:.1f}")
        text += f"| {case} | " + " | ".join(cells) + " |\n"
    return text


def page(rows: list[list[Any]], trials: int) -> str:
    def mean(case: str, key: str) -> float:
        return next(r[2] for r in rows if r[:2] == [case, key])

    without, fed, full = "no feedback", "feedback", "feedback, limits"
    apart = table(rows, ["apart", "before"])
    command = table(rows, ["command, taken", "command, let go"])
    leader = table(rows, ["leader, taken", "leader, let go"])
    took, alone = "command, taken", "no feedback, limits"
    return f"""# Taking and releasing a leader arm

    python -m benchmarks lerobot-handover --trials {trials}

How far do command and leader jump when a person takes and releases a leader arm, with and without
its motors following the robot in between?

![Command and leader](handover.png)

**With feedback, the leader is {mean(full, "apart"):.1f}° from the command when it is taken,
instead of {mean(without, "apart"):.0f}°, and taking it moves the command by at most
{mean(fed, took):.1f}° in a step instead of {mean(without, took):.0f}°; with the robot's limits,
{mean(full, took):.1f}° instead of {mean(alone, took):.1f}°.** In the second before, the robot's own
motion moves it by {mean(fed, "before"):.1f}° a step.

A simulated SO-101 and its leader behind LeRobot's `Robot` and `Teleoperator`, {trials} take-overs
and hand-backs with random motions, the same in each case; five joints, {RATE:.0f} steps a second.
The robot swings its joints; a hand then takes the leader where it is, moves it by up to 20°, and
lets go. Each cell: mean over trials of the largest change per step within {WINDOW:.0f} s [degrees],
its 95 % interval, and the largest of all.

{apart}
`apart`: distance from leader to command just before the leader is taken [degrees]; `before`: the
command's largest change per step in the second before that.

{command}
On letting go, the policy takes over again, and it did not wait: with or without feedback, only the
limits smooth that jump. The ramp at a change of hands, 15 % of the box in a step, is 33° here:
wider than most of these jumps.

{leader}
With feedback, the leader is pulled to the robot when it is let go of; this is all its motion then,
since its motors are weak. Limits are the defaults for a robot whose description has none.
"""


def draw(rows: list[list[Any]], example: dict[bool, dict[str, np.ndarray]], path: Path) -> None:
    figure = new_figure(6.4)
    found = figure.subplot_mosaic([["without", "with"], ["cases", "cases"]])
    axes = [found["without"], found["with"], found["cases"]]
    joint = int(
        np.argmax(np.abs(example[False]["leader"][89, :5] - example[False]["command"][89, :5]))
    )
    for axis, flag in zip(axes[:2], (False, True), strict=True):
        shown = example[flag]
        time = np.arange(len(shown["command"])) / RATE
        axis.axvspan(ALONE, ALONE + HELD, color="tab:orange", alpha=0.15, lw=0)
        axis.plot(time, shown["leader"][:, joint], color="tab:orange", label="leader")
        axis.plot(time, shown["command"][:, joint], color="tab:blue", label="command")
        axis.set(title="leader driven to it" if flag else "no feedback", xlabel="time [s]")
        axis.sharey(axes[0])
    axes[0].set_ylabel("joint [°]")
    axes[1].legend(frameon=False, fontsize=9, loc="upper center", handlelength=1)
    names = list(CASES)
    for i, key in enumerate(("command, taken", "command, let go")):
        cells = [next(r for r in rows if r[:2] == [name, key]) for name in names]
        y = np.arange(len(names)) + 0.36 * i
        mean = np.array([c[2] for c in cells])
        error = np.abs(np.array([[c[3], c[4]] for c in cells]).T - mean)
        axes[2].barh(y, mean, 0.34, xerr=error, label=key.replace("command, ", ""))
    axes[2].set_yticks(np.arange(len(names)) + 0.18, names)
    axes[2].set(title="Largest change of the command", xlabel="[° per step]")
    axes[2].legend(frameon=False, fontsize=9)
    figure.suptitle("A leader arm is taken and let go of", fontsize=11)
    figure.savefig(path, dpi=110)
