"""The cockpit's server: serves the page, controls access, and passes the 3D view through."""

from __future__ import annotations

import asyncio
import http
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import resources
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mac_control.errors import InputError
from mac_control.teleop.device import DeviceError, needs
from mac_control.teleop.messages import MAX_MESSAGE, check_bind, refusal

#: Pages that may be open at once; each has one connection for driving and one for the 3D view.
MAX_CLIENTS = 4
PAGES = {"/": ("page.html", "text/html; charset=utf-8")}
PAGES |= {
    f"/{name}.js": (f"{name}.js", "text/javascript; charset=utf-8")
    for name in ("page", "banner", "dims", "link", "scene", "sticks", "tour", "trust")
}
PAGES |= {f"/{name}.css": (f"{name}.css", "text/css; charset=utf-8") for name in ("page", "phone")}
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'self'"


class Front:
    """Listens on one port, in a thread of its own.

    Everything comes in here, so the rules are here: only this machine unless allowed otherwise, and
    then with a token; no page of another site; limits on clients and message length. The 3D view is
    a viser server that listens on this machine alone; its connections are passed through.

    Args:
        host, port: where to listen; port 0 takes a free one.
        remote, token: see `check_bind`.
        view: port of the viser server, or None for a page without a 3D view.
        view_page: viser's page.
        on_message: called with (client, text) for each message of the page.
        on_leave: called with (client) when a page is closed.

    Raises:
        InputError: an address that is not safe.
        DeviceError: the port is taken.
    """

    def __init__(
        self,
        host: str,
        port: int,
        remote: bool,
        token: str | None,
        view: int | None,
        view_page: bytes,
        on_message: Callable[[int, str | bytes], None],
        on_leave: Callable[[int], None],
    ) -> None:
        check_bind(host, port, remote, token)
        self.host, self.port, self.token = host, port, token
        self._view, self._view_page = view, view_page
        self._on_message, self._on_leave = on_message, on_leave
        self._server: Any = needs("websockets.asyncio.server", "cockpit")
        self._client: Any = needs("websockets.asyncio.client", "cockpit")
        self._http: Any = needs("websockets.http11", "cockpit")
        self._headers: Any = needs("websockets.datastructures", "cockpit").Headers
        self._pages: dict[int, Any] = {}
        self._counts = {"/ws": 0, "/view": 0}
        self._latest: str | None = None
        self._notes: list[tuple[int | None, str]] = []
        self._number = 0
        self._loop = asyncio.new_event_loop()
        self._fresh = asyncio.Event()
        self._stop = asyncio.Event()
        started: Any = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait()
        if self._error is not None:
            raise DeviceError(f"cockpit: cannot listen on {host}:{port}: {self._error}")

    def publish(self, state: dict[str, Any]) -> None:
        """Show `state` on every page; from any thread. A slow page skips some states."""
        text = json.dumps(state, allow_nan=False)
        self._loop.call_soon_threadsafe(self._publish, text)

    def note(self, text: str, client: int | None = None, bad: bool = False) -> None:
        """Show a message on one page, or on all; from any thread. `bad`: something went wrong."""
        with suppress(RuntimeError):  # closed in the meantime
            self._loop.call_soon_threadsafe(self._note, text, client, bad)

    def close(self) -> None:
        """Close every connection and stop listening."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=5)

    def _run(self, started: Any) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen(started))
        except Exception as error:  # any error must reach the thread that waits for the start
            if started.is_set():
                raise
            self._error = error
            started.set()
        finally:
            self._loop.close()

    async def _listen(self, started: Any) -> None:
        async with self._server.serve(
            self._serve,
            self.host,
            self.port,
            max_size=MAX_MESSAGE,
            compression=None,
            process_request=self._answer,
            select_subprotocol=lambda _, names: names[0] if names else None,
            server_header=None,
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            await self._stop.wait()

    def _answer(self, connection: Any, request: Any) -> Any:
        """Refuse a request, answer it, or return None to let a WebSocket through."""
        reason = refusal(request.path, request.headers, self.host, self.token)
        if reason is not None:
            return self._page(http.HTTPStatus.FORBIDDEN, f"{reason}\n".encode(), "text/plain")
        path = request.path.partition("?")[0]
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if path not in self._counts or (path == "/view" and self._view is None):
                return self._page(http.HTTPStatus.NOT_FOUND, b"not here\n", "text/plain")
            if self._counts[path] >= MAX_CLIENTS:
                status = http.HTTPStatus.SERVICE_UNAVAILABLE
                return self._page(status, b"too many clients\n", "text/plain")
            return None
        if path == "/view/" and self._view is not None:
            return self._page(http.HTTPStatus.OK, self._view_page, "text/html; charset=utf-8", "")
        if path not in PAGES:
            return self._page(http.HTTPStatus.NOT_FOUND, b"not here\n", "text/plain")
        name, kind = PAGES[path]
        body = (resources.files("mac_control.cockpit") / name).read_bytes()
        return self._page(http.HTTPStatus.OK, body, kind)

    def _page(self, status: Any, body: bytes, kind: str, policy: str = POLICY) -> Any:
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
        }
        if policy:
            headers["Content-Security-Policy"] = policy
        if self.token is not None and status == http.HTTPStatus.OK:
            name = f"mac_control_token_{self.port}"  # browsers send cookies to every port of a host
            cookie = f"{name}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            headers["Set-Cookie"] = cookie
        return self._http.Response(status.value, status.phrase, self._headers(headers), body)

    async def _serve(self, connection: Any) -> None:
        path = connection.request.path.partition("?")[0]
        if self._counts[path] >= MAX_CLIENTS:  # two came at the same moment
            await connection.close(1013, "too many clients")
            return
        self._counts[path] += 1
        try:
            await (self._drive(connection) if path == "/ws" else self._pass(connection))
        finally:
            self._counts[path] -= 1

    async def _drive(self, connection: Any) -> None:
        self._number += 1
        number = self._number
        self._replace(connection)
        self._pages[number] = connection
        talking = asyncio.create_task(self._talk(connection, number))
        try:
            async for message in connection:
                self._on_message(number, message)
        except Exception as error:  # a broken connection has left, whatever broke it
            self._broken = str(error)
        finally:
            talking.cancel()
            del self._pages[number]
            self._on_leave(number)

    def _replace(self, connection: Any) -> None:
        """Drop the same page's earlier connection, as a dead one is noticed late."""
        name = parse_qs(urlsplit(connection.request.path).query).get("page")
        for other in list(self._pages.values()):
            if name and name == parse_qs(urlsplit(other.request.path).query).get("page"):
                other.transport.abort()

    async def _talk(self, connection: Any, number: int) -> None:
        await connection.send(json.dumps({"you": number}))
        sent = None
        while True:
            if self._latest is None or self._latest is sent:
                await self._fresh.wait()
                continue
            sent = self._latest
            await connection.send(sent)  # waits for a slow page; newer states replace older ones

    def _publish(self, text: str) -> None:
        self._latest = text
        self._fresh.set()
        self._fresh = asyncio.Event()

    def _note(self, text: str, client: int | None, bad: bool) -> None:
        for number, connection in list(self._pages.items()):
            if client in (None, number):
                task = self._loop.create_task(
                    connection.send(json.dumps({"note": text, "bad": bad}))
                )
                task.add_done_callback(lambda t: t.exception())

    async def _pass(self, connection: Any) -> None:
        names = [connection.subprotocol] if connection.subprotocol else None
        async with self._client.connect(
            f"ws://127.0.0.1:{self._view}/",
            subprotocols=names,
            compression=None,
            max_size=None,
            proxy=None,
        ) as inner:
            pipes = [
                asyncio.create_task(_pipe(connection, inner)),
                asyncio.create_task(_pipe(inner, connection)),
            ]
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)


async def _pipe(source: Any, sink: Any) -> None:
    async for message in source:
        await sink.send(message)


def check_command(text: str | bytes) -> tuple[str, Any] | None:
    """The command in `{"command": name, "argument": ...}`; None if the message is not a command.

    Raises:
        InputError: a command that is not text, or an argument that is neither number nor text.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or "command" not in value:
        return None
    command, argument = value["command"], value.get("argument")
    if not isinstance(command, str) or not isinstance(argument, int | float | str | None):
        raise InputError("command: expected text, and a number or text as its argument")
    return command, argument
