"""One row of the dial: `python dial.py OPERATOR NUM_GIVEN TRUST [DATA] >> results.jsonl`.

TRUST is `none`, a standard deviation, `adaptive` or `z=2`; DATA is what a tracker follows.
"""

import json
import sys

import torch

from mac_control.loop import evaluate

torch.set_num_threads(1)
operator, num_given, trust, *data = sys.argv[1:]
(row,) = evaluate(
    ["builtin"],
    [operator],
    [int(num_given)],
    episodes=20,
    seed=0,
    workers=1,
    trust=None if trust == "none" else trust,
    demonstrations=data[0] if data else None,
)
kept = ("policy", "operator", "num_given", "episodes", "reward_mean", "reward_ci95", "rewards")
print(json.dumps({key: row[key] for key in kept} | {"trust": trust, "metrics": row["metrics"]}))
