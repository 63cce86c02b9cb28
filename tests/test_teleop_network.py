"""Driving over the network: what gets in, what does not, and who may speak."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from mac_control import InputError
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.teleop import DeviceOperator, DeviceState, load_mapping, make_device
from mac_control.teleop.device import DeviceError
from mac_control.teleop.messages import MAX_MESSAGE, parse_message, refusal

ROBOT = kitchen_robot(30)

TOKEN = "a-token-of-sixteen-or-more"


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.005)


@pytest.fixture
def device():
    with make_device("network", port=0) as device:
        yield device


def url(device, query=""):
    return f"ws://127.0.0.1:{device.port}/{query}"


def test_what_a_client_says_is_given_and_its_silence_gives_it_back(device):
    operator = DeviceOperator(device, load_mapping("network", 9), patience=5.0)
    assert not operator.read(np.zeros(30)).given.any()
    with connect(url(device)) as client:
        client.send('{"axes": {"dim1": -0.5}, "buttons": ["mine2"]}')
        wait_for(lambda: operator.read(np.zeros(30)).given.any())
        partial = operator.read(np.zeros(30))
        assert np.flatnonzero(partial.given).tolist() == [1, 2]
        assert partial.values[1] == -0.5 and partial.values[2] == 0
    # The connection is gone: well before its patience ends, the robot has everything back.
    wait_for(lambda: not operator.read(np.zeros(30)).given.any(), seconds=2.0)
    with connect(url(device)) as client:  # and plugging in again just works
        client.send('{"axes": {"dim3": 1}}')
        wait_for(lambda: operator.read(np.zeros(30)).given[3])


def test_a_button_that_is_tapped_before_anybody_looks_counts_once(device):
    operator = DeviceOperator(
        device, load_mapping("cockpit.franka-kitchen", ROBOT), patience=5.0, task_space=object()
    )
    device.put('{"buttons": ["mode"]}')
    device.put("{}")
    assert operator.poll(np.zeros(30)).events == ("mode",)
    assert operator.poll(np.zeros(30)).events == ()
    device.put('{"buttons": ["mode"]}')
    device.clear()  # who tapped has gone
    assert operator.poll(np.zeros(30)).events == ()
    device.put("{}")
    assert operator.poll(np.zeros(30)).events == ()


def test_a_stop_counts_once_though_its_sender_has_gone_or_fell_silent(device):
    operator = DeviceOperator(device, load_mapping("network", 9), patience=5.0)
    seen = []
    for _ in range(3):  # each client taps and leaves before anybody looks
        device.put('{"axes": {"dim1": 1}, "buttons": ["estop", "success"]}')
        device.clear()
        seen += [operator.poll(np.zeros(30)) for _ in range(3)]
    assert [reading.events for reading in seen] == [("estop",), (), ()] * 3
    assert not any(reading.partial.given.any() for reading in seen)
    device.put('{"buttons": ["estop"]}')
    operator.patience = 1e-9  # it came too late to drive
    assert [operator.poll(np.zeros(30)).events for _ in range(3)] == [("estop",), (), ()]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"axes": 3}', '{"axes": {"a": NaN}}', '{"axes": {"a": 1e999}}',
     '{"axes": {"a": "1"}}', '{"axes": {"a": true}}', '{"buttons": [3]}', "[" * 9000,
     json.dumps({"buttons": ["b"] * 65}), json.dumps({"axes": {str(i): 0 for i in range(65)}})],
)  # fmt: skip
def test_a_message_that_makes_no_sense_is_one_sentence(text):
    with pytest.raises(InputError) as error:
        parse_message(text)
    assert "\n" not in str(error.value)


@given(st.text() | st.binary())
def test_no_message_raises_anything_else(text):
    try:
        axes, buttons = parse_message(text)
    except InputError:
        return
    assert all(np.isfinite(x) for x in axes.values()) and isinstance(buttons, frozenset)


def test_nonsense_is_counted_and_the_last_good_state_grows_stale(device):
    with connect(url(device)) as client:
        client.send('{"axes": {"dim1": 1}}')
        wait_for(lambda: device.read().axes)
        received = device.read().received
        client.send('{"axes": {"dim1": NaN}}')
        wait_for(lambda: device.dropped == 1)
        assert device.read().received == received


def test_a_message_that_is_too_long_closes_the_connection(device):
    with connect(url(device)) as client, pytest.raises(ConnectionClosed):
        client.send("x" * (MAX_MESSAGE + 1))
        client.recv(timeout=60)
    wait_for(lambda: device.read() == DeviceState())


def test_only_one_client_drives(device):
    with connect(url(device)) as first:
        first.send('{"axes": {"dim1": 1}}')
        wait_for(lambda: device.read().axes)
        with connect(url(device)) as second, pytest.raises(ConnectionClosed):
            second.recv(timeout=60)


def test_a_page_of_another_site_is_refused(device):
    with pytest.raises(InvalidStatus) as error, connect(url(device), origin="http://evil.example"):
        pass
    assert error.value.response.status_code == 403


def test_another_host_needs_the_flag_and_a_token():
    for options in ({}, {"remote": True}, {"remote": True, "token": "short"}, {"token": TOKEN}):
        with pytest.raises(InputError, match="--remote and a --token"):
            make_device("network", host="0.0.0.0", **options)
    with make_device("network", host="0.0.0.0", port=0, remote=True, token=TOKEN) as device:
        for query in ("", "?token=wrong"):
            with pytest.raises(InvalidStatus), connect(url(device, query)):
                pass
        with connect(url(device, f"?token={TOKEN}")) as client:
            client.send('{"axes": {"dim1": 1}}')
            wait_for(lambda: device.read().axes)


def test_a_name_made_to_point_here_is_refused():
    assert refusal("/", {"Host": "evil.example:80"}, "127.0.0.1", None)
    assert refusal("/", {"Host": "localhost:80"}, "127.0.0.1", None) is None
    assert refusal("/", {"Host": "[::1]:80"}, "::1", None) is None
    assert refusal("/", {"Host": "arm.example:80"}, "0.0.0.0", TOKEN)
    cookies = f"mac_control_token_1=x; mac_control_token_80={TOKEN}"  # one for each port
    cookie = {"Host": "arm.example:80", "Cookie": cookies}
    assert refusal("/", cookie, "0.0.0.0", TOKEN) is None
    cookie = {"Host": "arm.example:80", "Cookie": f"a=b; mac_control_token={TOKEN}"}
    assert refusal("/", cookie, "0.0.0.0", TOKEN) is None


def test_a_port_that_is_taken_is_one_sentence(device):
    with pytest.raises(DeviceError, match="cannot listen"):
        make_device("network", port=device.port).connect()
