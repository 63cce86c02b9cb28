"""`mac-control doctor` tells what is wrong, and completion completes in a real bash."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mac_control.cli import VERBS, run
from mac_control.scripts import completion, doctor


def diagnosis(capsys, *argv):
    """Exit status, and each line's status and text by name."""
    with pytest.raises(SystemExit) as status:
        run(doctor.main, argv)
    out = capsys.readouterr().out.splitlines()
    lines = [line.split(None, 2) for line in out if line.startswith(("ok", "note", "FAIL"))]
    return status.value.code, {name: (mark, text) for mark, name, text in lines}


def test_a_machine_that_is_ready_is_called_so(capsys, tmp_path, monkeypatch):
    monkeypatch.delenv("MAC_CONTROL_DATA", raising=False)
    status, lines = diagnosis(capsys, "--out", str(tmp_path), "--data", "builtin")
    assert status == 0 and "FAIL" not in {mark for mark, _ in lines.values()}
    names = "python torch mujoco rendering data extras devices port disk packages"
    assert list(lines) == names.split()
    assert lines["mujoco"][0] == "ok" and "a body falls" in lines["mujoco"][1]
    assert "250 episodes" in lines["data"][1] and "network" in lines["devices"][1]
    films = lines["rendering"][0] == "ok"
    assert ("libosmesa6 for films" in lines["packages"][1]) is not films
    assert films or "install libosmesa6" in lines["rendering"][1]


def test_what_is_wrong_is_named_with_what_to_do(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_mujoco", lambda: "looked at above")
    monkeypatch.setattr(doctor, "_devices", lambda: "looked at above")
    monkeypatch.setenv("MUJOCO_GL", "crayons")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, lines = diagnosis(
            capsys, "--data", str(tmp_path / "none.hdf5"), "--port", str(port), "--out", "/proc"
        )
    assert status == 1
    assert lines["data"][0] == "FAIL" and "none.hdf5" in lines["data"][1]
    assert "mac-control data list" in lines["data"][1]
    assert lines["disk"][0] == "FAIL" and "--out" in lines["disk"][1]
    assert lines["port"][0] == "note" and f"--port {port % 60000 + 1}" in lines["port"][1]
    assert lines["rendering"][0] == "note" and "MUJOCO_GL" in lines["rendering"][1]
    assert lines["torch"][0] == "ok"


def test_it_answers_where_torch_is_broken(tmp_path):
    (tmp_path / "torch").mkdir()
    broken = 'raise ImportError("libtorch_cpu.so: cannot open shared object file")'
    (tmp_path / "torch" / "__init__.py").write_text(broken)
    done = subprocess.run(
        [sys.executable, "-m", "mac_control.scripts.doctor"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "FAIL  torch      cannot be imported: libtorch_cpu.so" in done.stdout
    assert "ok    disk" in done.stdout and "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The completion script for bash."""
    command = [Path(sys.executable).with_name("mac-control"), "completion", "bash"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    path = tmp_path_factory.mktemp("completion") / "mac-control"
    path.write_text(made)
    return path


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mac-control tr", {"train"}),
        ("mac-control ", set(VERBS)),
        ("mac-control data ch", {"check"}),
        ("mac-control data info --d", {"--data"}),
        ("mac-control train --pol", {"--policy"}),
        ("mac-control train --scale ", {"demo", "full"}),
    ],
)
def test_bash_completes(script, typed, expected):
    # As bash does it: the words and the line in variables, then the function it was told of.
    code = """
    source "$1"
    function=$(complete -p mac-control | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
    COMP_LINE=$2; COMP_POINT=${#COMP_LINE}
    read -ra COMP_WORDS <<< "$2"
    [[ $2 == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    "$function" mac-control "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", code, "bash", script, typed], capture_output=True, text=True
    )
    offered = set(done.stdout.split())
    assert expected <= offered and offered <= expected | {"-h", "--help"}, done


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(shell, capsys):
    with pytest.raises(SystemExit) as status:
        run(completion.main, [shell])
    assert status.value.code in (0, None)
    assert "teleoperate" in capsys.readouterr().out
