#!/usr/bin/env bash
# Partial control by held-out operators, each policy trained for a minute of one core in each of five folds, on 200 robust
# episodes. From the project's root, MAC_CONTROL_DATA naming the folder of the human demonstrations; goes on where it was
# interrupted. Two hours of one core.
set -euo pipefail
minute=(--suite partial --size.bf16 True --size.made 200)
minute+=(--blocks "held-out operators,held-out operators that resynchronise")
mac-control evaluate "${minute[@]}" --only bc,mixture_bc_conditioned,diffusion,mac --out runs/partial-minute
python results/partial/minute.py runs
