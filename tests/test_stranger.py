"""A stranger's environment, from `pip install` to an evaluated table, by the pages alone.

Files and commands are taken from `docs/own-environment.md`, word for word.
"""

import csv
import functools
import json
import os
import re
import sys
from pathlib import Path

import pytest
from typed import type_commands

PAGE = (Path(__file__).parent.parent / "docs" / "own-environment.md").read_text(encoding="utf-8")


def part(heading):
    """A section of the page."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)[1]


def write_files(text, folder):
    """The blocks that have a file's name as title, as files."""
    found = re.findall(r'```\w+ title="(.*?)"\n(.*?)```', text, re.DOTALL)
    for name, content in found:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    return [name for name, _ in found]


def commands(text):
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()]  # fmt: skip


@pytest.fixture
def typed(tmp_path):
    """Types commands in an empty folder, where `pip install` leaves this environment as it is."""
    site = tmp_path / "site"
    home = Path(sys.executable).parent
    environment = {
        **{k: v for k, v in os.environ.items() if k != "MAC_CONTROL_DATA"},
        "PATH": f"{home}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(site),
        "PIP_TARGET": str(site),
        "PIP_NO_DEPS": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say that there is no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "OMP_NUM_THREADS": "1",
    }
    work = tmp_path / "work"
    work.mkdir()
    return work, functools.partial(type_commands, cwd=work, environment=environment)


def rows(folder):
    return json.loads((folder / "results.json").read_text())["rows"]


def test_a_package_goes_from_pip_install_to_a_table_and_back_to_the_robot(typed):
    folder, run = typed
    text = part("A package of your own")
    assert "bench-arm/pyproject.toml" in write_files(text, folder)
    said = run(commands(text))

    (looked,) = (out for command, out in said.items() if " doctor " in command)
    assert "4 action dimensions (turn, shoulder, elbow, hand)" in looked
    assert "positions of 4 known, 4 with feedback" in looked and "return and success" in looked

    table = rows(folder / "runs" / "table")
    assert {row["operator"] for row in table} == {"nobody", "reach:Reach", "tracker"}
    assert {row["measured"] for row in table} == {"return"}
    by_operator = {(row["operator"], row["num_given"]): row for row in table}
    assert by_operator["nobody", 0]["success_rate"] >= 0.8  # it has learnt to reach
    markdown = (folder / "runs" / "table" / "results.md").read_text()
    assert markdown.startswith("Return, mean") and "Success rate." in markdown

    (driven,) = (out for command, out in said.items() if " rollout " in command)
    assert "given shoulder, elbow, hand" in driven and "mean return" in driven
    assert "success rate" in driven

    recorded = json.loads((folder / "drives" / "data" / "metadata.json").read_text())
    assert recorded["mac_control"]["env"] == {"id": "bench-arm", "options": {}}
    assert recorded["mac_control"]["robot"]["actions"][3]["label"] == "hand"
    assert (folder / "reach.onnx").stat().st_size > 1000


def test_ones_own_data_in_three_commands(typed):
    folder, run = typed
    text = part("A Gymnasium environment and your own data")
    assert write_files(text, folder) == ["record.py"]
    prepare, *three = commands(text)
    assert prepare == "python record.py" and len(three) == 3
    run([prepare, *three])
    out = folder / "runs" / "cheetah-table"
    with open(out / "results.csv", newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["num_given"] for row in table] == ["0", "1", "3", "5"]
    assert {(row["measured"], row["success_rate"]) for row in table} == {("return", "")}
    assert "Success rate" not in (out / "results.md").read_text()
