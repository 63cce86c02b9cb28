"""Messages over the network, and who may send them."""

from __future__ import annotations

import hmac
import ipaddress
import json
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from mac_control.errors import InputError

#: Longest message that is read [bytes]; a longer one closes the connection.
MAX_MESSAGE = 16 * 1024
MAX_NAMES = 64


def parse_message(text: str | bytes) -> tuple[dict[str, float], frozenset[str]]:
    """Axes and held buttons of `{"axes": {name: number}, "buttons": [name]}`.

    A message is the whole state: what it does not name is at rest.

    Raises:
        InputError: not such an object, a number that is not finite, too many names.

    Example:
        >>> parse_message('{"axes": {"dim1": 0.5}, "buttons": ["mine1"]}')
        ({'dim1': 0.5}, frozenset({'mine1'}))
    """
    if len(text) > MAX_MESSAGE:
        raise InputError(f"message: expected at most {MAX_MESSAGE} bytes, got {len(text)}")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"message: expected JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"message: expected an object, got {type(value).__name__}")
    axes, buttons = value.get("axes", {}), value.get("buttons", [])
    if not isinstance(axes, dict) or not isinstance(buttons, list):
        raise InputError("message: expected axes to be an object and buttons a list")
    if len(axes) > MAX_NAMES or len(buttons) > MAX_NAMES:
        raise InputError(f"message: expected at most {MAX_NAMES} axes and as many buttons")
    if not all(isinstance(name, str) for name in buttons):
        raise InputError("message: expected buttons to be names")
    return {name: _number(name, x) for name, x in axes.items()}, frozenset(buttons)


def check_bind(host: str, port: int, remote: bool, token: str | None) -> None:
    """Let a server listen on `host` only if that is safe or explicitly allowed.

    Raises:
        InputError: an address beyond this machine without the flag and a token of 16 characters,
            a token that does not fit into an address, or an impossible port.
    """
    if not 0 <= port < 2**16:
        raise InputError(f"port: expected a number from 0 to {2**16 - 1}, got {port}")
    if token is not None and quote(token, safe="") != token:
        raise InputError(
            f"token: expected letters, digits, '-', '.', '_' and '~', got {token!r}; leave out the "
            "others"
        )
    if _is_loopback(host):
        return
    if not remote or token is None or len(token) < 16:
        raise InputError(
            f"host: expected 127.0.0.1, or --remote and a --token of at least 16 characters, "
            f"got {host}"
        )


def refusal(path: str, headers: Mapping[str, str], host: str, token: str | None) -> str | None:
    """Why a request may not be served, or None.

    A page of another site must not drive the robot: its `Origin` differs from the requested
    `Host`. Nor must a foreign name that was made to point at this machine: on a loopback
    address the `Host` must be a loopback name. A token must be in the query or cookie.
    """
    asked = headers.get("Host", "")
    origin = headers.get("Origin")
    try:
        site = None if origin is None else urlsplit(origin).netloc
        name, query = urlsplit(f"//{asked}").hostname or "", urlsplit(path).query
    except ValueError:  # such as half an IPv6 address
        return "the address makes no sense"
    if site is not None and site != asked:
        return "the page is of another site"
    if _is_loopback(host) and not _is_loopback(name):
        return "the host name is not this machine's"
    if token is not None:
        said = parse_qs(query).get("token", []) + _cookies(headers)
        if not any(hmac.compare_digest(_bytes(s), _bytes(token)) for s in said):
            return "the token is missing or wrong"
    return None


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _cookies(headers: Mapping[str, str]) -> list[str]:
    pairs = (part.strip().partition("=") for part in headers.get("Cookie", "").split(";"))
    return [value for name, _, value in pairs if name.startswith("mac_control_token")]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _number(name: str, x: Any) -> float:
    try:
        number = math.nan if isinstance(x, bool) or not isinstance(x, int | float) else float(x)
    except OverflowError:  # an integer that no float holds
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"message axis {name!r}: expected a finite number, got {x!r:.40}")
    return number
