"""Retrieval: a belief over stored demonstrations, on plans whose ends are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control.checkpoint import load_policy, save_policy
from mac_control.cli import run
from mac_control.demonstrations import Demonstrations, Episode, save_minari
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.errors import InputError
from mac_control.operators.tracker import Tracker
from mac_control.partial import PartialAction
from mac_control.policies.bc import BC
from mac_control.policies.retrieval import Retrieval, RetrievalConfig
from mac_control.robot import ActionDim, Robot
from mac_control.scripts.train import chosen, main, parse, with_policy
from mac_control.training import TrainConfig, new_policy, train

D, OBS, T = 9, 12, 30
SPEED = np.array([0.4, -0.4])
DIMS = kitchen_robot(30).actions
ROBOT = Robot("arm and fingers", DIMS)


def plans(calm=(True, True)) -> Demonstrations:
    """Two plans that part at once: all joints move on, or all move back."""
    episodes = []
    for speed, is_calm in zip(SPEED, calm, strict=True):
        seen = np.zeros((T, OBS), np.float32)
        seen[:, :D] = 0.09 * speed * np.arange(T)[:, None]
        actions = np.full((T, D), speed, np.float32)
        executed = actions if is_calm else actions + np.float32(0.1)
        episodes.append(Episode(seen, actions, executed=executed))
    return Demonstrations(episodes, robot=ROBOT)


def remembering(demonstrations=None, **config) -> Retrieval:
    options = {"policy": "bc", "options": {"width": 8}, "share": 1.0, **config}
    return new_policy("retrieval", demonstrations or plans(), 0, RetrievalConfig(**options))


def drive(policy: Retrieval, speeds: np.ndarray, known: np.ndarray, steps: int) -> np.ndarray:
    """An arm that does what is filled in, and whose operator drives joint 0 at these speeds."""
    policy.reset(seed=0)
    obs = np.zeros((len(speeds), OBS), np.float32)
    values = np.tile(speeds[:, None], (1, D))
    for _ in range(steps):
        action = policy.act(obs, PartialAction(values, known))
        obs[:, :D] += 0.09 * action
    return action


@pytest.mark.parametrize("wild", [1e10, 1e20, 1e30])
def test_one_wild_observation_is_forgotten_again(wild):
    policy, known = remembering(), np.arange(D) == 0
    policy.reset(seed=0)
    mine = PartialAction(np.full((1, D), SPEED[0]), known[None])
    obs = np.zeros((1, OBS), np.float32)
    for step in range(20):
        seen = np.full_like(obs, wild) if step == 2 else obs
        action = policy.act(seen, mine)
        if step != 2:
            obs[:, :D] += 0.09 * action
    assert policy.belief[0, 0] > 0.99 and np.allclose(action, SPEED[0], atol=0.05)


def test_what_is_free_follows_the_plan_that_what_is_given_fits():
    policy = remembering()
    known = np.zeros((2, D), bool)
    known[:, 0] = True
    action = drive(policy, SPEED, known, 20)
    assert np.abs(action - SPEED[:, None]).max() < 0.1
    assert policy.belief.argmax(1).tolist() == [0, 1] and policy.belief.max(1).min() > 0.9


def test_between_plans_free_dimensions_vary_as_the_given_ones_do():
    """At the first step both plans are alike, so joint j's regression on joint 0 has slope ~1."""
    policy = remembering()
    known = np.eye(1, D, dtype=bool)
    (action,) = policy.act(np.zeros((1, OBS)), PartialAction([[0.2] + [0] * 8], known))
    slope = 0.4**2 / (0.4**2 + 0.01)
    assert action[1:] == pytest.approx(np.full(D - 1, 0.2 * slope), abs=0.02)


def test_a_remembered_plan_is_fed_back_to():
    policy = remembering(plans().select([0]))
    obs = np.zeros((1, OBS), np.float32)
    obs[0, 3] = -0.05  # behind the first frame
    (action,) = policy.act(obs, PartialAction([[0.4] + [0] * 8], np.eye(1, D, dtype=bool)))
    assert action[3] == pytest.approx(0.4 + 0.05 * DIMS[3].gain, abs=1e-5)


def test_with_nothing_given_it_does_as_the_policy_within():
    policy = remembering()
    obs = np.random.default_rng(0).normal(size=(3, OBS))
    assert np.array_equal(policy.act(obs), policy.inner.act(obs))


def test_plans_are_tracked_as_the_tracking_operator_does():
    """With one plan and all weight on it, what is free is what the tracker says."""
    one = plans().select([0])
    policy, tracker = remembering(one), Tracker(one, demonstration=0)
    rng, known = np.random.default_rng(0), np.eye(1, D, dtype=bool)
    for _ in range(20):
        obs = np.zeros(OBS, np.float32)
        obs[:D] = 0.01 * rng.normal(size=D)  # about the first frame: fingers are off too
        wanted = tracker.read(obs).values
        assert tracker.frame == 0
        policy.reset(seed=0)
        (action,) = policy.act(obs[None], PartialAction(wanted[None], known))
        np.testing.assert_allclose(action, wanted, atol=1e-5)


