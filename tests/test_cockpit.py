"""The cockpit: who gets in, and driving through it as its page does."""

import http.client
import json
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from importlib import resources

import gymnasium
import numpy as np
import pytest

from mac_control import InputError
from mac_control.cockpit import cockpit as cockpit_module
from mac_control.policies import Policy
from mac_control.policies.intent import Intent, IntentConfig
from mac_control.teleop.device import DeviceError
from mac_control.teleop.messages import MAX_MESSAGE

pytest.importorskip("viser")
websockets = pytest.importorskip("websockets")
from cockpit_page import page, until  # noqa: E402
from websockets.exceptions import ConnectionClosed, InvalidStatus  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

from mac_control.cockpit import Cockpit  # noqa: E402
from mac_control.cockpit.front import MAX_CLIENTS  # noqa: E402

TOKEN = "a-token-of-sixteen-or-more"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        return answer.status, answer.headers, answer.read()


def refused(url, **headers):
    with pytest.raises(urllib.error.HTTPError) as error:
        get(url, **headers)
    error.value.close()  # it is an answer too, and holds its connection
    return error.value.code


@pytest.fixture(scope="module")
def cockpit(driving):
    with driving() as (cockpit, loop):
        yield cockpit, loop


def test_a_person_takes_a_dimension_drives_it_and_hands_it_back(cockpit):
    cockpit, _ = cockpit
    say = {"axes": {"dim1": 0.5}, "buttons": ["mine1"]}
    with page(cockpit) as client:
        state = until(client, lambda s: s.get("given"))
        assert state["names"][0] == "base turn" and state["tasks"][0] == "microwave"
        assert not any(state["given"]) and len(state["spread"]) == 9
        before = state["qpos"][1]
        state = until(client, lambda s: s["given"][1] and s["action"][1] == 0.5, say)
        assert sum(state["given"]) == 1 and state["values"][1] == 0.5
        assert state["spread"][1] == 0 and min(state["spread"][2:]) > 0
        assert state["log_prob"] is not None
        state = until(client, lambda s: s["qpos"][1] > before + 0.1, say)  # the joint follows
        until(client, lambda s: not any(s["given"]), {"axes": {}, "buttons": []})


class Narrow(Policy):
    """Stands still, and finds every given dimension to be N(0, 0.1), independent of the others."""

    obs_dim, low, high = 30, -np.ones(9, np.float32), np.ones(9, np.float32)

    def complete(self, obs, partial):
        return np.zeros_like(partial.values)

    def log_prob(self, obs, partial):
        density = -0.5 * (partial.values / 0.1) ** 2 - np.log(0.1 * np.sqrt(2 * np.pi))
        return np.where(partial.given, density, 0).sum(axis=-1)


@contextmanager
def another_policy(loop, policy):
    """The block runs with `policy`, and what comes after it with the one before."""
    before = loop.policy
    _exchange(loop, policy)
    try:
        yield
    finally:
        _exchange(loop, before)


def _exchange(loop, policy):
    loop.post("policy", policy)
    end = time.monotonic() + 120
    while loop.policy is not policy:
        assert time.monotonic() < end, "the loop never took the policy"
        time.sleep(0.005)


def test_a_page_stops_the_robot_while_another_loads_a_policy(cockpit, monkeypatch):
    cockpit, loop = cockpit
    cockpit._policies, loading, go_on = ["slow"], threading.Event(), threading.Event()

    def assemble(source, env):
        loading.set()
        assert go_on.wait(120)
        raise OSError("the file is damaged")

    monkeypatch.setattr(cockpit_module, "assemble_policy", assemble)
    with page(cockpit) as first, page(cockpit) as second:
        first.send(json.dumps({"command": "policy", "argument": 0}))
        assert loading.wait(120)
        second.send(json.dumps({"command": "estop"}))
        until(second, lambda s: s["stopped"])
        go_on.set()
        end = time.monotonic() + 120
        while "the file is damaged" not in json.loads(first.recv(timeout=60)).get("note", ""):
            assert time.monotonic() < end, "nobody said that the policy could not be loaded"
    loop.post("release")


