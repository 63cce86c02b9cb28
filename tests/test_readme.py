"""Every Python block of the README and of the documentation runs, each in an empty folder.

The README's shell commands run too, in their order, in one folder.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

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
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in lines[2:-1]:
        if line.startswith("make "):
            line = recipe(line.removeprefix("make "))
        program, verb, *_ = shlex.split(line)
        assert program == "mac-control"
        done = subprocess.run(
            f"{line} {SMALLER.get(verb, '')}", shell=True, cwd=tmp_path, text=True,
            env={**os.environ, "PATH": path}, capture_output=True,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}: {done.stdout} {done.stderr}"
        if verb == "demo":  # its last line is the README's next one
            drive = lines[lines.index("make demo") + 1]
            assert done.stdout.splitlines()[-1] == f"Now drive: {drive}"
    assert re.search(r"^\| before .*\n\| after ", done.stdout, re.MULTILINE)


def recipe(target):
    """The command of a target of the Makefile, without what is optional in it."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    command = re.search(rf"^{target}:.*\n\t(.*)$", text, re.MULTILINE)[1]
    return re.sub(r" \$\(if .*\)$", "", command).replace("$(BIN)/", "")
