"""Operators around operators: what each does to the commands, and specs as text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.errors import InputError
from mac_control.operators import Operator, make_operator
from mac_control.operators.degraded import Intermittent, Laggy, LowRate, Noisy
from mac_control.operators.mistaken import Wrong
from mac_control.operators.patterns import Joystick, Shifting
from mac_control.operators.soft import Soft
from mac_control.operators.spec import WRAPPERS, parse
from mac_control.partial import PartialAction

D, STEPS, ROBOT = 9, 400, kitchen_robot(30)


class Counter(Operator):
    """Gives the number of its readings, every dimension."""

    def reset(self, seed=None):
        self.count = 0

    def read(self, obs):
        self.count += 1
        return PartialAction.everything(np.full(D, self.count, np.float32))


def run(operator, seed=0, steps=STEPS):
    """Values and masks `(T, D)` of one episode."""
    operator.reset(seed)
    read = [operator.read(np.zeros(30)) for _ in range(steps)]
    return np.stack([p.values for p in read]), np.stack([p.given for p in read])


SPECS = (
    "noisy:0.1",
    "noisy:std=0.1:decay=0.9",
    "laggy:0.5",
    "low-rate:4",
    "intermittent:10:5",
    "k:3",
    "dims:0:4",
    "group:base",
    "joystick:hold=6",
    "shifting:k=2:hold=10",
)


@given(st.lists(st.sampled_from(SPECS), max_size=4), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_an_episode_follows_from_its_seed(wrappers, seed):
    operator = make_operator("+".join(["random", *wrappers]), action_dim=D, robot=ROBOT)
    first = run(operator, seed, 30)
    run(operator, seed + 1, 7)
    again = run(operator, seed, 30)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_noise_has_the_asked_spread_and_correlation():
    for decay in (0.0, 0.9):
        values, _ = run(Noisy(Counter(), std=0.2, decay=decay), steps=4000)
        noise = values - np.arange(1, 4001)[:, None]
        assert noise.std() == pytest.approx(0.2, rel=0.1)
        correlation = np.corrcoef(noise[1:].ravel(), noise[:-1].ravel())[0, 1]
        assert correlation == pytest.approx(decay, abs=0.05)


def test_a_lag_repeats_the_last_command_and_catches_up():
    values, _ = run(Laggy(Counter(), p=0.6))
    fresh = values[:, 0] == np.arange(1, STEPS + 1)
    assert fresh.mean() == pytest.approx(0.4, abs=0.08)
    assert np.array_equal(values[1:][~fresh[1:]], values[:-1][~fresh[1:]])
    assert np.array_equal(run(Laggy(Counter(), p=0.0))[0][:, 0], np.arange(1, STEPS + 1))


def test_a_low_rate_gives_a_new_command_every_n_steps():
    values, _ = run(LowRate(Counter(), every=4), steps=9)
    assert values[:, 0].tolist() == [1, 1, 1, 1, 5, 5, 5, 5, 9]


def test_hands_come_on_and_off_for_the_asked_times():
    _, mask = run(Intermittent(Counter(), on=10, off=30), steps=8000)
    assert np.array_equal(mask.all(1), mask.any(1))
    assert mask.mean() == pytest.approx(0.25, abs=0.06)
    switches = np.count_nonzero(np.diff(mask[:, 0].astype(int)))
    assert switches == pytest.approx(2 * 8000 / 40, rel=0.2)


def demonstrations(frames=100):
    """Two straight lines in joint space, 0 to 1 and 0 to -1."""
    ramp = np.linspace(0, 1, frames)[:, None] * np.ones(30)
    episodes = [Episode(s * ramp, np.zeros((frames, D))) for s in (1, -1)]
    return Demonstrations(episodes, robot=ROBOT)


def test_a_wrong_spell_drives_far_away_and_is_marked():
    operator = Wrong(make_operator("nobody", action_dim=D), demonstrations(), every=20, length=10)
    operator.reset(0)
    spells = []
    for _ in range(STEPS):
        assert not operator.read(np.full(30, 0.5)).given.any()  # the operator's own dimensions
        spells.append(operator.wrong)
    assert np.mean(spells) == pytest.approx(1 / 3, abs=0.12)
    everything = Wrong(Counter(), demonstrations(), every=1, length=10)
    everything.reset(1)
    values = everything.read(np.full(30, 0.5)).values
    assert everything.wrong
    # At least a quarter of a demonstration away: 0.25 rad, minus the frames it looks ahead.
    assert (np.abs(values) >= 5 * 0.19).all()


@pytest.mark.parametrize("wrap", [Noisy, lambda inner: Wrong(inner, demonstrations(), every=1)])
def test_soft_commands_stay_soft_when_they_are_wrong(wrap):
    operator = wrap(Soft(Counter(), std=0.3))
    operator.reset(0)
    assert operator.read(np.full(30, 0.5)).std == pytest.approx(np.full(D, 0.3))


def test_joystick_gives_the_pair_on_which_most_is_wanted():
    class Wants(Operator):
        def read(self, obs):
            return PartialAction.everything([0, 0, 0.1, 0.1, 0, 0, 0, 0.2, -0.9])

    _, mask = run(Joystick(Wants(), D, hold=5), steps=12)
    assert (mask.sum(1) == 2).all() and mask[:, 7:].all()


def test_a_shifting_set_keeps_its_size_and_changes():
    _, mask = run(Shifting(Counter(), D, k=3, hold=20), steps=2000)
    assert (mask.sum(1) == 3).all()
    changes = (mask[1:] != mask[:-1]).any(1).sum()
    assert changes == pytest.approx(2000 / 20, rel=0.35)
    assert (mask.mean(0) > 0.15).all()


def test_the_same_dimensions_are_drawn_whatever_else_is_wrapped():
    plain = make_operator("random", action_dim=D, given=3)
    other = make_operator("random+laggy:0.5+noisy:0.1", action_dim=D, given=3)
    for seed in range(5):
        assert np.array_equal(run(plain, seed, 2)[1], run(other, seed, 2)[1])


def test_specs_are_read_from_the_inside_out():
    operator = make_operator("random:hold=2+laggy:0.3+low-rate:every=5+k:4", action_dim=D)
    assert operator.k == 4
    assert operator.operator.every == 5
    assert operator.operator.operator.p == 0.3
    assert operator.operator.operator.operator.hold == 2
    held = make_operator("tracker:resync=true", action_dim=D, demonstrations=demonstrations())
    assert held.resync is True
    assert parse("package.module:Class:a=1+k:3")[0].name == "package.module:Class"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("", "NAME"),
        ("nobody+", "NAME"),
        ("nobody+k:a=1:a=2", "NAME"),
        ("nobody+lag", f"one of {', '.join(WRAPPERS)}"),
        ("nobody+laggy:p=x", "p: expected float, got 'x'"),
        ("nobody+laggy:q=1", r"arguments out of \(p\)"),
        ("nobody+laggy:2", "p: expected a finite number from 0 to 1"),
        ("nobody+noisy:nan", "std"),
        ("nobody+laggy:0.1:0.2", "at most 1"),
        ("nobody+laggy:0.1:p=0.2", "each once"),
        ("nobody+group:w", "base, elbow, wrist, gripper"),
        ("nobody+dims:0:99", "dimensions from 0 to 8"),
        ("nobody+k", "expected k, got none"),
        ("nobody+wrong", "expected demonstrations, got none"),
        ("tracker:resync=maybe", "resync: expected bool"),
    ],
)
def test_a_spec_that_cannot_be_says_why(spec, sentence):
    resources = {"demonstrations": demonstrations()} if spec.startswith("tracker") else {}
    resources["robot"] = ROBOT
    with pytest.raises(InputError, match=sentence):
        make_operator(spec, action_dim=D, **resources)


def test_two_wrappers_of_a_class_draw_differently():
    twice = Noisy(Noisy(Counter(), 0.1), 0.1)
    once, both = run(Noisy(Counter(), 0.1))[0], run(twice)[0]
    count = np.arange(1, STEPS + 1)[:, None]
    assert (once - count).std() == pytest.approx(0.1, rel=0.05)
    assert (both - count).std() == pytest.approx(0.1 * np.sqrt(2), rel=0.05)


@pytest.mark.parametrize("hold", [lambda o: Laggy(o, 0.8), lambda o: LowRate(o, 4)])
def test_a_command_that_is_held_stays_as_wrong_as_it_was(hold):
    class Spells(Counter):  # wrong in every second ten of its readings
        @property
        def wrong(self):
            return self.count % 20 >= 10

    operator = hold(Spells())
    operator.reset(3)
    marks = {}
    for _ in range(STEPS):
        value = int(operator.read(np.zeros(30)).values[0])
        assert marks.setdefault(value, operator.wrong) == operator.wrong == (value % 20 >= 10)
    assert set(marks.values()) == {False, True}
