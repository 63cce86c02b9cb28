"""Put the rows of `run.sh` into results.json and human.json, print and draw them:
`python gather.py RUNS`.
"""

import sys
from pathlib import Path

from mac_control.figures import legend_below, method_colours, method_label, new_figure
from mac_control.loop.report import reward_text, summarize
from mac_control.suites.gather import gather, rows_in

KEPT = ("demonstrations", "policy", "operator", "num_given", "fold", "train_seed", "episodes")
here = Path(__file__).parent


def table(name: str, file: str) -> dict[tuple[int, str, int], dict]:
    """Gather the folders NAME-COUNT into a file; (count, policy, given) -> its summary."""
    new = [
        row | {"demonstrations": int(folder.name.removeprefix(f"{name}-"))}
        for folder in Path(sys.argv[1]).glob(f"{name}-*")
        for row in rows_in(folder)
    ]
    kept = (*KEPT, "rewards", "reward_mean", "success_rate")
    rows = gather(here / file, new, kept, ("demonstrations", "policy"))
    counts = sorted({row["demonstrations"] for row in rows})
    found = {
        (count, row["policy"], row["num_given"]): row
        for count in counts
        for row in summarize([row for row in rows if row["demonstrations"] == count])
    }
    given = sorted({key[2] for key in found})
    print("| policy | demonstrations | " + " | ".join(f"{k} given" for k in given) + " |")
    for policy in dict.fromkeys(key[1] for key in found):
        for count in counts:
            cells = [reward_text(found[count, policy, k]) for k in given]
            print(f"| {method_label(policy)} | {count:,} | {' | '.join(cells)} |")
    return found


table("human", "human.json")
found = table("count", "results.json")
counts, policies, given = (sorted({key[i] for key in found}) for i in range(3))
policies = list(dict.fromkeys(key[1] for key in found))
figure = new_figure(2.8)
colours = method_colours(policies)
axes = figure.subplots(1, len(given), sharey=True)
for ax, k in zip(axes, given, strict=True):
    for policy in policies:
        own = [found[count, policy, k] for count in counts]
        low, high = zip(*(row["reward_ci95"] for row in own), strict=True)
        ax.fill_between(counts, low, high, alpha=0.15, color=colours[policy], linewidth=0)
        mean = [row["reward_mean"] for row in own]
        ax.plot(counts, mean, "o-", color=colours[policy], label=method_label(policy), markersize=3)
    ax.set(xscale="log", ylim=(0, 4.1), xlabel="demonstrations")
    ax.set_title("alone" if k == 0 else f"{k} given", fontsize=10)
    ax.grid(alpha=0.3)
axes[0].set_ylabel("subtasks done of 4")
legend_below(figure, axes[0], 3)
figure.savefig(here / "demonstrations.png", dpi=110)
