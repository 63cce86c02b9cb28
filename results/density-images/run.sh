#!/bin/sh
# CIFAR-10 crops at equal budgets: makes README.md, curves.png and *.jsonl here, and leaves the
# models in $MODELS. Needs $MAC_CONTROL_DATA/images. About 20 minutes of one core; the same command
# goes on where it was interrupted, and `sh run.sh 0` does one seed alone.
set -eu
seeds=${*:-0 1 2}
here=$(dirname "$0")
models=${MODELS:-runs/density-images}
data=$MAC_CONTROL_DATA/images/cifar10_4000.npz
export OMP_NUM_THREADS=1
run() {  # name, pixels, steps, batch, options: every seed
    name=$1 size=$2 steps=$3 batch=$4
    shift 4
    orders=trained
    case $name in ardm) orders="trained natural" ;; esac
    for seed in $seeds; do
        model=cifar$size-$name-$seed
        grep -qs "\"$model\"" "$here/cifar$size.jsonl" && continue
        mac-control density train --data "$data" --size "$size" --steps "$steps" \
            --batch-size "$batch" --check-every $((steps / 5)) --check-rows 32 --seed "$seed" \
            --out "$models/$model" "$@"
        mac-control density evaluate --data "$data" --rows 200 --models "$models/$model" \
            --orders $orders --out "$here/cifar$size.jsonl"
    done
}
run ardm 8 200 10 --objective ardm --queries marginal
run mac 8 200 10 --objective mac --queries marginal
run mac-evidence 8 200 10 --objective mac --queries evidence
run left-to-right 8 200 10 --objective mac --queries joint
run no-redundancy 8 200 10 --objective no-redundancy --queries marginal
run ardm 16 200 2 --objective ardm --queries marginal
run mac 16 200 2 --objective mac --queries marginal
