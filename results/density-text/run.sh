#!/bin/sh
# Text in text8's alphabet at equal budgets: makes README.md, curves.png and *.jsonl here, and
# leaves the models in $MODELS. Needs $MAC_CONTROL_DATA/text. About 40 minutes of one core.
#   sh results/density-text/run.sh [seed ...]
set -eu
here=$(dirname "$0")
models=${MODELS:-runs/density-text}
data=$MAC_CONTROL_DATA/text
export OMP_NUM_THREADS=1
run() {  # name, length, steps, batch, seed, options
    name=$1 size=$2 steps=$3 batch=$4 seed=$5
    shift 5
    folder=$models/text$size-$name-$seed
    mac-control density train --data "$data" --kind text --size "$size" --steps "$steps" \
        --batch-size "$batch" --check-every $((steps / 5)) --seed "$seed" --out "$folder" "$@"
    orders=trained
    case $name in ardm) orders="trained natural" ;; esac
    mac-control density evaluate --data "$data" --kind text --rows 300 --models "$folder" \
        --orders $orders --out "$here/text$size.jsonl"
}
for seed in ${*:-0 1 2}; do
    run ardm 64 450 32 "$seed" --objective ardm --queries marginal
    run no-redundancy 64 450 32 "$seed" --objective no-redundancy --queries marginal
    run mac 64 450 32 "$seed" --objective mac --queries marginal
    run left-to-right 64 450 32 "$seed" --objective mac --queries joint
    run mac-evidence 64 450 32 "$seed" --objective mac --queries evidence
    run ardm 250 300 8 "$seed" --objective ardm --queries marginal
    run mac 250 300 8 "$seed" --objective mac --queries marginal
    run left-to-right 250 300 8 "$seed" --objective mac --queries joint
done
