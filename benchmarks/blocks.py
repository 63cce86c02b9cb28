"""Filling in blocks of dimensions at once: time saved, likelihood lost."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.page import machine
from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, load_demonstrations
from mac_control.engine.blocks import Blocks, block_sizes, residuals_of
from mac_control.engine.mixtures import GaussianMixture
from mac_control.engine.mlp import MaskedMLP
from mac_control.engine.single import SingleRow
from mac_control.errors import InputError
from mac_control.figures import METHODS, legend_below, new_figure
from mac_control.files import write_text
from mac_control.loop.statistics import bootstrap_interval
from mac_control.parallel import one_thread
from mac_control.partial import PartialAction
from mac_control.policies import MacPolicy

#: How dimensions are divided into blocks.
CHOICES = {"chosen": "cut where least is lost", "even": "all of one size"}


@dataclass
class Args:
    """Likelihood, error and time of one MAC checkpoint in fewer and fewer blocks.

    It is rated on the episodes that its training held out (`--validation`).
    """

    policy: Path
    """A MAC checkpoint that was trained with --validation above 0."""
    data: str
    """The demonstrations that it was trained on."""
    blocks: tuple[int, ...] = (14, 10, 7, 4, 2, 1)
    """Numbers of blocks, besides one dimension after another."""
    stride: int = 4
    """Distance between rated frames."""
    repeats: int = 300
    """Measured fill-ins of each case."""
    out: Path = Path("results/blocks")
    """Folder of results.json, README.md and blocks.png."""


def main(args: Args) -> int | None:
    policy, data = load_policy(args.policy), load_demonstrations(args.data)
    if not isinstance(policy, MacPolicy):
        raise InputError(f"policy: expected a checkpoint of mac, got {type(policy).__name__}")
    training = policy.checkpoint["training"]["config"]
    train, held_out = data.split(training["validation"], training["split_seed"])
    if held_out is None:
        raise InputError("policy: expected one trained with --validation above 0, got none")
    residuals = residuals_of(train.observations, train.actions)
    dim = policy.action_dim
    cases: list[tuple[str, int, tuple[int, ...]]] = [("one by one", 0, ())]
    for count in args.blocks:
        even = tuple(len(part) for part in np.array_split(np.arange(dim), count))
        cases += [("chosen", count, block_sizes(residuals, count)), ("even", count, even)]
    with one_thread():
        policies = [in_blocks(policy, count, sizes) for _, count, sizes in cases]
        rated = [rate(each, held_out, args.stride) for each in policies]
        ways = [each.blocks for each in policies]
        times = [fill_in_times(policy, ways, given, args.repeats) for given in (0, dim - 6)]
    rows = [
        {
            "choice": choice,
            "blocks": count or dim,
            "nats": summary(nats - rated[0][0]),
            "log_prob": summary(nats),
            "error": summary(error),
            "all_ms": quantiles(times[0][index]),
            "six_ms": quantiles(times[1][index]),
            "sizes": sizes,
        }
        for index, ((choice, count, sizes), (nats, error)) in enumerate(
            zip(cases, rated, strict=True)
        )
    ]
    about = {
        "machine": machine(),
        "policy": {"steps": training["steps"], "batch_size": training["batch_size"]},
        "dimensions": dim,
        "held_out_episodes": len(held_out),
        "repeats": args.repeats,
    }
    lines = ",\n".join(json.dumps(row) for row in rows)
    args.out.mkdir(parents=True, exist_ok=True)
    write_text(
        args.out / "results.json", f'{{"about": {json.dumps(about)},\n"rows": [\n{lines}\n]}}\n'
    )
    draw(rows, args.out / "blocks.png")
    print(table(rows))


def in_blocks(policy: MacPolicy, count: int, sizes: tuple[int, ...]) -> MacPolicy:
    """The same weights, filling in these blocks."""
    other = type(policy)(replace(policy.config, blocks=count, block_sizes=sizes), *policy.box)
    other.load_state_dict(policy.state_dict())
    other.guessed_box = policy.guessed_box
    return other.eval()


def rate(policy: MacPolicy, held_out: Demonstrations, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """For each episode: log-likelihood of its actions [nats], and error of filled-in entries.

    The error is the mean absolute error, in standard deviations of the action.
    """
    scale = held_out.actions.std(0)
    nats, errors = [], []
    for episode in held_out:
        obs = np.asarray(episode.observations[::stride], np.float32)
        done = np.clip(episode.actions[::stride], policy.low, policy.high)
        nats.append(policy.log_prob(obs, PartialAction.everything(done)).mean())
        errors.append((np.abs(policy.act(obs) - done) / scale).mean())
    return np.array(nats, np.float64), np.array(errors, np.float64)


def fill_in_times(
    policy: MacPolicy, ways: Sequence[Blocks | None], num_given: int, repeats: int
) -> np.ndarray:
    """CPU time of a fill-in for one obs, `(ways, repeats)` [ms], measured in turns."""
    head = policy.model.head
    assert isinstance(policy.network, MaskedMLP) and isinstance(head, GaussianMixture)
    row = SingleRow(policy.network, head)
    rng, found = np.random.default_rng(0), np.zeros((len(ways), repeats))
    given = np.arange(policy.action_dim) < num_given
    x = np.zeros(policy.action_dim, np.float32)
    for call in range(-20, repeats):
        obs = rng.standard_normal(policy.obs_dim).astype(np.float32)
        for index, blocks in enumerate(ways):
            start = time.process_time()
            row.fill(x, given, obs, policy.config.decoding, blocks)
            if call >= 0:
                found[index, call] = 1e3 * (time.process_time() - start)
    return found


def summary(each: np.ndarray) -> list[float]:
    """Mean over episodes, and its 95 % interval by bootstrap."""
    low, high = bootstrap_interval([each.tolist()])
    return [round(float(value), 3) for value in (each.mean(), low, high)]


def quantiles(times: np.ndarray) -> list[float]:
    """Median and 99th percentile."""
    return [round(float(value), 3) for value in np.percentile(times, [50, 99])]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| blocks | steps | nats, against one by one | error [std] "
        "| all open: median, p99 [ms] | six open [ms] |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        nats, error = ("{:.2f} [{:.2f}, {:.2f}]".format(*row[key]) for key in ("nats", "error"))
        cells = [CHOICES.get(row["choice"], "none: one by one"), str(row["blocks"]), nats, error]
        cells += ["{:.2f}, {:.2f}".format(*row[key]) for key in ("all_ms", "six_ms")]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, Any]], file: Path) -> None:
    """Nats against time."""
    figure = new_figure(3.6)
    axes = figure.subplots()
    for choice, colour in (("chosen", METHODS["mac"][1]), ("even", "#7F7F7F")):
        some = [row for row in rows if row["choice"] in (choice, "one by one")]
        axes.plot(
            [row["all_ms"][0] for row in some],
            [row["nats"][0] for row in some],
            "o-",
            color=colour,
            label=f"blocks {CHOICES[choice]}",
        )
        if choice == "chosen":
            for row in some:
                axes.annotate(
                    row["blocks"],
                    (row["all_ms"][0], row["nats"][0]),
                    textcoords="offset points",
                    xytext=(4, 5),
                    fontsize=9,
                )
    axes.margins(x=0.08, y=0.12)
    axes.set_xlabel("processor time of a fill-in, nothing given [ms]")
    axes.set_ylabel("log-likelihood against\none by one [nats]")
    legend_below(figure, axes, 1)
    figure.savefig(file, dpi=110)
