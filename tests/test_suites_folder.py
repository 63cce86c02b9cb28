"""A suite's folder: which runs may add to its results, and what they leave of the others."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from mac_control.errors import DataError
from mac_control.loop import evaluate
from mac_control.scripts.evaluate import Args, main
from mac_control.suites import SUITES, Block, PolicySpec, Size, Suite
from mac_control.suites import run as suite_run
from mac_control.suites.run import run_suite

TINY = Suite(
    name="tiny",
    question="Does it work?",
    goal="That it works.",
    data="raw",
    entrants=(PolicySpec("bc", "bc", {"width": 8}), PolicySpec("mac", "mac", {"width": 8})),
    blocks=(Block("alone", ("nobody",), (0,)),),
    size=Size(seeds=1, episodes=1, steps=1),
    env={"max_episode_steps": 3},
)


def kept(out):
    return json.loads((out / "results.json").read_text())["rows"]


def test_suites_that_run_at_once_keep_each_others_rows(tmp_path, kitchen_complete, monkeypatch):
    rows = []

    def meanwhile(*args, **options):
        monkeypatch.setattr(suite_run, "evaluate", evaluate)
        rows.extend(run_suite(TINY.only(["mac"]), tmp_path, kitchen_complete, workers=1))
        return evaluate(*args, **options)

    monkeypatch.setattr(suite_run, "evaluate", meanwhile)
    rows += run_suite(TINY.only(["bc"]), tmp_path, kitchen_complete, workers=1)
    assert [row["policy"] for row in rows] == ["mac", "bc"] and kept(tmp_path) == rows[::-1]
    suite = json.loads((tmp_path / "results.json").read_text())["suite"]
    assert [each["label"] for each in suite["entrants"]] == ["mac", "bc"]


def test_results_of_something_else_are_refused_and_stay(tmp_path, kitchen_complete):
    suite = TINY.only(["bc"])
    run_suite(suite, tmp_path, kitchen_complete, workers=1)
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(DataError, match=r"results of the suite other, got those of tiny; .*--out"):
        run_suite(replace(suite, name="other"), tmp_path, kitchen_complete, workers=1)
    policy = tmp_path / "policies" / "fold-0" / "bc"
    with pytest.raises(DataError, match="without --suite, got those of a suite; take another"):
        main(Args(out=tmp_path, policies=(str(policy),), episodes=1, episode_steps=3, workers=1))
    assert (tmp_path / "results.json").read_bytes() == before

    main(Args(out=tmp_path / "b", policies=(str(policy),), episodes=1, episode_steps=3, workers=1))
    with pytest.raises(DataError, match="expected results of the suite tiny, got others; remove"):
        run_suite(suite, tmp_path / "b", kitchen_complete, workers=1)
    assert not (tmp_path / "b" / "policies").exists()


def test_more_episodes_that_are_cut_short_count_no_training_twice(
    tmp_path, kitchen_complete, monkeypatch
):
    suite = TINY.only(["bc"])
    suite = replace(suite, size=replace(suite.size, seeds=2))
    run_suite(suite, tmp_path, kitchen_complete, workers=1)

    def cut(*args, on_row, **options):
        def then_stop(rows):
            on_row(rows)
            raise KeyboardInterrupt

        return evaluate(*args, on_row=then_stop, **options)

    monkeypatch.setattr(suite_run, "evaluate", cut)
    longer = replace(suite, size=replace(suite.size, episodes=2))
    with pytest.raises(KeyboardInterrupt):
        run_suite(longer, tmp_path, kitchen_complete, workers=1)
    found = [(row["train_seed"], row["episodes"]) for row in kept(tmp_path)]
    assert found == [(0, 2), (1, 1)]
    monkeypatch.setattr(suite_run, "evaluate", evaluate)
    rows = run_suite(longer, tmp_path, kitchen_complete, workers=1)
    assert [row["episodes"] for row in rows] == [2, 2] and kept(tmp_path) == rows


def test_rows_of_other_settings_are_not_put_side_by_side(tmp_path, kitchen_complete):
    bc, mac = (TINY.only([label]) for label in ("bc", "mac"))
    size = replace(TINY.size, folds=2, run_folds=1)
    run_suite(replace(bc, size=size), tmp_path, kitchen_complete, workers=1)
    for changes, said in [
        ({"steps": 2}, r"same settings, got others \(size.steps: 1, now 2\); take another --out"),
        ({"scale": "demo", "folds": 3}, r"\(size.scale: full, now demo, size.folds: 2, now 3\)"),
        ({"demonstrations": 3}, "size.demonstrations: None, now 3"),
    ]:
        other = replace(mac, size=size.changed(**changes))
        with pytest.raises(DataError, match=said):
            run_suite(other, tmp_path, kitchen_complete, workers=1)
    other = replace(mac, size=size, env={"max_episode_steps": 4})
    with pytest.raises(DataError, match=r"env: {'max_episode_steps': 3}, now {'max_ep.*: 4}"):
        run_suite(other, tmp_path, kitchen_complete, workers=1)
    assert not (tmp_path / "policies" / "fold-0" / "mac").exists()
    # These change no policy.
    more = size.changed(made=3, seeds=2, episodes=4, run_folds=2, num_given=1)
    run_suite(replace(bc, size=more), tmp_path, kitchen_complete, workers=1)
    places = [(row["fold"], row["train_seed"], row["episodes"]) for row in kept(tmp_path)]
    assert places == [(0, 0, 2), (0, 1, 2), (1, 0, 2), (1, 1, 2)]


def test_a_suite_that_collects_its_data_has_a_quick_check(tmp_path):
    expert = Path(os.environ.get("MAC_CONTROL_DATA", "nowhere"), "adroit", "relocate_expert.npz")
    if not expert.exists():
        pytest.skip("needs adroit/relocate_expert.npz in the folder that MAC_CONTROL_DATA names")
    suite = SUITES["hand-relocate"].quick().only(["bc"]).only_blocks(["operator alone"])
    (row,) = run_suite(suite, tmp_path, workers=1)
    assert row["policy"] == "bc" and row["episodes"] == 1
