"""Mappings: what drives what, and one sentence for every mistake."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.envs import make_kitchen
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.teleop import DeviceState, load_mapping, mapping_names
from mac_control.teleop.mapping import EVENTS
from mac_control.teleop.mapping_file import parse_mapping
from mac_control.teleop.task_space import TaskSpace

ROBOT = kitchen_robot(30)


def drive(table, state, **more):
    return parse_mapping(table, 3)(state, **more)


@given(st.floats(-1, 1), st.floats(0, 0.9), st.floats(-2, 2))
def test_an_axis_is_silent_in_its_dead_zone_and_continuous_and_full_outside(x, zone, scale):
    table = {"axis": [{"axis": "a", "dim": 0, "dead_zone": zone, "scale": scale}]}
    driven = drive(table, DeviceState({"a": x}))
    assert driven.given[0] == (abs(x) > zone)
    assert abs(driven.values[0]) <= abs(scale) * max(0.0, abs(x) - zone) / (1 - zone) + 1e-6
    full = drive(table, DeviceState({"a": 7.0}))  # a device that exceeds its range
    assert full.values[0] == pytest.approx(scale)


def test_modes_give_a_two_axis_device_more_dimensions():
    table = {
        "modes": ["arm", "wrist"],
        "axis": [
            {"axis": "a", "dim": 0, "mode": "arm"},
            {"axis": "a", "dim": 2, "mode": "wrist"},
        ],
    }
    state = DeviceState({"a": 1.0})
    assert drive(table, state).given.tolist() == [True, False, False]
    assert drive(table, state, mode="wrist").given.tolist() == [False, False, True]


def test_each_dimension_of_any_robot_can_have_a_slider():
    mapping = parse_mapping({"each_dim": True}, 12)
    driven = mapping(DeviceState({"dim11": -2.5, "dim3": 0.0}, frozenset({"mine0"})))
    assert np.flatnonzero(driven.given).tolist() == [0, 11]  # at 0 only what is held
    assert driven.values[11] == -2.5 and driven.values[0] == 0  # in units of the action


def test_opposite_buttons_cancel_and_stay_given():
    rows = [{"button": "q", "dim": 1, "value": 0.5}, {"button": "a", "dim": 1, "value": -0.5}]
    driven = drive({"button": rows}, DeviceState({}, frozenset("qa")))
    assert driven.given[1] and driven.values[1] == 0


def test_a_leader_arm_is_followed_while_its_clutch_is_held():
    axis = {"axis": "j", "dim": 1, "position": True, "scale": 2.0, "offset": 0.1, "gain": 3.0}
    table = {"axis": [axis], "dead_man": [{"button": "clutch", "dims": [1]}]}
    obs = np.array([0.0, 0.5, 0.0])
    assert not drive(table, DeviceState({"j": 0.4}), obs=obs).given.any()
    driven = drive(table, DeviceState({"j": 0.4}, frozenset({"clutch"})), obs=obs)
    assert driven.values[1] == pytest.approx(3.0 * (2.0 * 0.4 + 0.1 - 0.5))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            {"axes": []},
            "expected keys of axis, button, dead_man, each_dim, events, modes, task_space, "
            "got 'axes'",
        ),
        ({"axis": [{"axis": "a", "dim": 3}]}, "dimensions from 0 to 2, got [3]"),
        ({"axis": [{"axis": "a"}]}, "either dim or direction"),
        ({"axis": [{"axis": "a", "dim": "0"}]}, "axis dim: expected int | None, got '0'"),
        ({"axis": [{"axis": "a", "dim": 0, "dead_zone": 1.0}]}, "dead_zone in [0, 1)"),
        ({"axis": [{"axis": "a", "dim": 0, "scale": float("inf")}]}, "a finite scale"),
        ({"axis": [{"axis": "a", "dim": 0, "mode": "m"}]}, "a mode of [], got 'm'"),
        ({"axis": [{"axis": "a", "direction": "up"}]}, "x, y, z, roll, pitch, yaw, got 'up'"),
        ({"axis": [{"axis": "a", "direction": "x"}]}, "a [task_space] section"),
        ({"button": [{"dim": 0}]}, "expected the key button"),
        ({"dead_man": [{"button": "h", "dims": []}]}, "different dimensions"),
        ({"hold": [{"button": "h", "dims": [0, 0]}]}, "different dimensions"),
        ({"events": {"explode": "x"}}, "estop, mode, pause"),
        ({"task_space": {"joints": [0, 9]}}, "got [0, 9]"),
    ],
)
def test_a_mistake_in_a_mapping_is_one_sentence(table, sentence):
    with pytest.raises(InputError) as error:
        parse_mapping(table, 3)
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_no_mapping_is_one_sentence(tmp_path):
    (tmp_path / "bad.toml").write_text("[[axis]\n")
    with pytest.raises(InputError, match="expected TOML"):
        load_mapping(tmp_path / "bad.toml", 9)
    with pytest.raises(InputError, match="a TOML file or one of cockpit"):
        load_mapping("theremin", 9)


@pytest.mark.parametrize("name", mapping_names())
def test_the_mappings_that_ship_reach_every_dimension_of_the_kitchen(name):
    mapping = load_mapping(name, ROBOT)
    dims = {e.dim for e in (*mapping.axes, *mapping.buttons) if e.dim is not None}
    if mapping.task_space is not None and name != "keyboard":
        dims |= set(mapping.task_space.joints)
    assert dims == set(range(9)) or name == "lerobot.franka-kitchen"
    assert set(mapping.events) <= set(EVENTS)
    raising = list(mapping.events.values())
    driving = {b.button for b in mapping.buttons} | {h.button for h in mapping.dead_man}
    assert len(set(raising)) == len(raising) and not driving & set(raising)


@pytest.mark.parametrize("axis", range(3))
def test_a_direction_moves_the_hand_that_way_and_gives_all_arm_joints(axis):
    env = make_kitchen(robot_noise_ratio=0.0)
    obs, _ = env.reset(seed=0)
    options = load_mapping("keyboard.franka-kitchen", ROBOT).task_space
    space = TaskSpace(env.model, options, 0.08, ROBOT)
    site = env.data.site(options.site)
    for sign in (1.0, -1.0):
        obs, _ = env.reset(seed=0)
        still = env.snapshot()
        start = {}
        for move in (0.0, sign):  # the arm sags by itself: compare with standing still
            env.restore(still)
            seen = obs
            for _ in range(8):
                twist = np.zeros(6)
                twist[axis] = move
                action = np.zeros(9, np.float32)
                action[list(options.joints)] = space.solve(seen, twist)
                assert np.abs(action).max() <= 1
                seen, *_ = env.step(action)
            start[move] = site.xpos.copy()
        moved = start[sign] - start[0.0]
        assert np.argmax(np.abs(moved)) == axis and np.sign(moved[axis]) == sign
    env.close()