def test_the_dial_lets_the_robot_depart_from_commands_and_back(cockpit):
    cockpit, loop = cockpit
    say = {"axes": {"dim1": 0.9}, "buttons": []}
    with page(cockpit) as client:
        state = until(client, lambda s: s["given"][1] and s["action"][1] == 0.9, say)
        assert state["trust"] == 0 and state["weighs"]
        client.send(json.dumps({"command": "trust", "argument": 0.8}))
        state = until(client, lambda s: s["trust"] == 0.8 and s["action"][1] != 0.9, say)
        assert state["values"][1] == 0.9  # what was commanded
        client.send(json.dumps({"command": "trust", "argument": "adaptive"}))
        until(client, lambda s: s["trust"] == "adaptive", say)
        client.send(json.dumps({"command": "trust", "argument": -1}))
        client.send(json.dumps({"command": "trust", "argument": 0}))
        until(client, lambda s: s["trust"] == 0 and s["action"][1] == 0.9, say)
    assert loop.trust is None


def test_commands_that_the_model_finds_very_unlikely_are_warned_of(cockpit):
    cockpit, loop = cockpit
    with another_policy(loop, Narrow()), page(cockpit) as client:
        say = {"axes": {"dim1": 0.1, "dim2": 0.1}, "buttons": []}
        state = until(client, lambda s: s["given"][1] and s["given"][2] and s["log_prob"], say)
        expected = 2 * (-0.5 - np.log(0.1 * np.sqrt(2 * np.pi)))
        assert state["log_prob"] == pytest.approx(expected, rel=1e-3) and not state["unlikely"]
        say["axes"]["dim2"] = 0.9
        until(client, lambda s: s["values"][2] == pytest.approx(0.9) and s["unlikely"], say)


def test_the_page_is_told_what_the_operator_seems_to_be_up_to(cockpit):
    cockpit, loop = cockpit
    box = np.ones(9)
    config = IntentConfig("mixture_bc", {"width": 8}, intents=("kettle", "microwave"))
    intent = Intent(config, np.zeros(30), np.ones(30), -box, box)
    with page(cockpit) as client:
        assert until(client, lambda s: "intent" in s)["intent"] is None
        with another_policy(loop, intent):
            say = {"axes": {"dim1": 0.5}, "buttons": []}
            state = until(client, lambda s: s["intent"] and s["given"][1] and s["log_prob"], say)
            assert state["intent"] in config.intents


def test_commands_of_the_page(cockpit):
    cockpit, _ = cockpit
    with page(cockpit) as client:
        client.send('{"command": "pause"}')
        until(client, lambda s: s["paused"])
        client.send('{"command": "pause"}')
        until(client, lambda s: not s["paused"] and s["step"] > 60)
        client.send('{"command": "pause"}')
        state = until(client, lambda s: s["paused"])
        client.send('{"command": "undo", "argument": 2}')
        until(client, lambda s: s["step"] < state["step"] - 5)
        client.send('{"command": "pause"}')
        until(client, lambda s: not s["paused"])
        client.send('{"command": "estop"}')
        state = until(client, lambda s: s["stopped"] and s.get("action"))
        assert not any(state["action"])
        client.send('{"command": "release"}')
        until(client, lambda s: not s["stopped"])
        client.send('{"command": "reset"}')
        until(client, lambda s: s["episode"] >= 1)
        for bad in ({"command": "fly"}, {"command": 3}, {"command": "policy", "argument": 7}):
            client.send(json.dumps(bad))
            note = {}
            while "note" not in note:
                note = json.loads(client.recv(timeout=60))
            assert "expected" in note["note"]


