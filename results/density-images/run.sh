#!/bin/sh
# CIFAR-10 crops at equal budgets: makes README.md, curves.png and *.jsonl here, and leaves the
# models in $MODELS. Needs $MAC_CONTROL_DATA/images. The same command resumes an
# interrupted run.
set -eu
here=$(dirname "$0")
models=${MODELS:-runs/density-images}
data=$MAC_CONTROL_DATA/images/cifar10_4000.npz
export OMP_NUM_THREADS=1
net="--width 64 --layers 2"
one() {  # name, pixels, steps, batch, seed
    model=$models/cifar$2-$1-$5 objective=mac queries=marginal orders=trained
    case $1 in
        ardm) objective=ardm orders="trained natural" ;;
        no-redundancy) objective=no-redundancy ;;
        left-to-right) queries=joint ;;
        mac-evidence) queries=evidence ;;
    esac
    grep -qs "\"cifar$2-$1-$5\"" "$here/cifar$2.jsonl" && return 0
    mac-control density train --data "$data" --size "$2" --steps "$3" --batch-size "$4" \
        --check-every $(($3 / 5)) --check-rows 32 --seed "$5" --objective $objective \
        --queries $queries $net --out "$model"
    mac-control density evaluate --data "$data" --rows $(($2 > 16 ? 50 : 200)) --models "$model" \
        --orders $orders --out "$here/cifar$2.jsonl"
}
for seed in 0 1 2; do one ardm 8 400 10 $seed && one mac 8 400 10 $seed; done
one mac-evidence 8 400 10 0
for seed in 0 1 2; do one ardm 16 200 3 $seed && one mac 16 200 3 $seed; done
one ardm 32 150 1 0 && one mac 32 150 1 0
for seed in 0 1 2; do one left-to-right 8 400 10 $seed; done
for seed in 0 1 2; do one no-redundancy 8 400 10 $seed; done
for seed in 1 2; do one mac-evidence 8 400 10 $seed; done
for seed in 1 2; do one ardm 32 150 1 $seed && one mac 32 150 1 $seed; done
mac-control density report --results "$here"/cifar*.jsonl --out "$here" --title "CIFAR-10 crops: MAC, ARDM and one order at equal budgets" \
    --note "$(cat "$here/note.txt")"
mac-control density inpaint --images "$data" --rows 8 --samples 3 --crop --mask right \
    --models "$models/cifar8-ardm-0" "$models/cifar8-mac-evidence-0" --out "$here/inpainted.png"
