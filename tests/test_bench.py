"""The page of benchmarks: measured for real, a ratio in every line, and the machine on it."""

import json

import pytest

from benchmarks.all import Args, main
from benchmarks.faster import SEEDS, _side_by_side
from benchmarks.page import Table, machine, markdown
from benchmarks.sections import SECTIONS
from benchmarks.throughput import tables as training_tables
from mac_control import InputError, load_demonstrations


def test_a_section_is_measured_and_takes_its_place_on_the_page(tmp_path, capsys):
    results = tmp_path / "results.json"
    args = Args(only=("growth",), out=tmp_path, work=tmp_path / "work", scale=0.01)
    main(args)
    found, page = json.loads(results.read_text()), (tmp_path / "README.md").read_text()
    tables = found["sections"]["growth"]["tables"]
    assert len(tables) == 4 and all(row["ratio"] > 0 for t in tables for row in t["rows"])
    assert tables[2]["rows"][0]["ratio"] == 1
    for text in ("python -m benchmarks all --only growth", f"- cores: {machine()['cores']}"):
        assert text in page
    assert "## Growth with D" in page and "## Growth with D" in capsys.readouterr().out
    # Another machine's figures do not share a page.
    results.write_text(json.dumps({**found, "machine": {**found["machine"], "cores": 999}}))
    with pytest.raises(InputError, match="to be of this machine"):
        main(args)
    assert (tmp_path / "README.md").read_text() == page


def test_training_is_measured_against_the_bare_loop():
    policies, data = training_tables(0.01, [400, 800])
    assert [row["policy"] for row in policies.rows] == ["BC", "diffusion", "MAC", "IBC"]
    for row in policies.rows:
        assert row["ratio"] == pytest.approx(row["trainer [1/s]"] / row["bare loop [1/s]"])
    assert [row["steps of data"] for row in data.rows] == ["400", "800"]


def test_seeds_side_by_side_are_measured_against_one_after_another():
    row = _side_by_side("bc", 8, load_demonstrations("builtin"), 0.02, 1)
    ratio = SEEDS * row["a step of one seed [ms]"] / row[f"of {SEEDS} [ms]"]
    assert row["ratio"] == pytest.approx(ratio) and ratio > 0


def test_an_unknown_section_is_an_error(tmp_path):
    with pytest.raises(InputError, match=f"expected some of {', '.join(SECTIONS)}, got 'speed'"):
        main(Args(only=("speed",), out=tmp_path))


def test_a_table_says_what_was_not_measured():
    rows = [
        {"policy": "a", "time [ms]": 0.12345, "ratio": 1.0, "reward": [3.0, 2.5, 3.5]},
        {"policy": "b", "time [ms]": 1234.5, "ratio": 0.5, "reward": None},
    ]
    assert markdown(Table("Speed", "How fast.", rows), "make bench").splitlines() == [
        "## Speed",
        "",
        "How fast. `make bench`",
        "",
        "| policy | time [ms] | ratio | reward |",
        "|---|---:|---:|---:|",
        "| a | 0.123 | 1 | 3.00 [2.50, 3.50] |",
        "| b | 1,234 | 0.5 | - |",
    ]