def test_share_mixes_plans_and_the_policy_within():
    obs, mine = np.full((1, OBS), 0.1), PartialAction([[0.3] + [0] * 8], np.eye(1, D, dtype=bool))
    own, both, plan = (remembering(share=share).act(obs, mine) for share in (0.0, 0.5, 1.0))
    assert np.allclose(both, (own + plan) / 2, atol=1e-6) and not np.allclose(own, plan)


def test_it_learns_of_the_plan_while_everything_is_given():
    policy = remembering()
    drive(policy, SPEED, np.ones((2, D), bool), 15)
    assert policy.belief.argmax(1).tolist() == [0, 1]


def test_soft_commands_count_as_far_as_they_are_meant():
    policy, obs = remembering(policy="mac", options={"width": 8}), np.zeros((1, OBS))
    exact, found = PartialAction.of({0: SPEED[0]}, D).batched(), []
    for partial in (*(exact.soften(s) for s in (0, 1, 1e3, np.inf)), PartialAction.nothing(1, D)):
        policy.reset(seed=0)
        first = policy.act(obs, partial)[0]
        planned = policy.planned(obs, policy.taken(partial))[0, 1]
        found.append((policy.belief[0, 0], planned, first, policy.act(obs, partial)[0]))
    beliefs, second, firsts, actions = zip(*found, strict=True)
    assert beliefs[0] > beliefs[1] > beliefs[2] == pytest.approx(beliefs[3], abs=1e-4)
    # Plans are alike: another joint is off their mean of 0 only by what joint 0 tells of it.
    assert second[0] > 0.3 and 0.01 < second[1] < 0.1 and abs(second[2]) < 0.01
    assert beliefs[3] == beliefs[4] and np.array_equal(actions[3], actions[4])
    assert firsts[0][1] == pytest.approx(second[0], abs=1e-6)  # the share is 1
    assert np.allclose(actions[2], actions[4], atol=1e-3)


def test_the_share_shrinks_with_the_most_exact_command():
    policy, obs = remembering(policy="mac", options={"width": 8}, share=0.8), np.zeros((1, OBS))
    exact = PartialAction.of({0: SPEED[0], 1: 0.1}, D).batched()
    assert DIMS[0].gain == DIMS[1].gain == 5
    for first, second, expected in ((0, 9, 0.8), (9, 1, 0.4), (2, 3, 0.16), (1e3, 1e3, 0)):
        partial = exact.soften(np.r_[first, second, np.zeros(D - 2)])
        policy.reset(seed=0)
        action, plan = policy.act(obs, partial), policy.planned(obs, partial)
        own = policy.inner.act(obs, partial)
        assert np.allclose((action - own)[:, 2:], expected * (plan - own)[:, 2:], atol=1e-5)


def test_those_that_were_disturbed_least_are_remembered():
    policy = remembering(plans(calm=(False, True)), plans=1)
    assert policy.config.lengths == (T,)
    assert np.allclose(policy.done[0].numpy(), SPEED[1])


def test_checkpoints_hold_the_plans(tmp_path):
    config = RetrievalConfig("bc", {"width": 8})
    train(
        "retrieval",
        plans(),
        tmp_path,
        policy_config=config,
        config=TrainConfig(steps=3),
        progress=False,
    )
    loaded, known = load_policy(tmp_path), np.eye(1, D, dtype=bool)
    assert np.allclose(loaded.done[0, :T].numpy(), SPEED[0])
    again = load_policy(save_policy(tmp_path / "again", loaded))
    mine = PartialAction([[0.3] + [0] * 8], known)
    assert np.array_equal(again.act(np.zeros((1, OBS)), mine), loaded.act(np.zeros((1, OBS)), mine))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**D - 1), st.integers(0, 2**32 - 1))
def test_what_is_given_is_done_and_the_rest_lies_in_the_box(code, seed):
    policy, rng = remembering(share=0.5), np.random.default_rng(seed)
    known = np.array([[bool(code >> j & 1) for j in range(D)]])
    policy.reset(seed=0)
    for _ in range(4):
        values = rng.uniform(-1, 1, (1, D)).astype(np.float32)
        action = policy.act(rng.normal(size=(1, OBS)), PartialAction(values, known))
        assert np.array_equal(action[known], values[known])
        assert np.isfinite(action).all() and np.abs(action).max() <= 1


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"policy": "windowed"}, "policy: expected one that is not stateful"),
        ({"share": 1.5}, "share: expected a share in"),
        ({"plans": 0}, "plans: expected at least 1"),
        ({"lengths": (3, 0)}, "lengths: expected at most 40, at least 1 step"),
        ({"lengths": (3, 3), "plans": 1}, "lengths: expected at most 1, at least"),
    ],
)
def test_bad_configurations_are_refused(config, expected):
    with pytest.raises(InputError, match=expected):
        remembering(**config)


