"""Devices, operators and clocks that fail while somebody drives."""

import threading
import time

import numpy as np
import pytest
from parts import GOOD, MINE, Answers, Clock, Gives, Line, teleoperation

from mac_control.teleop import DeviceOperator, DeviceState, Teleoperation
from mac_control.teleop.device import Device
from mac_control.teleop.mapping_file import parse_mapping
from mac_control.teleop.pacing import DEFAULT_RATE

PERIOD = 1 / DEFAULT_RATE
MAPPING = parse_mapping(
    {
        "axis": [{"axis": "dim0", "dim": 0}],
        "dead_man": [{"button": "mine0", "dims": [0]}],
        "events": {},
    },
    2,
)


class Stuck(Device):
    """Gives dimension 0, until it blocks, raises or disappears."""

    blocks = True

    def __init__(self):
        self.release, self.released = threading.Event(), threading.Event()
        self.release.set()
        self.error = None

    def connect(self):
        pass

    def read(self):
        if not self.release.is_set():
            self.release.wait(120)
            self.released.set()
        if self.error is not None:
            raise self.error
        return DeviceState({"dim0": 0.5}, frozenset({"mine0"}), time.monotonic(), 0.0)


def until(found, seconds=60.0):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end, "never came"
        time.sleep(0.005)


@pytest.mark.parametrize("on_silence", ["robot", "hold", "stop"])
def test_a_device_that_blocks_does_not_hold_up_the_loop(on_silence):
    device = Stuck()
    operator = DeviceOperator(device, MAPPING, on_silence, patience=0.3)
    said = []
    loop = Teleoperation(Line(), Answers(GOOD), operator, speed=20.0, say=said.append)
    loop.run(steps=2)
    until(lambda: loop.step().given[0])
    device.release.clear()
    until(lambda: loop.step().status == "silent")
    step = loop.step()
    assert step.given[0] == (on_silence == "hold") and step.stopped == (on_silence == "stop")
    if on_silence == "hold":
        assert step.values[0] == 0.5
    device.release.set()
    loop.post("release")
    until(lambda: loop.step().given[0])
    assert not [text for text in said if text.startswith("device")]  # it has not failed
    operator.close()


@pytest.mark.parametrize("error", [RuntimeError("bug"), KeyError("x"), OSError("gone")])
@pytest.mark.parametrize("blocks", [False, True])
def test_a_device_that_raises_anything_is_lost_until_it_is_there_again(error, blocks):
    device = Stuck()
    device.blocks = blocks
    operator = DeviceOperator(device, MAPPING, patience=5.0, retry=0.01)
    loop, said = teleoperation(Line(), Answers(GOOD), operator)
    assert loop.step().given[0]
    device.error = error
    until(lambda: loop.step().status == "lost")
    assert not loop.step().given.any()
    device.error = None
    until(lambda: loop.step().given[0])
    assert len(said) == 1 and "device" in said[0] and "the robot has its dimensions" in said[0]
    operator.close()


def test_an_operator_that_takes_a_second_costs_that_second_and_no_burst():
    clock, env = Clock(), Line()

    def slow():
        clock.now += 1.0
        return MINE

    loop, said = teleoperation(
        env, Answers(GOOD), Gives(MINE, slow, MINE), clock=clock, sleep=clock.sleep
    )
    times = []
    loop.run(6, lambda _: times.append(clock.now))
    assert np.diff(times).max() < 1.0 + 2 * PERIOD
    assert times[-1] - times[1] > 3 * PERIOD and loop.pacer.overruns >= 11
    assert len(said) == 1 and "blocks = True" in said[0]


@pytest.mark.parametrize("jump", [-1e6, -1.0, -0.05, 0.05, 1.0, 1e6])
@pytest.mark.parametrize("when", ["asleep", "policy", "operator"])
def test_a_clock_that_jumps_costs_a_period_and_no_more(jump, when):
    clock, env = Clock(), Line()
    real, slept = 0.0, 0  # time that really passes, and how often in a sleep

    def sleep(seconds):
        nonlocal real, slept
        real, slept = real + seconds, slept + 1
        clock.sleep(seconds)
        if when == "asleep" and slept == 5:
            clock.now += jump

    class Jumps(Answers):
        def complete(self, obs, partial):
            if when == "policy" and len(env.actions) == 5:
                clock.now += jump
            return GOOD

    def read():
        if when == "operator" and len(env.actions) == 5:
            clock.now += jump
        return MINE

    loop, _ = teleoperation(env, Jumps(GOOD), Gives(read), clock=clock, sleep=sleep)
    moments = []
    loop.run(18, lambda _: moments.append(real))
    assert np.diff(moments).max() <= 2 * PERIOD + 1e-9
    assert moments[-1] - moments[8] == pytest.approx(9 * PERIOD, abs=PERIOD)


@pytest.mark.parametrize("jump", [-60.0, 60.0])
def test_a_dead_device_is_not_alive_because_a_clock_jumped(jump):
    clock = Clock()

    class Old(Stuck):
        blocks = False
        received = clock()

        def read(self):
            return DeviceState({"dim0": 0.5}, frozenset({"mine0"}), self.received, 0.0)

    device = Old()
    operator = DeviceOperator(device, MAPPING, clock=clock)
    assert operator.poll(np.zeros(3)).status == "live"
    clock.now += jump
    assert operator.poll(np.zeros(3)).status == "silent"
    device.received = clock()
    assert operator.poll(np.zeros(3)).status == "live"
