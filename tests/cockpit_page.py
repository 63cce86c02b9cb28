"""The cockpit's page as a test drives it: a connection, and what it is told."""

import json
import time
from contextlib import contextmanager


@contextmanager
def page(cockpit, **options):
    from websockets.sync.client import connect

    url = cockpit.url.replace("http", "ws")
    url = url.replace("/?", "/ws?") if "?" in url else url + "ws"
    with connect(url, **options) as client:
        yield client


def until(client, condition, say=None, seconds=120.0):
    """The first state for which `condition` holds, saying `say` meanwhile as the page would."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if say is not None:
            client.send(json.dumps(say))
        state = json.loads(client.recv(timeout=seconds))
        begun = "given" in state or state.get("paused")  # a running loop's first step is to come
        if "names" in state and begun and condition(state):
            return state
    raise AssertionError("timed out")