def test_one_page_drives_others_watch_and_may_stop(cockpit):
    cockpit, _ = cockpit
    say = {"axes": {"dim2": 0.5}, "buttons": []}
    with page(cockpit) as first, page(cockpit) as second:
        until(first, lambda s: s["given"][2], say)
        second.send('{"axes": {"dim3": 0.5}}')
        state = until(first, lambda s: s["given"][2], say)
        assert not state["given"][3]
        second.send('{"command": "reset"}')  # only who drives may
        second.send('{"command": "estop"}')  # whoever sees danger may
        until(second, lambda s: s["stopped"])
        first.send('{"command": "release"}')
        second.send('{"command": "wheel"}')
        until(second, lambda s: s["given"][3] and not s["given"][2], {"axes": {"dim3": 0.5}})


def test_a_page_that_is_closed_gives_everything_back(cockpit):
    cockpit, _ = cockpit
    with page(cockpit) as client:
        until(client, lambda s: s["given"][4], {"axes": {"dim4": 0.5}})
    with page(cockpit) as watcher:
        state = until(watcher, lambda s: not any(s["given"]))
        assert state["driver"] is None
        for odd in ("", "[]", '{"axes": {"dim4": "x"}}'):  # which drives nothing
            watcher.send(odd)
        states = [until(watcher, lambda s: True) for _ in range(20)]
        assert {state["driver"] for state in states} == {None}


def test_sticks_move_the_hand_and_give_the_whole_arm(cockpit):
    cockpit, _ = cockpit
    with page(cockpit) as client:
        state = until(client, lambda s: s["given"][0], {"axes": {"left_y": -1.0}})
        assert state["given"] == [True] * 7 + [False] * 2 and state["mode"] == "hand"


@pytest.mark.parametrize(
    ("name", "view", "most"), [("Reacher-v5", True, 1), ("Pendulum-v1", False, 2)]
)
def test_another_robot_has_a_slider_for_each_dimension_in_its_units(driving, name, view, most):
    with driving(gymnasium.make(name)) as (cockpit, loop), page(cockpit) as client:
        state = until(client, lambda s: s.get("given"))
        assert len(state["names"]) == loop.action_dim and state["high"][0] == most
        assert state["view"] == view and not state["hand"] and not any(state["given"])
        say = {"axes": {"dim0": -most}, "buttons": []}
        state = until(client, lambda s: s["given"][0] and s["action"][0] == -most, say)
        assert sum(state["given"]) == 1


def test_the_page_and_the_3d_view_are_served(cockpit):
    cockpit, _ = cockpit
    status, headers, body = get(cockpit.url)
    assert status == 200 and b"page.js" in body
    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    for name in ("page.js", "sticks.js", "banner.js", "tour.js", "page.css", "view/"):
        assert get(cockpit.url + name)[0] == 200
    for name in ("nothing", "../front.py", "%2e%2e/front.py", "front.py"):
        assert refused(cockpit.url + name) == 404
    import viser

    protocol = f"viser-v{viser.__version__}"
    with connect(
        cockpit.url.replace("http", "ws") + "view", subprotocols=[protocol], max_size=None
    ) as client:
        assert len(client.recv(timeout=60)) > 1000  # the scene comes through


def test_pages_of_other_sites_and_other_names_are_refused(cockpit):
    cockpit, _ = cockpit
    assert refused(cockpit.url, Origin="http://evil.example") == 403
    assert refused(cockpit.url, Host="evil.example") == 403
    for path in ("ws", "view"):
        url = cockpit.url.replace("http", "ws") + path
        with pytest.raises(InvalidStatus), connect(url, origin="http://evil.example"):
            pass


