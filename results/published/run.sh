#!/usr/bin/env bash
# BC and MAC trained on kitchen-complete-v0 as it is: alone, and with a BC proxy operator. Five training
# seeds, 50 episodes each. Run it from the project's root, with MAC_CONTROL_DATA naming the folder of the human
# demonstrations (`--data kitchen-mixed-v0` for those); resumes if interrupted. At commit 4d305d9, with `--entrants` in
# place of `--only`; since fd15ca3 the suite trains each policy for a minute, as in minute.sh.
set -euo pipefail
mac-control evaluate --suite published --size.seeds 5 --size.episodes 50 --size.bf16 True \
    --only bc,mac,bc_chunk,bc_averaged,mac_chunk,mac_averaged --out runs/published
cp runs/published/{results.json,results.md} results/published/
# IBC both ways, and BC with a mixture density.
mac-control evaluate --suite published --size.seeds 5 --size.episodes 50 --size.bf16 True \
    --only mixture_bc,ibc,ibc_dfo --out runs/published-others
mkdir -p results/published/others && cp runs/published-others/results.{json,md} results/published/others/
