"""The reader of what a server answers to a download."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from benchmarks.faults.readers.base import Reader, damaged
from benchmarks.faults.readers.files import Hdf5
from mac_control.demonstrations import download


class Http(Reader):
    """Answers to a download: any status, headers and body, cut off anywhere."""

    count = 1_500

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        Hdf5(folder)
        self.body = (folder / "good.hdf5").read_bytes()
        reader = self

        class Answer(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    self.request.recv(65536)
                    self.request.sendall(reader.answer)

        self.answer = b""
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answer)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def cases(self) -> st.SearchStrategy:
        number = st.sampled_from(
            ("0", "-1", "5", "99999999999999999999", "x", "²", str(len(self.body)))
        )
        header = st.one_of(
            number.map(lambda n: f"Content-Length: {n}"),
            st.tuples(number, number, number).map(
                lambda t: f"Content-Range: bytes {t[0]}-{t[1]}/{t[2]}"
            ),
            st.text("abc:=-/* ;é", max_size=12).map(lambda t: f"ETag: {t}"),
            st.text("abc:=-/* ;", max_size=12).map(lambda t: f"Transfer-Encoding: {t}"),
            st.just("Transfer-Encoding: chunked"),
            st.text("abc:-/ ", max_size=9),
        )  # fmt: skip
        status = st.sampled_from((200, 206, 204, 301, 302, 404, 416, 500, 999))
        body = st.just(self.body) | damaged(self.body) | st.binary(max_size=64)
        whole = st.tuples(status, st.lists(header, max_size=3), body).map(
            lambda t: f"HTTP/1.1 {t[0]} x\r\n{chr(10).join(t[1])}\r\n\r\n".encode() + t[2]
        )
        return whole | whole.flatmap(lambda t: damaged(t[:300])) | st.binary(max_size=64)

    def read(self, case: Any) -> None:
        self.answer = case
        path = self.folder / "fetched.hdf5"
        path.write_text("the good old file")
        url = f"http://127.0.0.1:{self.server.server_address[1]}/data.hdf5"
        try:
            with patch.object(download.time, "sleep", lambda _: None), patch.object(
                download, "_TIMEOUT", 2
            ):  # fmt: skip
                download.download_file(url, path, progress=False)
        except Exception:
            if path.read_text() != "the good old file":
                raise AssertionError("the old file was harmed") from None
            raise
        finally:
            for part in self.folder.glob(".fetched*"):
                part.unlink()
