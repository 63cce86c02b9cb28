"""How soft commands are: trust as said, adaptive trust, and driving with it."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from test_soft import policy

from mac_control import InputError, PartialAction, evaluate
from mac_control.cockpit.state import of_loop
from mac_control.policies import MacConfig, MacPolicy
from mac_control.policies.mixture_bc import MixtureBC
from mac_control.policies.retrieval import Retrieval, RetrievalConfig
from mac_control.policies.trusted import Adaptive, trusting
from mac_control.policies.zero import ZeroPolicy
from mac_control.teleop import DeviceOperator, DeviceState, Teleoperation
from mac_control.teleop.device import Device
from mac_control.teleop.mapping_file import parse_mapping


def drive(judge, offsets, dim=1):
    """Deviation of the commands after each step, driven this far off what the policy expects."""
    judge.reset(seed=0)
    obs, found = np.zeros((1, 5), np.float32), []
    own = judge.autonomous_action(obs)
    for offset in offsets:
        if offset is None:
            judge.act(obs, PartialAction.nothing(1, 4))
            found.append(None)
            continue
        values, mask = own.copy(), np.zeros((1, 4), bool)
        values[0, dim], mask[0, dim] = values[0, dim] + offset, True
        action = judge.act(obs, PartialAction(values, mask))
        found.append(float(np.abs(action - values)[0, dim]))
    return found


class Sure(MacPolicy):
    """One that says that it is sure, within 0.05."""

    def uncertainty(self, obs, partial):
        return np.full(partial.values.shape, 0.05, np.float32)

    def autonomous_action(self, obs):
        return np.zeros((len(obs), 4), np.float32)


def test_adaptive_trust_obeys_who_is_expected_smooths_who_is_not_and_forgets():
    torch.manual_seed(0)
    box, obs = np.ones(4), np.zeros(5)
    judge = Adaptive(Sure(MacConfig(width=16, layers=1, obs_width=16), obs, obs + 1, -box, box))
    assert drive(judge, [0.04, -0.03] * 5) == [0.0] * 10  # bit for bit
    changed = drive(judge, [0.6, -0.6] * 6)
    assert changed[-1] > changed[0] > 0
    trusted_again = drive(judge, [0.6, -0.6] * 6 + [None] * 60 + [0.04])
    assert trusted_again[-1] < 0.01 < changed[-1]
    steady = drive(judge, [0.6] * 5 + [0.0] * 50)
    assert steady[5] > 0 and steady[-1] < 1e-3


def test_the_gain_says_how_much_is_drawn_toward_the_policy():
    torch.manual_seed(0)
    box, obs = np.ones(4), np.zeros(5)
    sure = Sure(MacConfig(width=16, layers=1, obs_width=16), obs, obs + 1, -box, box)
    far = [drive(Adaptive(sure, gain), [0.6, -0.6] * 6)[-1] for gain in (0, 0.5, 1, 2)]
    assert far[0] == 0 and all(np.diff(far) > 0)
    assert trusting(sure, "adaptive").gain == 1 and trusting(sure, "adaptive=0.5").gain == 0.5
    for bad in ("adaptive=-1", "adaptive=inf", "adaptive=nan", "adaptive=x", "adaptive:z=-1"):
        with pytest.raises(InputError, match=r"trust: .*expected"):
            trusting(sure, bad)


def test_within_z_standard_deviations_commands_are_executed_bit_for_bit():
    torch.manual_seed(0)
    box, obs = np.ones(4), np.zeros(5)
    sure = Sure(MacConfig(width=16, layers=1, obs_width=16), obs, obs + 1, -box, box)
    offsets = [0.05, 0.14, -0.14, 0.3, 0.6] + [-0.6, 0.6] * 3
    soft, exact = (drive(Adaptive(sure, z=z), offsets) for z in (0, 3))
    v = 0.0  # as the formula has it, in standard deviations squared
    for offset, without, with_z in zip(offsets, soft, exact, strict=True):
        v = 0.9 * v + 0.1 * ((offset / 0.05) ** 2 - 1)
        assert with_z == (without if v >= 9 else 0.0)
    assert exact[3] == 0 < soft[3] and exact[-1] > 0


def test_each_dimension_is_softened_by_itself():
    torch.manual_seed(0)
    box, obs = np.ones(4), np.zeros(5)
    judge = Adaptive(
        Sure(MacConfig(width=16, layers=1, obs_width=16), obs, obs + 1, -box, box), z=3
    )
    partial = PartialAction([0.8, 0.1, 0.0, 0.0], [True, True, False, False]).batched()
    deviations = judge.deviations(np.zeros((1, 5), np.float32), partial)
    assert deviations[0].tolist() == [pytest.approx((0.064 - 0.00025) ** 0.5), 0, 0, 0]


def test_trust_is_said_in_a_word_or_a_number():
    acting = policy()
    assert trusting(acting, None) is acting
    assert isinstance(trusting(acting, "adaptive"), Adaptive) and trusting(acting, "0.2").std == 0.2
    assert trusting(acting, "z=2").z == 2.0
    for said in ("adaptive:gain=0.5:z=3", "adaptive=0.5:z=3", "adaptive:z=3:gain=0.5"):
        assert (trusting(acting, said).gain, trusting(acting, said).z) == (0.5, 3.0)
    wrong = ("adaptive:z", "adaptive:z=2:z=3", "adaptive:k=2", "adaptive=", "z=")
    for bad in ("often", "z=much", "-1", "", *wrong, "adaptive=1:gain=2", "0.1:z=2", "z=2:z=3"):
        with pytest.raises(InputError, match="trust: expected"):
            trusting(acting, bad)
    with pytest.raises(InputError, match="own spread"):
        box = np.ones(2)
        trusting(
            MixtureBC(MixtureBC.Config(width=8), np.zeros(3), np.ones(3), -box, box), "adaptive"
        )


def test_retrieval_passes_deviations_on():
    from mac_control.envs.kitchen.robot import kitchen_robot

    box = (np.zeros(30), np.ones(30), -np.ones(9), np.ones(9), kitchen_robot(30))
    wrapped = Retrieval(RetrievalConfig(lengths=(5, 4)), *box)
    command, obs = PartialAction.of({0: 0.9}, 9), np.zeros((1, 30), np.float32)
    wrapped.reset(seed=0)
    soft = wrapped.act(obs, command.batched().soften(0.5))[0, 0]
    assert soft == wrapped.inner.act(obs, command.batched().soften(0.5))[0, 0] != np.float32(0.9)


def test_an_evaluation_says_how_near_commands_were_done():
    from mac_control.envs.kitchen.robot import kitchen_robot

    torch.manual_seed(0)
    box = (np.zeros(30), np.ones(30), -np.ones(9), np.ones(9), kitchen_robot(30))
    acting = MacPolicy(MacConfig(width=16, layers=1, obs_width=16), *box)
    arguments = {"num_given": [3], "episodes": 2, "workers": 1}
    arguments["env_options"] = {"max_episode_steps": 9}
    (obeyed,) = evaluate([acting], ["random"], **arguments)
    (eased,) = evaluate([acting], ["random"], trust=0.5, **arguments)
    assert (obeyed["trust"], eased["trust"]) == (None, "0.5")
    assert obeyed["metrics"]["obedience"] == 1.0
    assert 0 < eased["metrics"]["obedience"] < 0.97 and eased["metrics"]["acceptance_rate"] < 0.1
    by_hand = evaluate([acting], ["random+soft:std=0.5"], **arguments)[0]["metrics"]["obedience"]
    assert by_hand == pytest.approx(eased["metrics"]["obedience"])
    with pytest.raises(InputError, match="particles: expected at least 1"):
        replace(acting.config, particles=0)


class Held(Device):
    """Two axes, held where the test says."""

    def __init__(self, clock, **axes):
        self.clock, self.axes = clock, axes

    def connect(self):
        pass

    def read(self):
        return DeviceState(self.axes, frozenset(), self.clock(), 0.0)


class Box(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (5,), np.float32)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (4,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(5, np.float32), {}

    def step(self, action):
        return np.zeros(5, np.float32), 0.0, False, False, {}


def driven(new_clock, std=0.0, **options):
    clock = new_clock()
    table = {"axis": [{"axis": "x", "dim": 1, "std": std}, {"axis": "y", "dim": 3}]}
    operator = DeviceOperator(
        Held(clock, x=0.9, y=-0.8), parse_mapping(table, 4), patience=1.0, clock=clock
    )
    loop = Teleoperation(
        Box(), policy(), operator, rate=20, clock=clock, sleep=clock.sleep, ramp=1.0, **options
    )
    loop.transfer.restart(rest=False)
    return loop


def test_driving_executes_what_the_policy_makes_of_a_soft_command(new_clock):
    exact, soft = driven(new_clock), driven(new_clock, std=0.3)
    for loop in (exact, soft):
        for _ in range(3):
            step = loop.step()
        assert step.values[[1, 3]].tolist() == [np.float32(0.9), np.float32(-0.8)]
        assert step.action[3] == np.float32(-0.8)
    assert exact.step().action[1] == np.float32(0.9)
    step = soft.step()
    command = PartialAction([0, 0.9, 0, -0.8], np.arange(4) % 2 == 1, [0, 0.3, 0, 0])
    expected = soft.policy.act(step.obs.astype(np.float32), command)
    assert step.action == pytest.approx(expected) and step.action[1] != np.float32(0.9)


def test_trust_is_changed_while_driving(new_clock):
    loop = driven(new_clock)
    loop.step()
    loop.post("trust", 0.4)
    for _ in range(3):
        step = loop.step()
    assert step.values[1] == np.float32(0.9) and abs(step.action[1] - 0.9) > 0.01
    said = []
    loop.notify = said.append
    loop.post("trust", "never")
    loop.step()
    assert "trust: expected" in said[0] and loop.trust == 0.4
    loop.post("trust", float("inf"))
    loop.step()
    assert loop.trust == float("inf") and of_loop(loop)["trust"] is None  # the page shows no dial
    loop.post("trust", None)
    for _ in range(3):
        step = loop.step()
    assert step.action[1] == np.float32(0.9)
    loop.post("policy", ZeroPolicy(5, -np.ones(4), np.ones(4)))
    loop.post("trust", 0.4)
    for _ in range(3):
        step = loop.step()
    assert "weighs" in said[-1] and step.action[1] == np.float32(0.9)


@pytest.mark.parametrize("options", [{"trust": 0.4}, {"std": 0.3}])
def test_a_soft_command_that_comes_while_the_policy_thinks_waits_to_be_weighed(new_clock, options):
    loop = driven(new_clock, **options)
    device, complete = loop.operator.device, loop.policy.complete
    axes, device.axes = device.axes, {}

    def slow(obs, partial):
        device.axes = axes
        return complete(obs, partial)

    loop.policy.complete = slow
    step = loop.step()
    assert not step.given[1] and step.action[1] == step.filled[1]
    assert loop.step().given[1]


def test_a_wrapper_draws_as_the_policy_that_it_wraps():
    own = policy()
    obs, partial = np.zeros(own.obs_dim), PartialAction.nothing(own.action_dim)
    wrapped = trusting(own, 0.1)
    drawn = []
    for one in (own, wrapped):
        one.reset(seed=0)
        drawn.append(one.sample(obs, partial))
    assert np.array_equal(*drawn)
    assert (
        trusting(ZeroPolicy(3, -np.ones(2), np.ones(2)), None).sample(
            np.zeros(3), PartialAction.nothing(2)
        )
        is None
    )
