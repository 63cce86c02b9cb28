"""Address of the page: whether a port is free, and an address that other machines can open."""

from __future__ import annotations

import errno
import io
import secrets
import socket
from contextlib import suppress
from importlib import import_module
from typing import Any

from mac_control.errors import InputError

#: How many ports after a taken one are tried.
NEXT = 50


def expect_free(host: str, port: int) -> None:
    """Return if `port` can be listened on; 0 always can.

    Raises:
        InputError: it is taken (the message names the next free one), or this machine does not
            allow listening on this address or port.
    """
    if port == 0:
        return
    try:
        _listen(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise InputError(
                f"port: expected an address to listen on, got {host}:{port} ({error.strerror})"
            ) from error
        for free in range(port + 1, min(port + NEXT, 2**16)):
            with suppress(OSError):
                _listen(host, free)
                raise InputError(
                    f"port: {port} is taken, by another cockpit perhaps; add --port {free}, "
                    "which is free"
                ) from error
        raise InputError(f"port: {port} is taken; choose another with --port") from error


def reachable(host: str) -> str:
    """An address that another machine can open, if `host` stands for all of this one's."""
    if host not in ("0.0.0.0", "::"):
        return host
    family, elsewhere = socket.AF_INET, "192.0.2.1"
    if host == "::":
        family, elsewhere = socket.AF_INET6, "2001:db8::1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))  # sends nothing; finds our address for this route
        except OSError:
            return host
        return str(probe.getsockname()[0])


def new_token() -> str:
    """A secret for one session, 22 characters."""
    return secrets.token_urlsafe(16)


def qr_code(text: str) -> str:
    """`text` as a QR code of characters, for a phone to read from a terminal.

    Raises:
        InputError: segno is not installed.

    Example:
        >>> len(qr_code("http://192.168.1.7:8765/").splitlines()) > 10
        True
    """
    try:
        segno: Any = import_module("segno")
    except ImportError as error:
        raise InputError(
            "segno: expected the package, got none; pip install 'mac-control[cockpit]'"
        ) from error
    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, compact=True, border=2)
    return out.getvalue()


def _listen(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family):
        pass
