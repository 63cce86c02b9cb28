"""Files are whole or absent, whatever happens while they are written."""

import json

import pytest

from mac_control.files import atomic_path, sha256, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "results.json"
    write_text(path, "good")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "good"
    assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


def test_json_is_strict_and_checksums_tell_files_apart(tmp_path):
    write_json(tmp_path / "a.json", {"reward": 3.5})
    assert json.loads((tmp_path / "a.json").read_text()) == {"reward": 3.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"reward": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"reward": 3.5}
    write_text(tmp_path / "b.json", "{}")
    assert sha256(tmp_path / "a.json") != sha256(tmp_path / "b.json")
