"""Policies, operators, environments and recorders that fail, in both loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts import GOOD, MINE, Answers, Gives, Line, teleoperation

from mac_control.demonstrations import load_demonstrations
from mac_control.envs import make_kitchen
from mac_control.errors import EpisodeError
from mac_control.loop import evaluate, rollout
from mac_control.loop.evaluation import RowsFailed
from mac_control.operators import Nobody
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.teleop.recording import MinariRecorder

BAD_ANSWERS = {
    "nan": np.array([[np.nan, 0.0]]),
    "infinite": np.array([[0.0, -np.inf]]),
    "overflows": np.array([[0.0, 1e300]]),
    "other shape": np.zeros((2, 1)),
    "flat": np.zeros(2),
    "text": "left",
    "nothing": None,
    "raises": RuntimeError("out of\nmemory"),
}


@pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_policy_that_fails_ends_a_rollout_in_a_sentence_and_moves_nothing(bad):
    env = Line()
    with pytest.raises(EpisodeError, match=r"policy Answers, at step 2 of the .* seed 5: ") as why:
        rollout(env, Answers(GOOD, GOOD, bad), Gives(MINE), seed=5)
    assert len(env.actions) == 2 and "\n" not in str(why.value)


@pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_driving_goes_on_without_a_policy_that_fails(bad):
    env = Line()
    loop, said = teleoperation(env, Answers(GOOD, bad, bad, GOOD), Gives(MINE), ramp=0.1)
    steps = [loop.step() for _ in range(10)]
    sent = np.array([step.action for step in steps])
    assert np.array_equal(sent, env.actions)
    assert sent[:, 0].tolist()[4:] == [np.float32(0.4)] * 6  # the person's is not touched
    assert sent[:3, 1].tolist() == [0.25, 0.0, 0.0]  # stands still at once
    assert sent[3:7, 1].tolist() == pytest.approx([0.1, 0.2, 0.25, 0.25])  # back by a ramp
    assert len(said) == 1 and said[0].startswith("policy: ") and "hold still" in said[0]


@pytest.mark.parametrize("bad", [None, "x", ValueError("odd"), PartialAction.nothing(3)])
def test_an_operator_that_fails_is_named_in_a_rollout_and_left_out_while_driving(bad):
    env = Line()
    with pytest.raises(EpisodeError, match=r"operator Gives, at step 1 of the .* seed 0: "):
        rollout(env, Answers(GOOD), Gives(MINE, bad), seed=0)
    loop, said = teleoperation(env, Answers(GOOD), Gives(MINE, bad, bad, MINE))
    given = [loop.step().given.tolist() for _ in range(4)]
    assert given == [[True, False], [False, False], [False, False], [True, False]]
    assert len(said) == 1 and "the robot drives alone" in said[0]


@pytest.mark.parametrize("how", ["raises", "nan obs", "nan reward"])
def test_an_environment_that_fails_is_named_and_what_was_recorded_is_kept(tmp_path, how):
    match = r"environment Line, at step 3 of the episode of seed 0: "
    with pytest.raises(EpisodeError, match=match):
        rollout(Line(fails_at=4, how=how), Answers(GOOD), seed=0)
    env = Line(fails_at=4, how=how)
    recorder = MinariRecorder(tmp_path / "r-v0", env)
    loop, _ = teleoperation(env, Answers(GOOD), Gives(MINE), recorder=recorder)
    with pytest.raises(EpisodeError, match=match):
        loop.run()
    assert len(env.actions) == 4  # nothing more is sent
    loop.close()
    (episode,) = load_demonstrations(tmp_path / "r-v0")
    assert len(episode) == 3


class Failing(Policy):
    """Fails in the third step of every episode but one of a small batch."""

    obs_dim, low, high, name = 30, -np.ones(9, np.float32), np.ones(9, np.float32), "failing"

    def reset(self, seed=None):
        self.steps = 0

    def complete(self, obs, partial):
        self.steps += 1
        return np.full(partial.values.shape, np.nan if self.steps == 3 else 0.0)


class Standing(Failing):
    name = "standing"

    def complete(self, obs, partial):
        return np.zeros_like(partial.values)


def test_an_evaluation_keeps_the_rows_that_did_not_fail():
    told = []
    with pytest.raises(RowsFailed, match=r"1 of 2 rows failed, .*; failing with nobody") as error:
        evaluate(
            [Failing(), Standing()],
            episodes=2,
            workers=1,
            env="kitchen",
            env_options={"max_episode_steps": 5},
            on_row=told.append,
        )
    assert [row["policy"] for row in error.value.rows] == ["standing"] == [told[0][0]["policy"]]
    assert "at step 2 of the episodes of seeds [0, 1]" in error.value.why[0]


class Recorder:
    """Fails at everything."""

    def __getattr__(self, name):
        def fail(*_):
            raise OSError(28, "No space left on device")

        return fail


def test_driving_goes_on_without_a_recorder_that_fails():
    loop, said = teleoperation(Line(), Answers(GOOD), Nobody(2), recorder=Recorder())
    for _ in range(45):
        assert loop.step().action.tolist() == [0.25, 0.25]
    assert loop.episode == 2 and len(said) == 1 and "No space left" in said[0]


floats = st.floats(width=64)
answers = st.one_of(
    st.tuples(floats, floats).map(lambda v: np.array([v])),
    st.sampled_from(list(BAD_ANSWERS.values())),
)
readings = st.one_of(
    st.builds(
        lambda v, g: lambda: PartialAction(v, g),  # raises in the operator where it is not finite
        st.tuples(floats, floats),
        st.tuples(st.booleans(), st.booleans()),
    ),
    st.sampled_from([None, "x", ValueError("odd"), PartialAction.nothing(3)]),
)


class Own(Answers):
    """Has an `act` of its own, which nobody checks on the way out."""

    def act(self, obs, partial=None):
        batch = (np.atleast_2d(each) for each in (obs, partial.values.copy(), partial.given))
        answer = self.complete(*batch)
        fits = isinstance(answer, np.ndarray) and answer.size == partial.values.size
        return answer.reshape(partial.values.shape) if fits else answer


@settings(max_examples=300)
@given(
    st.lists(answers, min_size=1, max_size=5),
    st.lists(readings, min_size=1, max_size=5),
    st.sampled_from((Answers, Own)),
    st.sampled_from((1e-3, 0.5, 2.0)),
)
def test_nothing_unsafe_reaches_an_environment_whoever_fails(answers, readings, policy, width):
    """`Line.step` ends the test where it is sent something outside its box."""
    loop, _ = teleoperation(Line(width), policy(*answers), Gives(*readings))
    for _ in range(6):
        assert loop.step() is not None
    assert len(loop.env.actions) == 6
    try:
        rollout(Line(width), policy(*answers), Gives(*readings), seed=0)
    except EpisodeError as error:
        assert str(error).startswith(("policy", "operator"))


def test_the_kitchen_is_driven_within_its_box_by_a_policy_that_answers_anything():
    rng = np.random.default_rng(0)

    class Anything(Standing):
        def complete(self, obs, partial):
            answer = rng.normal(scale=10 ** rng.uniform(-2, 20), size=partial.values.shape)
            return np.where(rng.random(partial.values.shape) < 0.02, np.nan, answer)

    env, low, high = make_kitchen(max_episode_steps=60), -1, 1
    loop, said = teleoperation(env, Anything(), Nobody(9))
    sent = np.array([loop.step().action for _ in range(60)])
    assert np.isfinite(sent).all() and (low <= sent).all() and (sent <= high).all()
    assert len(said) == 1
    env.close()


class Fails(Answers):
    """Its reset fails from the second on."""

    resets = 0

    def reset(self, seed=None):
        self.resets += 1
        if self.resets > 1:
            raise RuntimeError("no reset")


class Road(Line):
    """A line that can go back."""

    def snapshot(self):
        return self.steps

    def restore(self, snapshot):
        self.steps = snapshot


@pytest.mark.parametrize("patience", [None, 5.0])
def test_driving_goes_on_where_a_policy_cannot_be_reset(patience):
    loop, said = teleoperation(Road(), Fails(GOOD), Gives(MINE))
    loop.guard.patience = patience
    loop.run(steps=5)
    loop.post("undo", 0.1)
    loop.run(steps=3)
    loop.post("reset")
    loop.run(steps=3)
    assert said == ["policy: RuntimeError: no reset; it goes on as it is"]
    assert loop.policy.resets == 3
    loop.close()


def test_a_policy_that_replaces_another_forgets_what_it_observed_before():
    class Remembers(Answers):
        seeds = ()

        def reset(self, seed=None):
            self.seeds = (*self.seeds, seed)

    first, second = Remembers(GOOD), Remembers(GOOD)
    loop, _ = teleoperation(Line(), first, Gives(MINE), seed=7)
    for policy in (second, first):
        loop.post("policy", policy)
        loop.run(steps=2)
    loop.post("trust", None)  # changes what is made of commands, not what was observed
    loop.run(steps=2)
    assert first.seeds == (7, 7) and second.seeds == (7,)
