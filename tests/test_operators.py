"""Operators: what they give, by what name, and which dimensions are kept."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import Demonstrations, Episode, InputError, PartialAction
from mac_control.checkpoint import save_policy
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.errors import DataError
from mac_control.operators import Nobody, Operator, Proxy, Restricted, make_operator, operator_names
from mac_control.operators.spec import uses_demonstrations
from mac_control.policies import MacConfig, MacPolicy, Policy
from mac_control.policies.windowed import WindowConfig, Windowed

OBS = np.zeros(30)


class Constant(Policy):
    """Always the same action, whatever is seen."""

    obs_dim, low, high = 30, -np.ones(9, np.float32), np.ones(9, np.float32)

    def complete(self, obs, partial):
        return np.tile(np.linspace(-0.4, 0.4, 9, dtype=np.float32), (len(obs), 1))


class Whole(Operator):
    """Gives 0, 1, ..., D - 1."""

    def __init__(self, action_dim):
        self.action_dim, self.seeds, self.closed = action_dim, [], False

    def reset(self, seed=None):
        self.seeds.append(seed)

    def read(self, obs):
        return PartialAction.everything(np.arange(self.action_dim))

    def close(self):
        self.closed = True


@pytest.fixture
def demonstrations():
    rng = np.random.default_rng(0)
    episodes = [Episode(rng.normal(size=(6, 30)), rng.uniform(-1, 1, (6, 9))) for _ in range(3)]
    return Demonstrations(episodes, robot=kitchen_robot(30))


def test_our_own_operators_are_entry_points():
    assert {"everything", "nobody", "proxy", "tracker"} <= set(operator_names())


def test_nobody_gives_nothing_and_the_proxy_what_the_policy_does():
    assert not make_operator("nobody", action_dim=9, given=3).read(OBS).given.any()
    proxy = make_operator("proxy", action_dim=9, policy=Constant())
    assert isinstance(proxy, Proxy)
    partial = proxy.read(OBS)
    assert partial.given.all()
    assert np.array_equal(partial.values, Constant().act(OBS))


def test_proxies_of_a_stateful_policy_keep_a_state_each(tmp_path):
    box = np.zeros(3), np.ones(3), -np.ones(2), np.ones(2)
    policy = Windowed(WindowConfig("bc", {"width": 8}, n_obs_steps=3), *box)
    save_policy(tmp_path / "policy", policy)
    seen = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    for resources in ({"name": f"policy:{tmp_path / 'policy'}"}, {"name": "proxy"}):
        pair = [make_operator(**resources, action_dim=2, policy=policy) for _ in range(2)]
        for operator in pair:
            operator.reset(seed=0)
        read = np.array([[o.read(x).values for o, x in zip(pair, at, strict=True)] for at in seen])
        assert next(pair[0].policy.parameters()) is next(pair[1].policy.parameters())
        for i in range(2):
            policy.reset(seed=0)
            assert np.array_equal(read[:, i], [policy.act(x) for x in seen[:, i]])


def test_proxies_of_a_policy_that_draws_have_a_stream_each():
    box = np.zeros(3), np.ones(3), -np.ones(2), np.ones(2)
    policy = MacPolicy(MacConfig(width=8, obs_width=8, decoding="sample"), *box)

    def drawn(operator, seed):
        operator.reset(seed)
        return [operator.read(np.zeros(3)).values for _ in range(3)]

    pair = [Proxy(policy) for _ in range(2)]
    for operator, seed in zip(pair, (5, 6), strict=True):
        operator.reset(seed)
    together = [pair[0].read(np.zeros(3)).values for _ in range(3)]
    assert np.array_equal(together, drawn(Proxy(policy), 5))


def test_everything_is_plain_teleoperation(demonstrations):
    tracked = make_operator("everything", action_dim=9, demonstrations=demonstrations)
    tracker = make_operator("tracker", action_dim=9, demonstrations=demonstrations)
    for operator in (tracked, tracker):
        operator.reset(seed=4)
    assert tracked.read(OBS).given.all()
    assert np.array_equal(tracked.read(OBS).values, tracker.read(OBS).values)
    by_policy = make_operator("everything", action_dim=9, policy=Constant())
    assert np.array_equal(by_policy.read(OBS).values, Constant().act(OBS))


@given(dims=st.sets(st.integers(0, 8)))
def test_a_fixed_list_of_dimensions_is_kept(dims):
    operator = Restricted(Whole(9), 9, dims=sorted(dims))
    operator.reset(seed=0)
    partial = operator.read(OBS)
    assert set(np.flatnonzero(partial.given)) == dims
    assert np.array_equal(partial.values, np.where(partial.given, np.arange(9), 0))


@given(k=st.integers(0, 9), seed=st.integers(0, 2**32))
@settings(max_examples=50)
def test_k_dimensions_are_drawn_per_episode_by_the_seed_and_held(k, seed):
    operator, same = Restricted(Whole(9), 9, k=k), Restricted(Whole(9), 9, k=k)
    operator.reset(seed - 1 if seed else 1)
    operator.reset(seed)
    same.reset(seed)
    masks = [operator.read(OBS).given for _ in range(3)]
    assert masks[0].sum() == k
    assert all(np.array_equal(mask, same.read(OBS).given) for mask in masks)
    assert operator.operator.seeds[-1] == seed


def test_every_dimension_is_drawn_about_as_often():
    operator = Restricted(Whole(9), 9, k=3)
    counts = np.zeros(9)
    for seed in range(900):
        operator.reset(seed)
        counts[operator.dims] += 1
    assert (np.abs(counts - 300) < 5 * np.sqrt(900 * 1 / 3 * 2 / 3)).all()


def test_closing_and_the_context_manager_reach_the_device():
    with Restricted(Whole(9), 9, k=1) as operator:
        assert not operator.operator.closed
    assert operator.operator.closed


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"k": 10}, "k: expected a number of dimensions from 0 to 9, got 10"),
        ({"k": -1}, "k: expected"),
        ({"dims": [9]}, r"dims: expected different dimensions from 0 to 8, got \[9\]"),
        ({"dims": [1, 1]}, "dims: expected different"),
        ({}, "expected one of the two"),
        ({"k": 1, "dims": [1]}, "expected one of the two"),
    ],
)
def test_wrong_dimensions_get_a_sentence(arguments, message):
    with pytest.raises(InputError, match=message):
        Restricted(Nobody(9), 9, **arguments)


THIRD_PARTY = """
import numpy as np
from mac_control import PartialAction
from mac_control.operators import Operator

