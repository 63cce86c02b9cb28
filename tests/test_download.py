"""Downloads over HTTP from a real local server that breaks connections."""

import http.server
import threading
from functools import partial

import h5py
import numpy as np
import pytest

from mac_control import DataError
from mac_control.checksums import sha256
from mac_control.cli import run_named
from mac_control.demonstrations.download import download_file


class Server(http.server.SimpleHTTPRequestHandler):
    """Answers ranges; breaks each of the first `breaks` answers after `allow` bytes."""

    breaks, allow, requests = 0, 0, ()
    then = None  # what `breaks` and `allow` are after the next break

    def do_GET(self):
        type(self).requests = (*self.requests, self.headers.get("Range"))
        asked = self.path.partition("?")[0]
        content = self.file.read_bytes() if asked.endswith("data.hdf5") else None
        if content is None:
            self.send_error(404)
            return
        start = int((self.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        if self.headers.get("If-Range") not in (None, f'"{self.version}"'):
            start = 0  # another version of the file by now
        if start >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{self.version}"')
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if type(self).breaks > 0:
            type(self).breaks -= 1
            self.wfile.write(content[start : start + self.allow])
            type(self).breaks, type(self).allow = self.then or (self.breaks, self.allow)
            self.wfile.flush()
            self.connection.close()
        else:
            self.wfile.write(content[start:])

    def log_message(self, *args): ...


@pytest.fixture
def served(tmp_path):
    """A server, the address of its file, and the file."""
    source = tmp_path / "served" / "data.hdf5"
    source.parent.mkdir()
    with h5py.File(source, "w") as file:
        file["observations"] = np.random.default_rng(0).normal(size=(5000, 4))
    handler = type("Handler", (Server,), {"file": source, "version": "one"})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(handler)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield handler, f"http://127.0.0.1:{server.server_port}/data.hdf5", source
        server.shutdown()


def test_a_broken_connection_is_taken_up_where_it_broke(served, tmp_path):
    handler, url, source = served
    handler.breaks, handler.allow = 3, 30_000
    path = download_file(url, tmp_path / "got.hdf5", sha256(source), progress=False)
    assert path.read_bytes() == source.read_bytes()
    assert handler.requests == (None, "bytes=30000-", "bytes=60000-", "bytes=90000-")
    assert [p.name for p in tmp_path.glob(".got*")] == []


def break_after(handler, url, path, received):
    """A download that ends without the file, `received` bytes having come."""
    handler.breaks, handler.allow, handler.then = 1, received, (100, 0)
    with pytest.raises(DataError, match="gave up after 4 tries without progress"):
        download_file(url, path, progress=False)
    handler.breaks, handler.then = 0, None


def test_what_came_is_kept_for_the_next_call_and_never_shown_as_the_file(served, tmp_path):
    handler, url, source = served
    path = tmp_path / "got.hdf5"
    path.write_text("the good old file")
    break_after(handler, url, path, 50_000)
    assert path.read_text() == "the good old file"
    assert download_file(url, path, progress=False).read_bytes() == source.read_bytes()
    assert handler.requests[-1] == "bytes=50000-"


def test_parts_of_two_versions_are_never_mixed(served, tmp_path):
    handler, url, source = served
    path = tmp_path / "got.hdf5"
    break_after(handler, url, path, 50_000)
    with h5py.File(source, "w") as file:
        file["observations"] = np.zeros((5000, 4))
    handler.version = "two"
    assert download_file(url, path, progress=False).read_bytes() == source.read_bytes()


def test_a_whole_part_needs_no_more_bytes(served, tmp_path):
    handler, url, source = served
    path = tmp_path / "got.hdf5"
    break_after(handler, url, path, 50_000)
    (tmp_path / ".got.hdf5.part").write_bytes(source.read_bytes())
    assert download_file(url, path, progress=False).read_bytes() == source.read_bytes()


def test_a_wrong_checksum_a_missing_file_and_no_server_are_sentences(served, tmp_path):
    _, url, _ = served
    path = tmp_path / "got.hdf5"
    with pytest.raises(DataError, match="expected SHA-256 00, got"):
        download_file(url, path, "00", progress=False)
    with pytest.raises(DataError, match="expected a file, got HTTP 404"):
        download_file(url.replace("data", "other"), path, progress=False)
    with pytest.raises(DataError, match="expected a network"):
        download_file("http://127.0.0.1:9/data.hdf5", path, progress=False)
    assert list(tmp_path.glob("*got*")) == []


@pytest.mark.parametrize(("path", "name"), [("/", None), ("/data.hdf5?download=true", "data.hdf5")])
def test_the_name_of_the_file_is_that_in_the_address(served, tmp_path, capsys, path, name):
    from mac_control.scripts.data import NAMES, PACKAGE

    argv = ["download", served[1].rsplit("/", 1)[0] + path, "--out", str(tmp_path / "got")]
    with pytest.raises(SystemExit) as ended:
        run_named(PACKAGE, NAMES, "mac-control data", argv)
    if name is None:
        assert ended.value.code == 2
        assert "name: expected the address of a file, got 'http" in capsys.readouterr().err
    else:
        assert ended.value.code == 0
        assert [file.name for file in (tmp_path / "got").iterdir()] == [name]


def test_the_verb_fetches_an_address_once(served, tmp_path, capsys):
    from mac_control.scripts.data import NAMES, PACKAGE

    handler, url, source = served
    argv = ["download", url, "--out", str(tmp_path), "--sha256", sha256(source)]
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            run_named(PACKAGE, NAMES, "mac-control data", argv)
        assert ended.value.code == 0
        assert capsys.readouterr().out.strip() == str(tmp_path / "data.hdf5")
    assert len(handler.requests) == 1
    with pytest.raises(SystemExit) as ended:  # a checksum is held against what is there, too
        run_named(PACKAGE, NAMES, "mac-control data", [*argv[:-1], "00"])
    assert ended.value.code == 2
    assert "data.hdf5: expected SHA-256 00, got" in capsys.readouterr().err
