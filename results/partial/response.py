"""How far do commands move what a policy fills in? `python response.py RUNS`, after minute.sh.

At states of held-out demonstrations the demonstrated values of k random dimensions are given, with
noise of 0.05. Writes response.json: mean |filled in − what it would do alone| of free dimensions.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from mac_control import PartialAction, load_demonstrations, load_policy
from mac_control.suites.gather import gather
from mac_control.suites.run import folds

#: Folder in RUNS -> how long its policies were trained.
TRAINED = {"partial-minute": "a minute", "partial-minute-four": "four minutes"}
POLICIES = ("bc", "mixture_bc_conditioned", "diffusion", "mac")
#: Dimensions given; with none, how far one sample is from another.
COUNTS = (0, 1, 3, 5, 7)
here, runs = Path(__file__).parent, Path(sys.argv[1])

torch.set_num_threads(1)
new = []
for fold, (_, held_out) in enumerate(folds(load_demonstrations("kitchen-complete-v0"), 5)):
    obs, actions = held_out.observations[::4], held_out.actions[::4]
    nothing = PartialAction.stack([PartialAction.nothing(actions.shape[1])] * len(obs))
    for folder, trained in TRAINED.items():
        for name in POLICIES:
            home = runs / folder / "policies" / f"fold-{fold}" / name / "seed-0"
            if not home.exists():
                continue
            policy = load_policy(home)
            alone = policy.act(obs, nothing)
            for k in COUNTS:
                rng = np.random.default_rng((fold, k))
                given = rng.permuted(
                    np.tile(np.arange(actions.shape[1]) < k, (len(obs), 1)), axis=1
                )
                noisy = np.clip(actions + rng.normal(0, 0.05, actions.shape), -1, 1)
                filled = policy.act(obs, PartialAction(noisy.astype(np.float32), given))
                row = {"trained": trained, "policy": name, "fold": fold, "num_given": k}
                new.append(row | {"moved": round(float(np.abs(filled - alone)[~given].mean()), 4)})
rows = gather(here / "response.json", new, list(new[0]) if new else [], ("trained", "policy"))
for trained in TRAINED.values():
    for name in POLICIES:
        own = [row for row in rows if (row["trained"], row["policy"]) == (trained, name)]
        means = [np.mean([r["moved"] for r in own if r["num_given"] == k]) for k in COUNTS]
        print(f"| {name}, {trained} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")
