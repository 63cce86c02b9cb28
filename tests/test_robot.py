"""One description of a robot: what it refuses, and that it survives JSON, TOML and a checkpoint."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mac_control import ActionDim, InputError, Robot, load_robot
from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations, save_minari
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.errors import CheckpointError, DataError
from mac_control.feedback import Feedback
from mac_control.policies.bc import BC
from mac_control.robot import KINDS

ARM = Robot(
    "arm",
    (
        ActionDim("shoulder", -2, 2, "joint_velocity", "rad/s", "Shoulder", 1, 4.0, 0.1),
        ActionDim("elbow", kind="joint_velocity", position=0, gain=4.0),
        ActionDim("jaw", 0, 0.1, "gripper", "m", position=2),
        ActionDim("light"),
    ),
    {"upper": ("shoulder", "elbow"), "hand": (2,)},
    ("elbow angle", "shoulder angle", "opening", "lamp"),
    20.0,
)

TOML = """
name = "arm"
rate = 20
obs_names = ["elbow angle", "shoulder angle", "opening", "lamp"]
[groups]
upper = ["shoulder", "elbow"]
hand = [2]
[[actions]]
name = "shoulder"
low = -2
high = 2
kind = "joint_velocity"
unit = "rad/s"
label = "Shoulder"
position = "shoulder angle"
gain = 4.0
travel = 0.1
[[actions]]
name = "elbow"
kind = "joint_velocity"
position = "elbow angle"
gain = 4
[[actions]]
name = "jaw"
low = 0
high = 0.1
kind = "gripper"
unit = "m"
position = 2
[[actions]]
name = "light"
"""

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1)
ends = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).filter(lambda pair: pair[0] < pair[1])


@st.composite
def robots(draw):
    """Any robot."""
    names = draw(st.lists(words, min_size=1, max_size=6, unique=True))
    obs_names = draw(st.lists(words, max_size=5))
    position = st.none() | st.integers(0, len(obs_names) - 1 if obs_names else 9)
    amount = st.floats(0, 1e6)
    dims = []
    for name in names:
        kind, at = draw(st.sampled_from(KINDS)), draw(position)
        texts = draw(st.tuples(st.text(max_size=3), st.text(max_size=3)))
        dims.append(ActionDim(name, *draw(ends), kind, *texts, at, draw(amount), draw(amount)))
    chosen = st.lists(st.integers(0, len(names) - 1), min_size=1, unique=True)
    groups = draw(st.dictionaries(words.filter(lambda name: name not in names), chosen, max_size=3))
    rate = draw(st.none() | st.floats(1e-3, 1e6))
    return Robot(draw(st.text(max_size=5)), tuple(dims), groups, tuple(obs_names), rate)


@given(robots())
def test_a_robot_survives_json(robot):
    assert Robot.from_json(json.loads(json.dumps(robot.to_json()))) == robot


@given(robots(), st.data())
def test_dimensions_are_found_by_index_name_and_group(robot, data):
    for dim, action in enumerate(robot.actions):
        assert robot.index(dim) == robot.index(np.int64(dim)) == robot.index(action.name) == dim
    groups = data.draw(st.lists(st.sampled_from([*robot.groups, *range(robot.action_dim)])))
    dims = robot.dims(*groups)
    assert list(dims) == sorted(set(dims))
    assert set(dims) == {
        d for g in groups for d in ([g] if isinstance(g, int) else robot.groups[g])
    }


def test_its_arrays_and_labels():
    assert ARM.action_dim == 4 and ARM.labels == ("Shoulder", "elbow", "jaw", "light")
    assert ARM.low.dtype == ARM.high.dtype == np.float32
    assert ARM.low.tolist() == [-2, -1, 0, -1]
    assert ARM.high.tolist() == [2, 1, np.float32(0.1), 1]
    assert ARM.groups == {"upper": (0, 1), "hand": (2,)}
    assert ARM.index("Shoulder") == 0 and ARM.dims("light", "upper") == (0, 1, 3)


def test_a_toml_file_describes_the_same_robot(tmp_path):
    path = tmp_path / "arm.toml"
    path.write_text(TOML, encoding="utf-8-sig")  # as an editor on Windows may
    assert load_robot(path) == ARM


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "expected TOML"),
        ("name = 'arm'", "actions: expected a list of tables, got None"),
        ("actions = 'arm'", "actions: expected a list of tables, got 'arm'"),
        ("nmae = 'arm'", "expected keys out of name, .* got 'nmae'; did you mean 'name'"),
        ("actions = []", "expected different action names"),
        ("actions = [1]", "robot: actions: expected a table, got 1"),
        ("actions = [{low = -1}]", "robot: actions: .*name"),
        ("actions = [{name = 'a', kid = 'other'}]", "got 'kid'; did you mean 'kind'"),
        ("actions = [{name = 'a', low = 'x'}]", "action a: low: expected a number, got 'x'"),
        ("actions = [{name = 'a', position = 'x'}]", "position: expected one of obs_names"),
        ("actions = [{name = 'a', position = 1.5}]", "position: expected an index"),
        ("groups = 3\nactions = [{name = 'a'}]", "robot: "),
        (
            "groups = {g = ['b']}\nactions = [{name = 'a'}]",
            "expected a dimension out of a, got 'b'",
        ),
        ("rate = 'fast'\nactions = [{name = 'a'}]", "robot: "),
        ("obs_names = 3\nactions = [{name = 'a'}]", "robot: "),
    ],
)
def test_a_file_that_is_not_one_says_why(tmp_path, text, sentence):
    path = tmp_path / "arm.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=sentence) as error:
        load_robot(path)
    assert "\n" not in str(error.value).split("TOML: ")[0] and "arm.toml" in str(error.value)


@pytest.mark.parametrize("targets", [False, True])
def test_the_robot_of_the_documentation_has_the_limits_of_the_documentation(targets, tmp_path):
    page = (Path(__file__).parents[1] / "docs" / "own-robot.md").read_text(encoding="utf-8")
    described, limits, of_targets = re.findall(r"```toml.*?\n(.*?)```", page, re.DOTALL)[:3]
    text = described + limits
    if targets:
        text = text.replace("joint_velocity", "joint_position").replace('"gripper"', '"other"')
        text += of_targets.replace("elbow", "winch").replace("step = 0.1", "step = {crane = 0.1}")
    (tmp_path / "gantry.toml").write_text(text, encoding="utf-8")
    found = load_robot(tmp_path / "gantry.toml").limits
    assert found.jerk == 20.0 and (found.stall_time == 0.5) == targets


def test_a_file_that_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match=r"robot: expected a TOML file, got .*none\.toml"):
        load_robot(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": ""}, "a name for each dimension"),
        ({"kind": "joint_velocty"}, "kind: expected one of joint_velocity, .*'joint_velocity'"),
        ({"low": 1.0}, "expected finite numbers, low below high, got 1.0 and 1.0"),
        ({"low": float("nan")}, "expected finite numbers"),
        ({"low": float("-inf")}, "expected finite numbers, low below high, got -inf"),
        ({"gain": -1.0}, "gain: expected at least 0"),
        ({"travel": float("nan")}, "travel: expected at least 0"),
        ({"gain": float("inf")}, "gain: expected at least 0"),
        ({"position": -1}, "position: expected an index"),
    ],
)
def test_a_dimension_that_cannot_be(options, sentence):
    with pytest.raises(InputError, match=sentence):
        ActionDim(**{"name": "elbow", **options})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"actions": ()}, "expected different action names"),
        (
            {"actions": (ActionDim("a"), ActionDim("a"))},
            r"different action names, got \['a', 'a'\]",
        ),
        ({"groups": {"g": ()}}, "group 'g': expected different action dimensions"),
        ({"groups": {"g": (0, "shoulder")}}, "group 'g': expected different"),
        ({"groups": {"elbow": (0,)}}, "a name that no dimension has"),
        ({"groups": {"g": (4,)}}, "a dimension from 0 to 3, got 4"),
        ({"obs_names": ("one", "two")}, "action jaw: position: expected an entry below 2, got 2"),
        ({"rate": 0.0}, "rate: expected a number above 0"),
        ({"rate": float("nan")}, "rate: expected a number above 0"),
    ],
)
def test_a_robot_that_cannot_be(options, sentence):
    with pytest.raises(InputError, match=f"robot arm: .*{sentence}"):
        replace(ARM, **options)


@pytest.mark.parametrize("name", ["elbw", -1, 4, True, None, ""])
def test_unknown_dimensions_are_named_with_those_that_there_are(name):
    with pytest.raises(InputError, match=r"robot arm: expected .*"):
        ARM.index(name)
    with pytest.raises(
        InputError, match="groups or dimensions out of upper, hand, shoulder, elbow"
    ):
        ARM.dims("hand", name)
    with pytest.raises(InputError, match="did you mean 'upper'"):
        ARM.dims("uper")


def test_sizes_of_data_must_be_its_own():
    ARM.expect(4, 4)
    with pytest.raises(InputError, match="expected 4 action dimensions, got 5"):
        ARM.expect(action_dim=5)
    with pytest.raises(InputError, match="expected 4 observed entries, got 3"):
        ARM.expect(obs_dim=3)
    unnamed = replace(ARM, obs_names=())
    unnamed.expect(obs_dim=7)
    with pytest.raises(InputError, match="expected at least 3 observed entries, got 2"):
        unnamed.expect(obs_dim=2)
    with pytest.raises(DataError, match="demonstrations: robot arm: expected 4 action"):
        Demonstrations([Episode(np.zeros((2, 4)), np.zeros((2, 3)))], robot=ARM)


def test_feedback_is_about_what_is_observed_and_the_pose_without_grippers():
    feedback = Feedback.of(ARM, "tracker")
    assert feedback.dims.tolist() == [0, 1, 2] and feedback.entries.tolist() == [1, 0, 2]
    assert feedback.gains.tolist() == [4, 4, 0] and feedback.travel.tolist() == [0.1, 0, 0]
    assert feedback.pose.tolist() == [True, True, False]
    with pytest.raises(InputError, match="tracker: expected demonstrations whose robot is known"):
        Feedback.of(None, "tracker")
    with pytest.raises(InputError, match="tracker: expected a robot with observed positions"):
        Feedback.of(replace(ARM, actions=ARM.actions[2:], groups={}), "tracker")


def test_it_travels_with_data_and_checkpoints(tmp_path):
    rng = np.random.default_rng(0)
    episode = Episode(rng.normal(size=(6, 4)), rng.uniform(0, 0.1, (6, 4)))
    data = Demonstrations([episode], robot=ARM)
    read = load_demonstrations(save_minari(data, tmp_path / "data"))
    assert read.robot == ARM
    policy = BC(BC.Config(width=8), np.zeros(4), np.ones(4), ARM.low, ARM.high, ARM)
    folder = save_policy(tmp_path / "policy", policy)
    assert load_policy(folder).robot == ARM
    record = json.loads((folder / "policy.json").read_text())
    record["robot"]["actions"].pop()
    record["robot"]["groups"] = {}
    (folder / "policy.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="robot arm: expected 3 action dimensions, got 4"):
        load_policy(folder)


def test_the_kitchen_is_one():
    for size in (30, 59):
        robot = kitchen_robot(size)
        assert len(robot.obs_names) == size == len(set(robot.obs_names))
        assert robot.action_dim == 9 and robot.dims("gripper", "wrist") == (4, 5, 6, 7, 8)
    with pytest.raises(InputError, match="observations: expected 30 or 59 entries of the kitchen"):
        kitchen_robot(60)
