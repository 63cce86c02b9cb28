#!/bin/sh
# Tables at equal budgets, against a flow and a Gaussian mixture: makes README.md, curves.png and
# *.jsonl here, and leaves the models in $MODELS. Needs $MAC_CONTROL_DATA and the extra 'bench'.
# The same command goes on where it was interrupted.
set -eu
here=$(dirname "$0")
models=${MODELS:-runs/density-tables}
data=$MAC_CONTROL_DATA
export OMP_NUM_THREADS=1
run() {  # table, file, training options
    table=$1 file=$data/$2
    shift 2
    for seed in 0 1 2; do
        for method in ardm no-redundancy mac mac-evidence; do
            model=$table-$method-$seed
            grep -qs "\"$model\"" "$here/$table.jsonl" && continue
            queries=marginal objective=$method orders=trained
            case $method in
                ardm) orders="trained natural" ;;
                mac-evidence) queries=evidence objective=mac ;;
            esac
            mac-control density train --data "$file" --preprocessing "$table" --seed "$seed" \
                --objective $objective --queries $queries --out "$models/$model" "$@"
            mac-control density evaluate --data "$file" --preprocessing "$table" --rows 1000 \
                --models "$models/$model" --orders $orders --out "$here/$table.jsonl"
        done
        for bend in 0 $bent; do
            mac-control density baseline --data "$file" --preprocessing "$table" --seed "$seed" \
                --method flow --bend "$bend" --steps 500 --rows 1000 --out "$here/$table.jsonl"
        done
        mac-control density baseline --data "$file" --preprocessing "$table" --seed "$seed" \
            --method mixture --rows 1000 --out "$here/$table.jsonl"
    done
}
bent=6
run miniboone miniboone_first1523.npy --bend 6 --width 32 --layers 1 --steps 300 --lr 5e-3 \
    --shrink 0.05 --weight-decay 0.1 --check-every 50 --check-rows 137 --warmup 25
bent=20
run power power/power_first_rows.npz --bend 20 --width 64 --layers 2 --components 20 --steps 400 \
    --lr 3e-3 --check-every 100 --check-rows 500 --warmup 30
bent=
run bsds bsds300_patches.npz --width 64 --layers 2 --steps 300 --batch-size 64 --lr 5e-3 --shrink 0 \
    --check-every 60 --check-rows 200 --warmup 15
mac-control density report --results "$here/miniboone.jsonl" "$here/power.jsonl" \
    "$here/bsds.jsonl" --out "$here" --title "Tables: MAC, ARDM, a flow and a mixture" \
    --note "$(cat "$here/note.md")"
