"""`mac-control evaluate --offline` into folders of other runs, and what it does not take."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mac_control import Demonstrations, Episode
from mac_control.cli import run
from mac_control.demonstrations import save_lerobot
from mac_control.errors import DataError, InputError
from mac_control.loop.results import earlier_rows
from mac_control.offline.config import OfflineConfig
from mac_control.offline.entries import parse_entries
from mac_control.offline.report import write_report
from mac_control.offline.run import evaluate_offline
from mac_control.offline.summary import summarize, verdicts
from mac_control.robot import ActionDim, Robot
from mac_control.scripts import evaluate as verb
from mac_control.training import TrainConfig, train

TINY = "bc:width=8:steps=3"
CONFIG = OfflineConfig(folds=2, run_folds=1, seeds="0", stride=3, cases=("nothing",))


def robot(high):
    return Robot("arm", tuple(ActionDim(name, -9, high) for name in "abc"), rate=10.0)


@pytest.fixture
def arm():
    rng = np.random.default_rng(0)
    episodes = [Episode(rng.normal(size=(8, 4)), rng.normal(size=(8, 3))) for _ in range(4)]
    return Demonstrations(episodes, provenance={"sha256": "a"}, robot=robot(9))


def rated(data, out, entry=TINY, config=CONFIG):
    return evaluate_offline(parse_entries([entry]), data, out, config, workers=1)


def test_results_of_rollouts_stay(arm, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    save_lerobot(arm, tmp_path / "set")
    (tmp_path / "out").mkdir()
    there = tmp_path / "out" / "results.json"
    there.write_text('{"rows": []}')
    argv = ["--offline", "--data", str(tmp_path / "set"), "--policies", TINY]
    with pytest.raises(SystemExit) as ended:
        run(verb.main, [*argv, "--out", str(tmp_path / "out")])
    assert ended.value.code == 2 and "take another --out" in capsys.readouterr().err
    with pytest.raises(DataError, match="expected results of evaluate --offline, got others"):
        write_report(tmp_path / "out", [], {})
    assert [file.name for file in (tmp_path / "out").iterdir()] == [there.name]
    assert there.read_text() == '{"rows": []}'


def test_offline_results_have_a_page_of_their_own(arm, tmp_path):
    write_report(tmp_path, rated(arm, tmp_path), {})
    with pytest.raises(DataError, match=r"--offline, whose page is .*report\.html"):
        earlier_rows(tmp_path / "results.json")
    write_report(tmp_path, rated(arm, tmp_path), {})  # its own are replaced


@pytest.mark.parametrize(
    "change",
    [
        {"robot": robot(8)},
        {"episodes": [Episode(np.ones((8, 4)), np.ones((8, 3)))] * 4},
    ],
)
def test_other_data_or_another_robot_are_other_rows(arm, tmp_path, change):
    before = rated(arm, tmp_path)
    other = replace(arm, **change)  # of the same file, with as many frames
    keys = [row["key"] for row in rated(other, tmp_path)]
    assert not {row["key"] for row in before} & set(keys)
    assert rated(arm, tmp_path) == before  # which are still there


def test_the_same_weights_that_act_otherwise_are_other_rows(arm, tmp_path):
    short = TrainConfig(steps=2, batch_size=4)
    (made,) = train("mac", arm, tmp_path / "run", config=short, seeds=[0], progress=False)
    before = rated(arm, tmp_path / "out", f"mac={made}")
    record = json.loads((made / "policy.json").read_text())
    record["config"]["decoding"] = "sample"
    (made / "policy.json").write_text(json.dumps(record))
    after = rated(arm, tmp_path / "out", f"mac={made}")
    assert before[0]["key"] != after[0]["key"]


@pytest.mark.parametrize(("learnt", "seen"), [("a", True), ("other", False)])
def test_a_checkpoint_that_was_trained_on_the_data_is_marked(arm, tmp_path, learnt, seen):
    data = replace(arm, provenance={"sha256": "mixed", "mixed": [{"sha256": learnt}]})
    short = TrainConfig(steps=2, batch_size=4)
    train("bc", data, tmp_path / "run", config=short, seeds=[0], progress=False)
    entries = parse_entries([f"old={tmp_path / 'run'}", TINY])
    rows = evaluate_offline(entries, arm, tmp_path / "out", CONFIG, workers=1)
    assert ["seen" in row for row in rows] == [seen, False]
    text = write_report(tmp_path / "out", rows, {})
    page = (tmp_path / "out" / "report.html").read_text()
    assert ("Not held out, and not compared: old" in text) == seen
    assert ("<td>old (not held out)</td>" in page) == seen
    assert bool(verdicts(summarize(rows))) != seen


@pytest.mark.parametrize(
    ("entry", "changes", "message"),
    [
        (TINY, {"seconds": 1.0}, f"seconds: expected it or steps, got both for {TINY}"),
        (TINY, {"cases": ("1random", "1 random")}, "cases: expected different ones, got '1 rand"),
        (TINY, {"cases": ("nothing", "nothing")}, "cases: expected different ones, got 'nothing'"),
        (TINY, {"seeds": "0,1,0"}, "seeds: expected different ones, got 0 twice"),
        ("bc:width=0:steps=3", {}, "width: expected at least 1, got 0"),
        ("bc:width=x", {}, "policies: bc:width=x: width: expected a value such as 256, got 'x'"),
        ("bc:raw=x", {}, "raw: expected a value such as False, got 'x'"),
        ("bc:steps=2.5", {}, "steps: expected a value such as 6000, got 2.5"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_made(
    arm, tmp_path, entry, changes, message
):
    with pytest.raises(InputError, match=message):
        rated(arm, tmp_path / "out", entry, replace(CONFIG, **changes))
    assert not (tmp_path / "out").exists()


def test_one_episode_cannot_be_held_out(arm, tmp_path):
    with pytest.raises(InputError, match=r"data: expected at least 2 episodes, .* got 1"):
        rated(arm.select([0]), tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", '{"key": "a"'),
        ("steps.json", '{"bc": '),
        ("steps.json", '{"bc": 3}'),
        ("steps.json", '{"bc": {"steps": "many"}}'),
    ],
)
def test_a_damaged_file_is_named_with_what_to_do(arm, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    message = rf"{name}: expected .* offline evaluation, .*; remove it, or take another --out"
    with pytest.raises(DataError, match=message):
        rated(arm, tmp_path, "bc", replace(CONFIG, seconds=0.05))
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_steps_that_were_measured_on_other_data_are_measured_again(arm, tmp_path):
    config = replace(CONFIG, seconds=0.02)
    rated(arm, tmp_path, "bc:width=8", config)
    before = json.loads((tmp_path / "steps.json").read_text())
    wide = [Episode(np.ones((8, 40)), np.ones((8, 3)))] * 4
    rated(replace(arm, episodes=wide), tmp_path, "bc:width=8", config)
    after = json.loads((tmp_path / "steps.json").read_text())
    assert before["bc:width=8"]["data"] != after["bc:width=8"]["data"]


def test_a_checkpoint_is_compared_on_the_same_episodes():
    """Policy a is better by 0.05 in each of 20 episodes, whatever their difficulty."""
    hard = np.linspace(0, 3, 20)
    row = {"case": "nothing", "num_given": 0, "seed": 0, "log_prob": None, "coverage": None}
    row |= {"ranks": None, "latency_ms": 1.0, "latency_p99_ms": 1.0}
    rows = [
        {**row, "policy": "a", "fold": fold, "steps": 3, "error": (hard[fold::5] - 0.05).tolist()}
        for fold in (3, 0, 4, 1, 2)
    ]
    rows.append({**row, "policy": "checkpoint", "fold": 0, "error": hard.tolist()})
    assert "error, nothing given: a first (ahead of each other one)" in verdicts(summarize(rows))


def test_nothing_is_written_before_the_policies_have_a_fold_in_common(arm, tmp_path):
    (row,) = rated(arm, tmp_path / "run")
    other = {**row, "policy": "other", "fold": row["fold"] + 1}
    assert write_report(tmp_path / "report", [row, other], {}) == ""
    assert not (tmp_path / "report").exists()
    assert write_report(tmp_path / "report", [row, {**row, "policy": "other"}], {})
