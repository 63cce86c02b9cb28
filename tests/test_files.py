"""Files are whole or absent, whatever happens while they are written."""

import json
import os
import signal
import subprocess
import sys

import pytest

from mac_control.checksums import sha256
from mac_control.errors import InputError
from mac_control.files import _swept, atomic_folder, atomic_path, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "results.json"
    write_text(path, "good")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "good"
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_a_device_is_written_to_and_a_file_is_no_folder(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_json(pipe, [1])
    assert json.loads(os.read(reader, 100)) == [1] and pipe.is_fifo()
    os.close(reader)
    (tmp_path / "file").write_text("a")
    with pytest.raises(InputError, match="expected a folder or nothing, found a file"):
        atomic_folder(tmp_path / "file").__enter__()
    assert (tmp_path / "file").read_text() == "a" and len(list(tmp_path.iterdir())) == 2


def test_json_is_strict_and_checksums_tell_files_apart(tmp_path):
    write_json(tmp_path / "a.json", {"reward": 3.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"reward": 3.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"reward": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"reward": 3.5}
    write_text(tmp_path / "b.json", "{}")
    assert sha256(tmp_path / "a.json") != sha256(tmp_path / "b.json")


LEAVES = """
import os, sys
from mac_control.files import atomic_folder, atomic_path

with atomic_folder(sys.argv[1] + "/set") as folder, atomic_path(sys.argv[1] + "/a.json") as path:
    path.write_text("half")
    if len(sys.argv) > 2:
        os.rename(sys.argv[1] + "/set", str(folder) + "/replaced")
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("replacing", [(), ("replacing",)])
def test_what_a_killed_writer_left_is_removed_by_the_next_and_a_folder_put_back(
    tmp_path, replacing
):
    (tmp_path / "set").mkdir()
    write_text(tmp_path / "set" / "data", "good")
    code = subprocess.run([sys.executable, "-c", LEAVES, str(tmp_path), *replacing]).returncode
    assert code == -signal.SIGKILL and len(list(tmp_path.glob(".*"))) == 2
    _swept.clear()
    with atomic_path(tmp_path / "a.json") as mine:
        _swept.clear()
        write_text(tmp_path / "b.json", "{}")
        assert mine.exists()  # whoever still writes is left alone
    assert list(tmp_path.glob(".*")) == []
    assert (tmp_path / "set" / "data").read_text() == "good"
