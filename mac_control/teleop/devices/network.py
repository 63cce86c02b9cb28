"""Driving from another program: JSON over a WebSocket."""

from __future__ import annotations

import http
import threading
import time
from dataclasses import replace
from typing import Any

from mac_control.errors import InputError
from mac_control.teleop.device import Device, DeviceError, DeviceState, needs
from mac_control.teleop.messages import MAX_MESSAGE, check_bind, parse_message, refusal


class Inbox(Device):
    """The latest message, from any thread; the cockpit's page fills one too.

    A malformed message is counted and dropped: the sender then counts as silent.
    """

    def __init__(self) -> None:
        self._state = DeviceState()
        self._tapped: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self.dropped = 0

    def connect(self) -> None: ...

    def read(self) -> DeviceState:
        with self._lock:
            # A button that was released before this reading still counts once.
            buttons, self._tapped = self._state.buttons | self._tapped, frozenset()
            return replace(self._state, buttons=buttons)

    def put(self, text: str | bytes) -> bool:
        """Take a message in; returns whether it made sense, raises nothing."""
        now = time.monotonic()
        try:
            axes, buttons = parse_message(text)
        except InputError:
            with self._lock:
                self.dropped += 1
            return False
        with self._lock:
            last = self._state
            self._tapped |= buttons - last.buttons
            same = (axes, buttons) == (last.axes, last.buttons)
            self._state = DeviceState(axes, buttons, now, last.changed if same else now)
        return True

    def clear(self) -> None:
        """The sender has gone: it counts as silent; what it tapped still counts, as a stop may."""
        with self._lock:
            self._state = DeviceState()


class Network(Inbox):
    """Listens for `{"axes": {"dim1": 0.5}, "buttons": ["mine1"]}`, from one client at a time.

    The client sends its whole state at least every 50 ms, even when nothing changes: a watchdog
    gives its dimensions back to the robot when it falls silent.

    Args:
        host, port: where to listen; port 0 takes a free one, see `port` after `connect`.
        remote: allow a host other than this machine; then a token is needed.
        token: what a client must put in its address as `?token=`.
    """

    mapping = "network"

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8766,
        remote: bool = False,
        token: str | None = None,
    ) -> None:
        super().__init__()
        check_bind(host, port, remote, token)
        self.host, self.port, self._token = host, port, token
        self._server: Any = None
        self._busy = threading.Lock()

    def connect(self) -> None:
        if self._server is not None:
            return
        server = needs("websockets.sync.server", "network")
        try:
            self._server = server.serve(
                self._serve,
                self.host,
                self.port,
                max_size=MAX_MESSAGE,
                compression=None,
                process_request=self._admit,
                ping_interval=1,  # a connection that died must not keep its program out for long
                ping_timeout=2,
            )
        except OSError as error:
            raise DeviceError(
                f"network: cannot listen on {self.host}:{self.port}: {error}"
            ) from None
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """The address for clients, once it listens; without the token."""
        return f"ws://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}/"

    def close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server = None
        self.clear()

    def _admit(self, connection: Any, request: Any) -> Any:
        reason = refusal(request.path, request.headers, self.host, self._token)
        if reason is not None:
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"{reason}\n")
        return None

    def _serve(self, connection: Any) -> None:
        if not self._busy.acquire(blocking=False):
            connection.close(1013, "another client is driving")
            return
        try:
            for message in connection:
                self.put(message)
        except Exception as error:  # a broken connection counts as silent, whatever broke it
            self._log = str(error)
        finally:
            self.clear()
            self._busy.release()
