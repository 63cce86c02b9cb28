"""A suite's folder: which runs may add to its results, and what they leave of the others."""

import json
from dataclasses import replace

import pytest

from mac_control.errors import DataError
from mac_control.loop import evaluate
from mac_control.scripts.evaluate import Args, main
from mac_control.suites import Block, PolicySpec, Size, Suite
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
