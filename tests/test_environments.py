"""Environments by name, with the robot in them; and what goes from an operator to a policy."""

import sys

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mac_control import ActionDim, InputError, PartialAction, Robot, make_env, rollout
from mac_control.checkpoint import load_policy, save_policy
from mac_control.envs import KitchenEnv, robot_of
from mac_control.envs.abilities import episode_steps, scene_of
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.envs.name import EnvName
from mac_control.policies import MacConfig, MacPolicy, Policy, ZeroPolicy, policy_class
from mac_control.policies.bc import BC
from mac_control.teleop.jog import latched

literals = (
    st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.none()
    | st.lists(st.integers(), max_size=3)
)
names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_/-]{0,8}", fullmatch=True)


@given(names, st.none() | names, st.dictionaries(names, literals, max_size=3))
def test_a_name_is_read_as_it_is_written(name, attribute, options):
    whole = name if attribute is None else f"{name}:{attribute}"
    text = ":".join([whole, *(f"{key}={value!r}" for key, value in options.items())])
    assert EnvName.parse(text) == EnvName(whole, options)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("kitchen:tasks=complete:init_noise=0.1", {"tasks": "complete", "init_noise": 0.1}),
        ("kitchen:tasks=kettle>light-switch", {"tasks": "kettle>light-switch"}),
        ("kitchen:dense=true:size=None:more=none", {"dense": True, "size": None, "more": None}),
        ("kitchen:text=a=b", {"text": "a=b"}),
        ("kitchen", {}),
    ],
)
def test_values_are_literals_or_else_text(text, options):
    assert EnvName.parse(text) == EnvName("kitchen", options)


@pytest.mark.parametrize(
    "text", ["", ":", "kitchen:", "kitchen:a=1:", "kitchen:=1", "kitchen:a=", "a=1"]
)
def test_a_name_that_is_none(text):
    with pytest.raises(InputError, match=r"env: expected NAME\[:OPTION=VALUE\]\.\.\., got"):
        EnvName.parse(text)


