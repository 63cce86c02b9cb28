#!/bin/sh
# Tables at equal budgets, against a flow and a Gaussian mixture: makes README.md, curves.png and
# *.jsonl here, and leaves the models in $MODELS. Needs $MAC_CONTROL_DATA and the extra 'bench'.
# The same command resumes an interrupted run.
set -eu
here=$(dirname "$0")
models=${MODELS:-runs/density-tables}
data=$MAC_CONTROL_DATA
export OMP_NUM_THREADS=1
any_order() {  # results, method, seed, preprocessing, file, training options
    results=$here/$1.jsonl model=$1-$2-$3 method=$2 seed=$3 table=$4 file=$data/$5
    shift 5
    grep -qs "\"$model\"" "$results" && return 0
    queries=marginal objective=$method orders=trained
    case $method in
        ardm) orders="trained natural" ;;
        mac-evidence) queries=evidence objective=mac ;;
    esac
    mac-control density train --data "$file" --preprocessing "$table" --seed "$seed" \
        --objective $objective --queries $queries --out "$models/$model" "$@"
    mac-control density evaluate --data "$file" --preprocessing "$table" --rows 1000 \
        --models "$models/$model" --orders $orders --out "$results"
}
baseline() {  # table, file, method, seed, number of components to bend columns with, steps, results
    model=$3-$4 results=$here/${7:-$1}.jsonl
    [ "$5" = 0 ] || model=$model-bent
    grep -qs "\"$model\"" "$results" && return 0
    mac-control density baseline --data "$data/$2" --preprocessing "$1" --seed "$4" --method "$3" \
        --bend "$5" --steps "${6:-500}" --rows 1000 --out "$results"
}
miniboone="miniboone miniboone_first1523.npy --bend 6 --width 32 --layers 1 --lr 5e-3
    --shrink 0.05 --weight-decay 0.1 --check-every 50 --check-rows 137 --warmup 25"
power="power power/power_first_rows.npz --bend 20 --width 64 --layers 2 --components 20
    --lr 3e-3 --check-every 100 --check-rows 500 --warmup 30"
bsds="bsds bsds300_patches.npz --width 64 --layers 2 --steps 300 --batch-size 64 --lr 5e-3 --shrink 0
    --check-every 60 --check-rows 200 --warmup 15"
for seed in 0 1 2; do
    any_order miniboone ardm $seed $miniboone --steps 300
    any_order miniboone mac $seed $miniboone --steps 300
    any_order miniboone-long mac $seed $miniboone --steps 1500
    baseline miniboone miniboone_first1523.npy flow $seed 0
    baseline miniboone miniboone_first1523.npy flow $seed 6
    baseline miniboone miniboone_first1523.npy flow $seed 6 1500 miniboone-long
done
for seed in 0 1 2; do
    for method in ardm mac no-redundancy; do
        any_order power $method $seed $power --steps 400
        any_order bsds $method $seed $bsds
    done
    baseline power power/power_first_rows.npz flow $seed 0
    baseline bsds bsds300_patches.npz flow $seed 0
    baseline power power/power_first_rows.npz mixture $seed 0
    baseline bsds bsds300_patches.npz mixture $seed 0
done
for seed in 0 1 2; do
    any_order miniboone no-redundancy $seed $miniboone --steps 300
    any_order miniboone mac-evidence $seed $miniboone --steps 300
    baseline miniboone miniboone_first1523.npy mixture $seed 0
    baseline power power/power_first_rows.npz flow $seed 20
    any_order power mac-evidence $seed $power --steps 400
    any_order bsds mac-evidence $seed $bsds
done
for seed in 0 1 2; do any_order power-long mac $seed $power --steps 1500; done
for seed in 0 1 2; do any_order miniboone-long ardm $seed $miniboone --steps 1500; done
mac-control density report --out "$here" --title "Tables: MAC, ARDM, a flow and a mixture" \
    --note "$(cat "$here/note.txt")" --results "$here"/*.jsonl
