#!/usr/bin/env bash
# BC and MAC trained on kitchen-complete-v0 with corrective labels, made without a simulator: alone,
# and with a BC proxy operator that was trained the same way. Five training seeds, 50 episodes each.
# From the project's root, MAC_CONTROL_DATA naming the folder of the human demonstrations; resumes if
# interrupted. The figures here were made at commit c6d9c03, with `--entrants` in place of `--only`: before fd15ca3;
# since then the suite trains each policy for a minute.
set -euo pipefail
mac-control evaluate --suite published-corrected --size.seeds 5 --size.episodes 50 --size.bf16 True \
    --only bc,mac,bc_chunk,bc_averaged,mac_chunk,mac_averaged --out runs/published-corrected
cp runs/published-corrected/{results.json,results.md} results/published-corrected/