class Joystick(Operator):
    def __init__(self, action_dim, axis=1):
        self.action_dim, self.axis = action_dim, axis

    def read(self, obs):
        mask = np.arange(self.action_dim) == self.axis
        return PartialAction(np.full(self.action_dim, 0.5), mask)

class NotAnOperator:
    pass

class Unplugged(Joystick):
    def __init__(self):
        1 / 0
"""


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    """A package of someone else, installed with an entry point."""
    (tmp_path / "joystick_pkg.py").write_text(THIRD_PARTY)
    info = tmp_path / "joystick_pkg-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: joystick-pkg\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[mac_control.operators]\njoystick = joystick_pkg:Joystick\ngone = joystick_pkg:Gone\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield info / "entry_points.txt"
    sys.modules.pop("joystick_pkg", None)


def test_an_installed_package_adds_an_operator(third_party):
    operator = make_operator("joystick", action_dim=9, axis=2, policy=Constant())
    assert np.flatnonzero(operator.read(OBS).given).tolist() == [2]
    assert not make_operator("joystick", action_dim=9, given=[0]).read(OBS).given.any()
    with pytest.raises(InputError, match="operator 'gone': cannot be imported"):
        make_operator("gone", action_dim=9)


def test_two_packages_that_offer_one_name_are_told_apart(third_party):
    third_party.write_text("[mac_control.operators]\nnobody = joystick_pkg:Joystick\n")
    with pytest.raises(InputError, match="operator 'nobody': expected one package to offer it"):
        make_operator("nobody", action_dim=9)


def test_a_class_is_named_by_its_module(third_party):
    operator = make_operator("joystick_pkg:Joystick", action_dim=9)
    assert np.flatnonzero(operator.read(OBS).given).tolist() == [1]
    with pytest.raises(InputError, match="expected an Operator, got NotAnOperator"):
        make_operator("joystick_pkg:NotAnOperator", action_dim=9)
    with pytest.raises(InputError, match="'json:__name__': expected a callable, got str"):
        make_operator("json:__name__", action_dim=9)
    with pytest.raises(InputError, match="cannot be made: ZeroDivisionError: division by zero"):
        make_operator("joystick_pkg:Unplugged", action_dim=9)
    for name in ("joystick_pkg:Gone", "no_such_module:Gone", ":Gone", "joystick_pkg:"):
        with pytest.raises(InputError, match="cannot be imported"):
            make_operator(name, action_dim=9)


def test_errors_list_the_names_and_say_what_is_needed():
    with pytest.raises(InputError, match=r"expected one of everything, .*nobody, .* got 'joystik'"):
        make_operator("joystik", action_dim=9)
    with pytest.raises(InputError, match="operator 'proxy': expected policy, got none"):
        make_operator("proxy", action_dim=9)
    with pytest.raises(InputError, match="operator 'tracker': expected demonstrations, got none"):
        make_operator("tracker", action_dim=9)
    with pytest.raises(InputError, match="expected demonstrations or a policy, got neither"):
        make_operator("everything", action_dim=9)


def test_dimensions_may_be_one_name_or_any_whole_number():
    robot = kitchen_robot(30)
    for kept, count in ((np.int64(2), 2), ("wrist", len(robot.dims("wrist"))), ("joint1", 1)):
        operator = make_operator("proxy", action_dim=9, given=kept, robot=robot, policy=Constant())
        operator.reset(0)
        assert operator.read(OBS).given.sum() == count
    with pytest.raises(InputError, match="values: expected each dimension once, got joint1, 0"):
        PartialAction.of({"joint1": 0.3, 0: 0.2}, robot)


def test_weights_are_one_for_each_episode(demonstrations):
    with pytest.raises(DataError, match=r"weights: expected one for each of 3 episodes, got shape"):
        replace(demonstrations, weights=np.ones(2))


class Follower(Nobody):
    """An operator of one's own, who can do without demonstrations."""

    def __init__(self, action_dim, demonstrations=None):
        super().__init__(action_dim)


