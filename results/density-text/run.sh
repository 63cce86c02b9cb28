#!/bin/sh
# Text in text8's alphabet at equal budgets: makes README.md, curves.png and *.jsonl here, and
# leaves the models in $MODELS. Needs $MAC_CONTROL_DATA/text. The same command resumes an
# interrupted run.
set -eu
here=$(dirname "$0")
models=${MODELS:-runs/density-text}
data=$MAC_CONTROL_DATA/text
export OMP_NUM_THREADS=1
net="--width 64 --layers 2"
one() {  # name, length, steps, batch, seed
    model=$models/text$2-$1-$5 objective=mac queries=marginal orders=trained
    case $1 in
        ardm) objective=ardm orders="trained natural" ;;
        no-redundancy) objective=no-redundancy ;;
        left-to-right) queries=joint ;;
        mac-evidence) queries=evidence ;;
    esac
    grep -qs "\"text$2-$1-$5\"" "$here/text$2.jsonl" && return 0
    mac-control density train --data "$data" --kind text --size "$2" --steps "$3" --batch-size "$4" \
        --check-every $(($3 / 5)) --seed "$5" --objective $objective --queries $queries $net \
        --out "$model"
    mac-control density evaluate --data "$data" --kind text --rows 300 --models "$model" \
        --orders $orders --out "$here/text$2.jsonl"
}
for seed in 0 1 2; do one ardm 64 800 32 $seed && one mac 64 800 32 $seed; done
one mac-evidence 64 800 32 0
for seed in 0 1 2; do one ardm 250 200 8 $seed && one mac 250 200 8 $seed; done
for seed in 0 1 2; do one left-to-right 64 800 32 $seed; done
for seed in 0 1 2; do one no-redundancy 64 800 32 $seed; done
for seed in 1 2; do one mac-evidence 64 800 32 $seed; done
for seed in 0 1 2; do one left-to-right 250 200 8 $seed; done
mac-control density report --results "$here"/text*.jsonl --out "$here" \
    --title "Text: MAC, ARDM and one order at equal budgets" --note "$(cat "$here/note.txt")"
{
    echo "# Masked text, completed by MAC and by ARDM of equal compute"
    echo
    echo "Models of 64 characters, seed 0, after the training of [this page](README.md): the three most"
    echo "probable of 200 completions drawn by each, with their probability given the rest."
    for text in "the c_ty of l_nd_n" "he was b_rn in nine__en eight_ t_o" "the f_rst w_rld w_r" \
        "pr_p_y__cti__" "they were ______ by the"; do
        echo && echo "\`$text\`" && echo
        for name in mac-evidence ardm; do
            echo "    $name"
            mac-control density complete "$text" --model "$models/text64-$name-0" --alternatives 3 |
                sed 's/^/    /'
        done
    done
} > "$here/completions.md"
