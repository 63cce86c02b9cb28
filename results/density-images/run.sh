#!/bin/sh
# CIFAR-10 crops at equal budgets: makes README.md, curves.png and *.jsonl here, and leaves the
# models in $MODELS. Needs $MAC_CONTROL_DATA/images. About 40 minutes of one core.
#   sh results/density-images/run.sh [seed ...]
set -eu
here=$(dirname "$0")
models=${MODELS:-runs/density-images}
data=$MAC_CONTROL_DATA/images/cifar10_4000.npz
export OMP_NUM_THREADS=1
run() {  # name, pixels, steps, batch, seed, options
    name=$1 size=$2 steps=$3 batch=$4 seed=$5
    shift 5
    folder=$models/cifar$size-$name-$seed
    mac-control density train --data "$data" --size "$size" --steps "$steps" \
        --batch-size "$batch" --check-every $((steps / 5)) --check-rows 32 --seed "$seed" \
        --out "$folder" "$@"
    orders=trained
    case $name in ardm) orders="trained natural" ;; esac
    mac-control density evaluate --data "$data" --rows 200 --models "$folder" \
        --orders $orders --out "$here/cifar$size.jsonl"
}
for seed in ${*:-0 1 2}; do
    run ardm 8 300 10 "$seed" --objective ardm --queries marginal
    run no-redundancy 8 300 10 "$seed" --objective no-redundancy --queries marginal
    run mac 8 300 10 "$seed" --objective mac --queries marginal
    run left-to-right 8 300 10 "$seed" --objective mac --queries joint
    run mac-evidence 8 300 10 "$seed" --objective mac --queries evidence
    run ardm 16 200 3 "$seed" --objective ardm --queries marginal
    run mac 16 200 3 "$seed" --objective mac --queries marginal
done
