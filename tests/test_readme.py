"""Every Python block of the README and of the documentation runs, each in an empty folder.

The README's shell commands run too, in their order, in one folder.
"""

import re
import shlex
from pathlib import Path

import pytest
from typed import type_commands

from mac_control.demonstrations import load_demonstrations, save_minari

ROOT = Path(__file__).parent.parent
#: Pages whose blocks need what only another test makes, and that run there.
ELSEWHERE = {"export.md": "test_export.py", "density.md": "test_density_model.py"}
PAGES = [p for p in sorted((ROOT / "docs").glob("*.md")) if p.name not in ELSEWHERE]
PAGES = [ROOT / "README.md", *PAGES]
BLOCKS = [
    pytest.param(page, block, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_the_block_runs(page, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, page.name, "exec"), {"__name__": "readme"})


#: What a command gets besides the README's words: it takes seconds, and needs nobody.
SMALLER = {
    "demo": "--steps 3 --episodes 1 --episode-steps 40 --num-given 1 --workers 1",
    "teleoperate": "--no-cockpit --device replay --options recording=person --steps 30 --speed 8",
    "train": "--steps 5",
    "evaluate": "--episodes 1 --episode-steps 9 --workers 1",
}


def test_the_shell_commands_run_in_the_order_in_which_they_stand(tmp_path):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = [
        line.partition("#")[0].strip()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
    ]
    lines = [line for line in lines if line]
    assert lines[:2] == [
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install -c constraints.txt -e '.[cockpit]'",
    ]
    assert lines[-1] == "make test"
    save_minari(load_demonstrations("builtin").select([0]), str(tmp_path / "person"))
    typed = []
    for line in lines[2:-1]:
        if line.startswith("make "):
            line = recipe(line.removeprefix("make "))
        program, verb, *_ = shlex.split(line)
        assert program == "mac-control"
        typed.append(f"{line} {SMALLER.get(verb, '')}")
    said = type_commands(typed, tmp_path)
    (demo,) = (out for line, out in said.items() if line.split()[1] == "demo")
    drive = lines[lines.index("make demo") + 1]  # the demo's last line is the README's next one
    assert demo.splitlines()[-1] == f"Now drive: {drive}"
    assert re.search(r"^\| before .*\n\| after ", said[typed[-1]], re.MULTILINE)


def recipe(target):
    """The command of a target of the Makefile, without what is optional in it."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    command = re.search(rf"^{target}:.*\n\t(.*)$", text, re.MULTILINE)[1]
    return re.sub(r" \$\(if .*\)$", "", command).replace("$(BIN)/", "")