def test_clients_and_messages_are_limited(cockpit):
    cockpit, _ = cockpit
    url = cockpit.url.replace("http", "ws") + "ws"
    clients = [connect(url) for _ in range(MAX_CLIENTS)]
    with pytest.raises(InvalidStatus) as error, connect(url):
        pass
    assert error.value.response.status_code == 503
    for client in clients[1:]:
        client.close()
    clients[0].send("x" * (MAX_MESSAGE + 1))
    with pytest.raises(ConnectionClosed):
        while True:
            clients[0].recv(timeout=60)
    while cockpit._front._counts["/ws"]:  # all have left
        time.sleep(0.01)
    with page(cockpit) as client:  # and nothing has suffered
        client.send('{"axes": {"dim1": NaN}}')
        until(client, lambda s: s["names"])


def test_no_client_has_a_way_to_the_file_system(cockpit):
    cockpit, loop = cockpit
    host, port = cockpit.url.split("/")[2].split(":")
    opened, watching = [], True
    ours = str(resources.files("mac_control.cockpit"))

    def hook(event, details):
        if watching and event in ("open", "os.listdir", "os.scandir", "os.remove", "os.mkdir"):
            opened.append(str(details[0]))

    sys.addaudithook(hook)  # cannot be taken off again
    paths = ["/../../../etc/passwd", "//etc/passwd", "/etc/passwd", "/page.js/../front.py", "/.git"]
    paths += ["/%2e%2e/%2e%2e/etc/passwd", "/view/../../x", "/view/x.js", "/page.js%00", "/\\x"]
    try:
        for path in paths:
            with closing(http.client.HTTPConnection(host, int(port), timeout=60)) as client:
                client.putrequest("GET", path)
                client.endheaders()
                assert client.getresponse().status in (400, 404), path
        policy, record = loop.policy, loop.recorder
        with page(cockpit) as client:
            for name in ("/etc/passwd", "../../x", "file:///x", [], {"a": 1}, True, 1e9, -1, 0):
                for command in ("policy", "record", "reset", "load", "open"):
                    client.send(json.dumps({"command": command, "argument": name}))
            until(client, lambda s: s["names"])
    finally:
        watching = False
    assert loop.policy is policy and loop.recorder is record
    found = [name for name in opened if not name.startswith(ours)]
    assert not [name for name in found if "passwd" in name or "front.py" in name or "/x" in name]


def test_another_machine_needs_a_token(driving):
    with pytest.raises(InputError, match="--remote"):
        Cockpit("0.0.0.0")
    with pytest.raises(InputError, match="port: expected a number from 0 to 65535, got 99999"):
        Cockpit(port=99999)
    for odd in "+;%&#ü":  # which an address or a cookie would change
        with pytest.raises(InputError, match="token: expected letters, digits"):
            Cockpit("0.0.0.0", 0, True, TOKEN + odd)
    with driving(host="0.0.0.0", remote=True, token=TOKEN) as (cockpit, _):
        port = cockpit.url.split(":")[2].split("/")[0]
        assert get(cockpit.url)[0] == 200  # an address that can be opened, not 0.0.0.0
        bare = f"http://127.0.0.1:{port}/"
        assert refused(bare) == refused(bare + "?token=wrong") == 403
        assert refused(bare + "view/") == 403
        for path in ("ws", "view"):
            with pytest.raises(InvalidStatus), connect(bare.replace("http", "ws") + path):
                pass
        _, headers, _ = get(bare + f"?token={TOKEN}")
        cookie = headers["Set-Cookie"].partition(";")[0]
        assert "HttpOnly" in headers["Set-Cookie"] and "SameSite=Strict" in headers["Set-Cookie"]
        with connect(
            bare.replace("http", "ws") + "ws", additional_headers={"Cookie": cookie}
        ) as client:
            until(client, lambda s: s["names"])


def test_a_port_that_is_taken_is_one_sentence(cockpit):
    cockpit, loop = cockpit
    port = int(cockpit.url.split(":")[2].rstrip("/"))
    other = Cockpit(port=port)
    with pytest.raises(DeviceError, match="cannot listen"):
        other.serve(loop)
    other.close()
