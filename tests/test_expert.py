"""The scripted expert: every subtask, any order, after disturbances; and as an operator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.envs import SUBTASKS, make_kitchen
from mac_control.envs.kitchen.arm import TIP, Arm, arm_model
from mac_control.envs.kitchen.expert import ScriptedExpert
from mac_control.envs.kitchen.operator import ScriptedOperator
from mac_control.envs.kitchen.poses import angle, facing, gap, step_towards, turn
from mac_control.envs.kitchen.skills import SKILLS, achieved
from mac_control.operators import make_operator

angles = st.floats(-3.0, 3.0)


@pytest.fixture(scope="module")
def kitchen():
    env = make_kitchen(SUBTASKS, init_noise=0.05, max_episode_steps=10_000)
    yield env
    env.close()


def run(env, expert, steps, disturb=None):
    """Step until the expert is done; the subtasks done, and the steps it took."""
    done = []
    for step in range(steps):
        action = expert.act()
        assert action.shape == (9,) and np.isfinite(action).all() and np.abs(action).max() <= 1
        if expert.subtask is None:
            break
        executed = action if disturb is None else disturb(step, action)
        done = env.step(executed)[4]["tasks_done"]
    return done, step


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_every_subtask_from_a_varied_start_at_human_pace(kitchen, subtask):
    kitchen.reset(seed=1)
    expert = ScriptedExpert(kitchen, [subtask])
    expert.reset(1)
    done, steps = run(kitchen, expert, 80)
    assert subtask in done and achieved(kitchen.data, subtask)
    assert steps >= 20


@pytest.mark.parametrize(
    "order",
    [
        ("hinge cabinet", "slide cabinet", "kettle", "top burner"),
        ("light switch", "bottom burner", "microwave", "hinge cabinet"),
    ],
)
def test_four_subtasks_in_another_order_within_an_episode(kitchen, order):
    kitchen.reset(seed=2)
    expert = ScriptedExpert(kitchen, order)
    expert.reset(2)
    done, _ = run(kitchen, expert, 280)
    assert set(order) <= set(done)
    assert [task for task in done if task in order] == list(order)


def test_it_recovers_when_something_else_drives_for_a_while(kitchen):
    kitchen.reset(seed=3)
    rng = np.random.default_rng(3)
    push = rng.uniform(-1, 1, 9)
    expert = ScriptedExpert(kitchen, ["microwave", "light switch"])
    disturb = lambda step, action: push if step % 40 < 10 else action  # noqa: E731
    done, _ = run(kitchen, expert, 280, disturb)
    assert {"microwave", "light switch"} <= set(done)


def test_it_begins_anew_when_its_work_is_undone(kitchen):
    kitchen.reset(seed=4)
    expert = ScriptedExpert(kitchen, ["slide cabinet"])
    entry = SKILLS["slide cabinet"].entry

    def shut(step, action):
        if step == 25:
            kitchen.data.qpos[entry] = 0.0
        return action

    run(kitchen, expert, 120, shut)
    assert expert.subtask is None and achieved(kitchen.data, "slide cabinet")


def test_what_is_done_already_is_passed_over(kitchen):
    kitchen.reset(seed=5)
    qpos, qvel = kitchen.data.qpos.copy(), kitchen.data.qvel.copy()
    qpos[SKILLS["microwave"].entry] = -0.8
    kitchen.reset(seed=5, options={"state": (qpos, qvel)})
    expert = ScriptedExpert(kitchen, ["microwave", "kettle"])
    expert.act()
    assert expert.subtask == "kettle"


def test_the_same_seed_gives_the_same_actions_and_another_seed_others(kitchen):
    def actions(seed):
        kitchen.reset(seed=0)
        expert = ScriptedExpert(kitchen, ["kettle"])
        expert.reset(seed)
        return np.array([(expert.act(), kitchen.step(expert.act()))[0] for _ in range(5)])

    assert np.array_equal(actions(1), actions(1))
    assert not np.array_equal(actions(1), actions(2))


def test_an_unknown_subtask_is_named(kitchen):
    with pytest.raises(InputError, match="toaster"):
        ScriptedExpert(kitchen, ["toaster"])


def test_the_arms_model_agrees_with_the_kitchen(kitchen):
    assert arm_model().nq == 7
    kitchen.reset(seed=6)
    qpos, qvel = kitchen.data.qpos.copy(), kitchen.data.qvel.copy()
    qpos[1] = -1.7  # the usual pose is just outside the joint's limit
    kitchen.reset(options={"state": (qpos, qvel)})
    site = kitchen.data.site("end_effector")
    rotation = site.xmat.reshape(3, 3)
    # The kitchen's site lies 0.21 m beyond the last link.
    tip = site.xpos + (TIP - 0.21) * rotation[:, 2]
    position, found = Arm().pose(kitchen.data.qpos[:7])
    assert np.allclose(position, tip, atol=1e-6) and np.allclose(found, rotation, atol=1e-6)


def test_inverse_kinematics_comes_nearer_within_limits():
    arm, joints = Arm(), np.array([-1.2, -1.6, 1.4, -2.1, 0.2, 1.5, 1.6])
    position, rotation = arm.pose(joints)
    target = position + np.array([0.01, -0.01, 0.01]), turn(0.05) @ rotation
    displacement = arm.towards(*target, joints)
    reached = arm.pose(joints + displacement)
    assert gap(reached, target) < 0.2 * gap((position, rotation), target)
    assert (np.abs(displacement) < 0.16).all()


@settings(max_examples=50, deadline=None)
@given(angles, angles, st.floats(0.01, 0.2), st.floats(0.01, 0.5))
def test_a_step_between_poses_is_a_rotation_nearer_and_no_longer_than_asked(a, b, most, turned):
    now = np.zeros(3), turn(a)
    target = np.array([1.0, -0.5, 0.2]), turn(b, "y") @ turn(a)
    step = step_towards(now, target, most, turned, 0.8)
    assert np.allclose(step[1] @ step[1].T, np.eye(3), atol=1e-9)
    assert np.isclose(np.linalg.det(step[1]), 1)
    assert gap(now, step) <= most + 1e-9
    if angle(now, target) < 3.0:
        assert angle(now, step) <= turned + 1e-6
        assert angle(step, target) <= angle(now, target) + 1e-6


def test_facing_is_a_rotation_that_points_forward():
    rotation = facing([0.3, 0.8, 0.5], [0.8, -0.4, 0.5])
    assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.isclose(np.linalg.det(rotation), 1)
    assert np.allclose(rotation[:, 2], np.array([0.3, 0.8, 0.5]) / np.linalg.norm([0.3, 0.8, 0.5]))


def test_as_an_operator_it_follows_a_goal_of_its_own():
    env = make_kitchen("complete")
    obs, _ = env.reset(seed=0)
    operator = make_operator("expert:order=kettle>light-switch", action_dim=9, env=env)
    operator.reset(0)
    assert operator.goal == ("kettle", "light switch")
    for _ in range(140):
        partial = operator.read(obs)
        assert partial.given.all()
        obs, _, _, _, info = env.step(partial.values)
        if len(info["tasks_done"]) == 2:
            break
    assert info["tasks_done"] == ["kettle", "light switch"]


def test_an_operators_goal_is_drawn_from_its_seed():
    env = make_kitchen("mixed")
    env.reset(seed=0)
    operator = ScriptedOperator(env, subtasks=3)
    goals = set()
    for seed in range(20):
        operator.reset(seed)
        goals.add(operator.goal)
        again = operator.goal
        operator.reset(seed)
        assert operator.goal == again and set(again) < set(env.tasks) and len(again) == 3
    assert len(goals) > 5
    fixed = ScriptedOperator(env, "tasks")
    assert fixed.goal == env.tasks


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"order": "toaster"}, "toaster"), ({"subtasks": 9}, "1 to 4"), ({"subtasks": 0}, "1 to 4")],
)
def test_an_operator_says_what_is_wrong_with_its_goal(settings, named):
    with pytest.raises(InputError, match=named):
        ScriptedOperator(make_kitchen("complete"), **settings)
