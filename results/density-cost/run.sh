#!/bin/sh
# Time and memory of training steps on one thread: README.md and cost.jsonl here; a few minutes.
set -eu
export OMP_NUM_THREADS=1
mac-control density cost --out "$(dirname "$0")" --steps 2 --memory-only published "$@"
