#!/bin/sh
# Text in text8's alphabet at equal budgets: makes README.md, curves.png and *.jsonl here, and
# leaves the models in $MODELS. Needs $MAC_CONTROL_DATA/text. About 20 minutes of one core; the
# same command goes on where it was interrupted, and `sh run.sh 0` does one seed alone.
set -eu
seeds=${*:-0 1 2}
here=$(dirname "$0")
models=${MODELS:-runs/density-text}
data=$MAC_CONTROL_DATA/text
export OMP_NUM_THREADS=1
run() {  # name, length, steps, batch, options: every seed
    name=$1 size=$2 steps=$3 batch=$4
    shift 4
    orders=trained
    case $name in ardm) orders="trained natural" ;; esac
    for seed in $seeds; do
        model=text$size-$name-$seed
        grep -qs "\"$model\"" "$here/text$size.jsonl" && continue
        mac-control density train --data "$data" --kind text --size "$size" --steps "$steps" \
            --batch-size "$batch" --check-every $((steps / 5)) --seed "$seed" \
            --out "$models/$model" "$@"
        mac-control density evaluate --data "$data" --kind text --rows 300 \
            --models "$models/$model" --orders $orders --out "$here/text$size.jsonl"
    done
}
run ardm 64 300 32 --objective ardm --queries marginal
run mac 64 300 32 --objective mac --queries marginal
run left-to-right 64 300 32 --objective mac --queries joint
run no-redundancy 64 300 32 --objective no-redundancy --queries marginal
run mac-evidence 64 300 32 --objective mac --queries evidence
run ardm 250 150 8 --objective ardm --queries marginal
run mac 250 150 8 --objective mac --queries marginal
run left-to-right 250 150 8 --objective mac --queries joint
