"""Results that are read again: damaged rows, and runs that are not alike."""

import json
from pathlib import Path

import pytest

from mac_control.cli import run
from mac_control.errors import DataError
from mac_control.loop.report import add_report, markdown_table, summarize
from mac_control.loop.results import earlier_results, earlier_rows
from mac_control.scripts import evaluate, report

ROW = {
    **{"policy": "mac", "operator": "proxy", "num_given": 3, "train_seed": 0, "episodes": 2},
    **{"rewards": [1.0, 2.0], "reward_mean": 1.5, "reward_ci95": [1.0, 2.0], "success_rate": None},
}
COMMITTED = sorted((Path(__file__).parent.parent / "results").rglob("results.json"))


def written(folder, *rows, **more):
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps({"rows": rows, **more}))
    return str(folder)


def verb(*argv):
    with pytest.raises(SystemExit) as status:
        run(report.main, list(map(str, argv)))
    return status.value.code


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rewards": "abc"}, "rewards: expected a list of numbers, got 'abc'"),
        ({"rewards": [None]}, "rewards: expected a list of numbers"),
        ({"rewards": []}, "rewards: expected a list of numbers"),
        ({"rewards": [float("nan")]}, "rewards: expected a list of numbers"),
        ({"reward_mean": float("inf")}, "reward_mean: expected a number"),
        ({"policy": 3}, "policy: expected a name, got '3'"),
        ({"operator": None}, "operator: expected a name"),
        ({"num_given": "x"}, "num_given: expected a whole number"),
        ({"num_given": -1}, "num_given: expected a whole number"),
        ({"metrics": {"effort": "high"}}, "metrics: expected an object of numbers"),
        ({"reward_ci95": [1.0]}, "reward_ci95: expected two numbers"),
        ({"block": 3}, "block: expected a text"),
        ({"trust": 0.1}, "trust: expected a text or null"),
    ],
)
def test_a_damaged_row_is_named_with_its_file(tmp_path, capsys, change, message):
    folder = written(tmp_path / "run", ROW, {**ROW, **change})
    assert verb(folder, "--out", tmp_path / "page.html") == 2
    error = capsys.readouterr().err
    assert f"results.json: row 1: {message}" in error and "remove it" in error
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", ["policy", "operator", "num_given", "rewards", "success_rate"])
def test_a_row_without_an_entry_is_named(tmp_path, name):
    folder = written(tmp_path / "run", {k: v for k, v in ROW.items() if k != name})
    with pytest.raises(DataError, match=rf"results.json: row 0: {name}: expected .*, got none"):
        earlier_rows(tmp_path / "run" / "results.json")
    assert verb(folder, "--out", tmp_path / "page.html") == 2


@pytest.mark.parametrize(
    "text",
    ['{"rows": [', "[1, 2]", '{"rows": 3}', '{"rows": [3]}', "{}", '{"rows": [], "suite": 3}'],
)
def test_a_file_of_something_else_is_refused_with_what_to_do(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(DataError, match=r"expected .*; remove it, or take another --out"):
        earlier_results(tmp_path / "results.json")


def test_a_suite_reports_what_every_row_has(tmp_path):
    written(tmp_path / "run", ROW, suite={"reward": "goal_rewards"})
    with pytest.raises(DataError, match="row 0: goal_rewards: expected a list of numbers, got non"):
        earlier_results(tmp_path / "run" / "results.json")


def test_committed_results_are_read():
    rows = 0
    for file in COMMITTED:
        found = json.loads(file.read_text())
        if isinstance(found, dict) and {"rows", "suite"} <= found.keys():
            rows += len(earlier_rows(file))
    assert rows > 1000


def test_the_page_needs_rows_and_a_file_to_go_to(tmp_path, capsys):
    assert verb(written(tmp_path / "none"), "--out", tmp_path / "page.html") == 2
    assert "results.json: expected at least one row, got none" in capsys.readouterr().err
    assert verb(written(tmp_path / "run", ROW), "--out", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {tmp_path}: expected a file or nothing, found a folder")


def test_runs_of_another_trust_or_environment_are_told_apart(tmp_path, capsys):
    runs = {
        "a": {"trust": "0.1", "env": "kitchen"},
        "b": {"trust": "z=2", "env": "kitchen"},
        "c": {"trust": None, "env": "kitchen:max_episode_steps=5"},
    }
    folders = [written(tmp_path / name, {**ROW, **more}) for name, more in runs.items()]
    page = tmp_path / "page.html"
    assert verb(*folders, "--out", page) == 0
    said = capsys.readouterr().out
    for line in ("proxy, trust 0.1 | 3 | 1.50", "proxy, trust (z 2) | 3 |  | 1.50", "| proxy | 3"):
        assert line in said
    different = "not in the same environment, so not to be compared: a in kitchen; b in kitchen; c"
    assert different in said and different in page.read_text()
    assert verb(*folders[:2], "--out", page) == 0
    assert "environment" not in capsys.readouterr().out


def test_trust_is_in_tables_where_something_is_given(tmp_path):
    alone = {**ROW, "operator": "nobody", "num_given": 0, "trust": "0.1"}
    table = markdown_table(summarize([{**ROW, "trust": "0.1"}, alone, ROW]))
    assert "proxy, trust 0.1" in table and "| proxy |" in table and "no operator |" in table
    text = add_report(tmp_path, [{**ROW, "trust": "0.1"}], {}, {"mac"})
    assert "proxy, trust 0.1" in text
    assert earlier_rows(tmp_path / "results.json") == [{**ROW, "trust": "0.1"}]


def test_help_says_what_every_option_is(capsys):
    with pytest.raises(SystemExit):
        run(evaluate.main, ["--help"])
    said = capsys.readouterr().out
    assert "--size" in said and "type: ignore" not in said
