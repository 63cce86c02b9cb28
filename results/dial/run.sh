#!/usr/bin/env bash
# Every way to share control, over the range of its own dial: three of five folds over the human demonstrations, a training of
# a minute of each policy a fold, 30 episodes a row. From the project's root, MAC_CONTROL_DATA naming the folder of the
# human demonstrations; goes on where it was interrupted. Two hours of one core.
set -euo pipefail
mac-control evaluate --suite dial --size.bf16 True --size.made 200 --size.run-folds 3 --size.episodes 30 --out runs/dial
python results/dial/gather.py runs