def test_an_operator_says_by_its_constructor_whether_it_follows_demonstrations():
    needs = {spec: uses_demonstrations(spec) for spec in ("tracker", "varied", "proxy+wrong")}
    assert all(needs.values()) and uses_demonstrations("everything")
    mine = f"{__name__}:Follower"
    assert not uses_demonstrations(mine) and uses_demonstrations(mine, optional=True)
    for without in ("nobody", "proxy", "random+k:3", "nobdy"):
        assert not uses_demonstrations(without, optional=True)


HINTED = """
from __future__ import annotations
from typing import TYPE_CHECKING
from mac_control.operators import Nobody
if TYPE_CHECKING:
    import gymnasium

class Fast(Nobody):
    def __init__(self, action_dim: int, env: gymnasium.Env | None = None, speed: float = 1.0):
        super().__init__(action_dim)
        self.speed = speed
"""


def test_annotations_for_type_checkers_alone_do_not_keep_an_operator_out(tmp_path, monkeypatch):
    (tmp_path / "hinted.py").write_text(HINTED)
    monkeypatch.syspath_prepend(tmp_path)
    assert make_operator("hinted:Fast:speed=2", action_dim=3).speed == 2.0


def test_dimensions_that_are_not_known_are_one_sentence():
    with pytest.raises(InputError, match=r"given: expected indices .* got \['wrist'\]; pass"):
        make_operator("random", action_dim=3, given=["wrist"])
    with pytest.raises(InputError, match="dims: expected some dimensions"):
        make_operator("random+dims", action_dim=3)
    assert PartialAction.of({0: 0.3}, np.int64(3)).given.tolist() == [True, False, False]