def test_another_batch_size_needs_a_reset():
    policy = remembering()
    policy.act(np.zeros((2, OBS)), PartialAction.nothing(2, D))
    with pytest.raises(InputError, match="2 rows as in the step before"):
        policy.act(np.zeros((3, OBS)), PartialAction.nothing(3, D))


def test_an_arm_with_fewer_joints_is_refused():
    box = np.ones(4)
    config, seen = RetrievalConfig("bc", lengths=(3,)), (np.zeros(OBS), np.ones(OBS))
    with pytest.raises(InputError, match="expected 9 action dimensions, got 4"):
        Retrieval(config, *seen, -box, box, ROBOT)
    blind = Robot("blind", tuple(ActionDim(f"joint{i}") for i in range(4)))
    with pytest.raises(InputError, match="a robot with observed positions, got blind"):
        Retrieval(config, *seen, -box, box, blind)
    with pytest.raises(InputError, match="whose robot is known, got none; name their environment"):
        Retrieval(config, *seen, -box, box)


def test_a_memory_around_a_trained_policy_is_the_one_that_is_trained_with_it(tmp_path):
    within, steps = {"width": 8}, TrainConfig(steps=3)
    options = {"config": steps, "progress": False}
    train(
        "retrieval", plans(), tmp_path / "a", policy_config=RetrievalConfig("bc", within), **options
    )
    train("bc", plans(), tmp_path / "b", policy_config=BC.Config(**within), **options)
    whole = load_policy(tmp_path / "a")
    within = load_policy(tmp_path / "b")
    put = Retrieval.wrap(within, plans())
    assert put.guessed_box == within.guessed_box == whole.guessed_box
    within.guessed_box = True
    assert Retrieval.wrap(within, plans()).guessed_box
    theirs = whole.state_dict()
    assert put.state_dict().keys() == theirs.keys()
    assert all(theirs[name].equal(value) for name, value in put.state_dict().items())


def test_a_memory_fits_the_policy_that_it_is_put_around():
    box = np.zeros(OBS + 1), np.ones(OBS + 1), -np.ones(D), np.ones(D)
    with pytest.raises(InputError, match=r"expected 13 observed and 9 .* got 12 and 9"):
        Retrieval.wrap(BC(BC.Config(width=8), *box), plans())
    with pytest.raises(InputError, match="one that is not stateful, got retrieval"):
        Retrieval.wrap(remembering(), plans())


def test_the_verb_puts_a_memory_around_what_is_trained(tmp_path, capsys):
    data = save_minari(plans(), tmp_path / "data")
    bc = train("bc", plans(), tmp_path / "bc", config=TrainConfig(steps=3), progress=False)[0]
    put = ["--wrapper", "retrieval", "--wrapped", str(bc), "--data", str(data)]
    for _ in range(2):  # again, it is there already
        with pytest.raises(SystemExit) as status:
            run(main, [*put, "--out", str(tmp_path / "memory")], parse=parse)
        assert status.value.code == 0
    other = train("bc", plans(), tmp_path / "b", config=TrainConfig(steps=2), progress=False)[0]
    files = sorted([*other.iterdir(), *data.rglob("*")])
    loaded = load_policy(tmp_path / "memory")
    assert loaded.config.lengths == (T, T) and loaded.checkpoint["training"]["steps"] == 3
    for wrong, expected in (
        (["--out", str(bc)], "out: expected another folder"),
        *(
            (["--out", str(tmp_path / "c"), *argv.split()], expected)
            for argv, expected in (
                ("--steps 5", "steps: expected without --wrapped"),
                ("--policy bc", "policy: expected without --wrapped"),
                ("--seeds 0,1", "seeds: expected without --wrapped"),
                ("--wrapper windowed", "wrapped: expected with --wrapper retrieval"),
            )
        ),
        (["--out", str(other)], "expected an empty folder or this policy with retrieval"),
        (["--out", str(data)], "expected an empty folder or this policy with retrieval"),
    ):
        with pytest.raises(SystemExit) as status:
            run(main, [*put, *wrong], parse=parse)
        assert status.value.code == 2 and expected in " ".join(capsys.readouterr().err.split())
    assert files == sorted([*other.iterdir(), *data.rglob("*")])


def test_the_verb_puts_a_memory_around_the_policy(tmp_path):
    bc, mac = with_policy("bc"), with_policy("mac")
    args = bc(out=tmp_path, policy="bc", wrapper="retrieval")
    name, config = chosen(args)
    assert (name, config.policy, config.options["width"]) == ("retrieval", "bc", args.bc.width)
    args = mac(out=tmp_path, wrapper="retrieval")
    with pytest.raises(InputError, match="windowed: expected --wrapper windowed with its options"):
        chosen(replace(args, windowed=replace(args.windowed, chunk_size=2)))
    with pytest.raises(InputError, match=r"as in --policy mac --wrapper retrieval, got retrieval"):
        chosen(replace(args, policy="retrieval"))