def test_names_change_their_options_and_survive_json():
    name = EnvName.parse("kitchen:tasks=mixed:init_noise=0.1")
    changed = name.with_options({"tasks": "complete", "obs": None})
    assert changed == EnvName("kitchen", {"tasks": "complete", "init_noise": 0.1})
    assert EnvName.of_data({"env": name.to_json()}) == name
    for nothing in ({}, {"env": None}, {"env": "kitchen"}, {"env": {"id": 3}}):
        assert EnvName.of_data(nothing) is None
    assert EnvName().fitted(59, 9).options == {"obs": "full"}
    assert EnvName("Reacher-v5").fitted(10, 2) == EnvName("Reacher-v5")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("kichen", r"expected one of .*kitchen.*, a Gymnasium id or module:callable, .*'kitchen'"),
        ("HalfCheeta-v5", "did you mean 'HalfCheetah-v5'"),
        ("no_such_module:Env", "env 'no_such_module:Env': cannot be imported"),
        ("math:nothing", "env 'math:nothing': cannot be imported"),
        ("math:pi", "expected a callable, got float"),
        ("builtins:dict", r"env builtins:dict: expected a gymnasium.Env, got dict"),
        ("kitchen:tasks=nothing", "tasks: expected one of"),
        ("kitchen:colour=1", "kitchen: expected options out of tasks, .* got 'colour'"),
        ("Reacher-v5:colour=1", "env Reacher-v5: cannot be made: .*colour"),
        ("CartPole-v1", r"action space: expected a flat Box, got Discrete"),
    ],
)
def test_what_cannot_be_made_says_why(name, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        make_env(name)
    assert "\n" not in str(error.value)


OWN = '''
import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict

class Arm(gymnasium.Env):
    """Observes a Dict and, by default, has no bounds on its actions."""

    def __init__(self, bound=np.inf, broken=False):
        if broken:
            raise RuntimeError("no\\nlicence")
        self.observation_space = Dict(
            position=Box(-1, 1, (2,), np.float64), goal=Box(-1, 1, (1, 2), np.float32)
        )
        self.action_space = Box(-bound, bound, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action), action
        return self.observation_space.sample(), 1.0, False, False, {"is_success": True}
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module in the current folder."""
    (tmp_path / "our_arm.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    yield "our_arm:Arm"
    sys.modules.pop("our_arm", None)


def test_a_callable_of_the_current_folder_is_found_and_its_dicts_are_flattened(own):
    env = make_env(f"{own}:bound=2.0", max_episode_steps=3)
    assert env.observation_space.shape == (4,) and env.action_space.high.tolist() == [2, 2]
    env.unwrapped.observation_space.seed(0)
    first = env.reset(seed=0)[0]
    env.unwrapped.observation_space.seed(0)
    parts = env.unwrapped.reset(seed=0)[0]  # `position` is first in it, `goal` by name
    assert np.array_equal(first, [*parts["goal"][0], *parts["position"]])
    trajectory = rollout(env, ZeroPolicy(4, -np.ones(2), np.ones(2)), seed=0)
    assert len(trajectory) == 3 and trajectory.success is True
    assert trajectory.box[1].tolist() == [2, 2] and not trajectory.counts_subtasks
    with pytest.raises(InputError, match=r"env our_arm:Arm: cannot be made: .*no"):
        make_env(f"{own}:broken=true")


def test_an_episode_ends_although_neither_the_environment_nor_the_user_says_when(own):
    assert episode_steps(make_env(f"{own}:bound=1.0")) == 1000
    assert episode_steps(make_env("Reacher-v5")) == 50
    assert episode_steps(make_env("Reacher-v5", max_episode_steps=7)) == 7
    assert episode_steps(make_env("kitchen:max_episode_steps=9")) == 9


def test_unbounded_actions_need_a_robot(own):
    with pytest.raises(InputError, match=r"expected finite bounds, got Box.* TOML file .*--robot"):
        make_env(own)
    joints = (ActionDim("first", -3, 2, "joint_velocity"), ActionDim("second"))
    robot = Robot("ours", joints)
    env = make_env(own, robot)
    assert robot_of(env) == robot
    assert env.action_space.low.tolist() == [-3, -1] and env.action_space.high.tolist() == [2, 1]
    with pytest.raises(InputError, match=r"robot ours: expected one for the action space .* 2 dim"):
        make_env("HalfCheetah-v5", robot)
    with pytest.raises(InputError, match="robot ours: expected ranges within the environment's"):
        make_env(f"{own}:bound=2.0", robot)
    named = Robot("ours", joints, obs_names=("a", "b", "c"))
    with pytest.raises(InputError, match="robot ours: expected 3 observed entries, got 4"):
        make_env(own, named)


def test_what_does_not_flatten_is_refused():
    class Talks(gymnasium.Env):
        observation_space = Dict(words=gymnasium.spaces.Sequence(Discrete(3)))
        action_space = Box(-1, 1, (2,))

    from mac_control.envs.make import adapted

    with pytest.raises(InputError, match="observation space: expected one that flattens"):
        adapted(Talks())


def test_the_kitchen_is_the_default_and_describes_itself():
    env = make_env()
    assert isinstance(env, KitchenEnv) and robot_of(env) == kitchen_robot(30)
    assert robot_of(make_env("kitchen:obs=full")) == kitchen_robot(59)
    obs, _ = env.reset(seed=0)
    for dim in kitchen_robot(30).actions:  # but for the noise of the sensors
        assert abs(obs[dim.position] - env.data.qpos[dim.position]) < 0.05


def test_velocities_on_a_scale_of_their_own_are_no_position_targets():
    robot = robot_of(make_env("FrankaKitchen-v1"))  # [-1, 1], whatever the actuators take
    assert {dim.kind for dim in robot.actions} == {"other"} and not latched(robot).any()


HANDS = {"Door": 28, "Hammer": 26, "Pen": 24, "Relocate": 30}


@pytest.mark.parametrize("task", HANDS)
def test_a_hand_names_its_parts_and_the_positions_are_those_observed(task):
    env = make_env(f"AdroitHand{task}-v1")
    robot, (model, data) = robot_of(env), scene_of(env)
    assert robot.action_dim == HANDS[task] == env.action_space.shape[0]
    parts = [dim for name, dims in robot.groups.items() if name != "fingers" for dim in dims]
    assert sorted(parts) == list(range(robot.action_dim))
    assert len(robot.groups["fingers"]) == 22 and len(robot.groups["thumb"]) == 5
    assert len(set(robot.labels)) == robot.action_dim
    assert {dim.kind for dim in robot.actions} == {"joint_position"}
    assert robot.rate == pytest.approx(1 / env.unwrapped.dt)
    rng, known = np.random.default_rng(0), 0
    env.reset(seed=0)
    for _ in range(3):
        obs, *_ = env.step(rng.uniform(-1, 1, robot.action_dim).astype(np.float32))
        for index, dim in enumerate(robot.actions):
            joint = model.joint(int(model.actuator_trnid[index, 0]))
            if dim.position is not None:
                assert obs[dim.position] == pytest.approx(data.qpos[joint.qposadr[0]], abs=1e-9)
                known += 1
    unseen = task == "Door"  # whose observation leaves out the position of the arm
    assert known == 3 * (robot.action_dim - unseen)


def test_the_robot_of_any_mujoco_environment_follows_from_its_model():
    env = make_env("HalfCheetah-v5")
    robot = robot_of(env)
    assert [dim.name for dim in robot.actions] == [
        "bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot"
    ]  # fmt: skip
    assert robot.rate == pytest.approx(20) and robot.name == "HalfCheetah-v5"
    env.reset(seed=0)
    obs, *_ = env.step(np.linspace(-1, 1, 6, dtype=np.float32))
    data = env.unwrapped.data
    for dim in robot.actions:
        assert obs[dim.position] == data.joint(dim.name).qpos[0]
    assert robot_of(make_env("Reacher-v5")).actions[0].name == "joint0"


SCENE = """<mujoco><worldbody><body><joint name="slide" type="slide"/><geom size="1"/>
<body><joint name="turn" type="hinge"/><geom size="1"/></body></body></worldbody>
<actuator><position name="held" joint="slide" kp="3"/><velocity name="turned" joint="turn" kv="2"/>
<motor name="pushed" joint="turn"/></actuator></mujoco>"""


def test_kinds_and_units_follow_from_the_actuators():
    class Scene(gymnasium.Env):
        model = mujoco.MjModel.from_xml_string(SCENE)
        observation_space, action_space = Box(-1, 1, (2,)), Box(-1, 1, (3,))

    robot = robot_of(Scene())
    assert [(dim.name, dim.kind, dim.unit, dim.position) for dim in robot.actions] == [
        ("held", "joint_position", "m", None),
        ("turned", "joint_velocity", "rad/s", None),
        ("pushed", "other", "", None),
    ]
    assert robot.name == "Scene"


def test_a_description_of_another_size_is_refused():
    env = make_env("Reacher-v5")
    env.unwrapped.robot = kitchen_robot(30)
    with pytest.raises(InputError, match="expected 2 action dimensions, as the environment has"):
        robot_of(env)


def test_partial_actions_by_name():
    robot = kitchen_robot(30)
    partial = PartialAction.of({"joint1": 0.3, "left finger": -1, 4: 0.5}, robot)
    assert np.flatnonzero(partial.given).tolist() == [0, 4, 7]
    assert partial.values[[0, 4, 7]].tolist() == [np.float32(0.3), 0.5, -1]
    assert PartialAction.of({0: 0.3}, 3).given.tolist() == [True, False, False]
    assert not PartialAction.of({}, robot).given.any()
    for wrong in ({"joint0": 0.3}, {9: 0.3}, {-1: 0.3}, {"joint1": float("nan")}, {"joint1": "up"}):
        with pytest.raises(InputError):
            PartialAction.of(wrong, robot)


@given(st.data(), st.integers(1, 6))
def test_clipping_changes_given_values_beyond_the_box_alone(data, size):
    number = st.floats(-10, 10, width=32)
    values, ends = (data.draw(hnp.arrays(np.float32, size, elements=number)) for _ in range(2))
    partial = PartialAction(values, data.draw(hnp.arrays(bool, size)))
    low, high = np.minimum(ends, 0) - 1, np.maximum(ends, 0) + 1
    clipped = partial.clip(low, high)
    expected = np.where(partial.given, np.clip(values, low, high), 0).astype(np.float32)
    assert clipped.values.tobytes() == expected.tobytes()
    assert np.array_equal(clipped.given, partial.given)
    assert (clipped is partial) == np.array_equal(clipped.values, partial.values)
    batch = partial.batched()
    assert batch.values.shape == (1, size) and batch.batched() is batch
    assert np.array_equal(batch.clip(low, high).values, clipped.values[None])
    for each in (clipped, batch):
        with pytest.raises(ValueError, match="read-only"):
            each.values[...] = 1


DENSITIES = {
    "mac": ("mac", {"width": 8, "obs_width": 8, "layers": 1}, 30),
    "mixture_bc": ("mixture_bc", {"width": 8}, 30),
    "windowed": ("windowed", {"options": {"width": 8, "obs_width": 8}, "n_obs_steps": 2}, 30),
    "windowed-mixture": ("windowed", {"policy": "mixture_bc", "past": 1}, 30),
    "intent": ("intent", {"options": {"width": 8}, "intents": ("a", "b"), "width": 8}, 30),
    "retrieval": ("retrieval", {"options": {"width": 8}, "lengths": (3, 2)}, 30),
}


@pytest.mark.parametrize("kind", DENSITIES)
def test_a_likelihood_has_the_shape_of_its_observation(kind):
    name, options, size = DENSITIES[kind]
    cls, robot = policy_class(name), kitchen_robot(size)
    box = np.zeros(size), np.ones(size), robot.low, robot.high, robot
    policy = cls(cls.Config(**options), *box).eval()
    policy.reset(seed=0)
    one, obs = PartialAction.of({"joint2": 0.3}, robot), np.full(size, 0.1)
    for _ in range(2):  # before, and after, a step of this episode
        single, many = policy.log_prob(obs, one), policy.log_prob(obs[None], one.batched())
        assert np.shape(single) == () and np.shape(many) == (1,)
        assert float(single) == pytest.approx(float(many[0]))
        policy.act(obs, one)


class Before(Policy):
    """As a policy of version 0.1 was written: it may do as it likes with what it gets."""

    obs_dim, low, high = 3, -np.ones(2, np.float32), np.ones(2, np.float32)

    def complete(self, obs, values, given):
        assert values.shape == given.shape == (len(obs), 2)
        values[:] = 0.5
        return values


def test_policies_of_version_0_1_still_work():
    partial = PartialAction([0.25, 0.0], [True, False])
    assert Before().act(np.zeros(3), partial).tolist() == [0.25, 0.5]
    assert Before().act(np.zeros((4, 3))).shape == (4, 2)
    assert partial.values.tolist() == [0.25, 0.0]


def test_policies_are_made_for_an_environment(tmp_path):
    env = make_env("AdroitHandDoor-v1")
    for policy in (MacPolicy.for_env(env, MacConfig(width=8, obs_width=8)), BC.for_env(env)):
        loaded = load_policy(save_policy(tmp_path / policy.name, policy))
        assert loaded.robot == robot_of(env) and loaded.obs_dim == env.observation_space.shape[0]
        partial = PartialAction.of({"arm z": 0.5}, loaded.robot)
        obs, _ = env.reset(seed=0)
        action = loaded.act(obs, partial)
        assert action[0] == 0.5 and env.action_space.contains(action)
