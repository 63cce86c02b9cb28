"""The shared-autonomy loop on real MuJoCo environments."""

import gymnasium
import numpy as np
import pytest

from benchmarks import latency, rollouts, soft
from mac_control import InputError, PartialAction, load_demonstrations, rollout
from mac_control.envs import make_kitchen
from mac_control.errors import EpisodeError
from mac_control.loop import Trajectory, rollout_group
from mac_control.loop.groups import GROUP_SIZE
from mac_control.operators import Operator, Restricted, make_operator
from mac_control.policies import Policy


class Reach(Policy):
    """Draws its actions at random; the density of what is given is a standard normal's."""

    def __init__(self, obs_dim=30, action_dim=9):
        self.obs_dim = obs_dim
        self.low, self.high = -np.ones(action_dim, np.float32), np.ones(action_dim, np.float32)
        self.seeds = []

    def reset(self, seed=None):
        self.seeds.append(seed)
        self.rng = np.random.default_rng(seed)

    def complete(self, obs, partial):
        return self.rng.uniform(-0.5, 0.5, partial.values.shape)

    def log_prob(self, obs, partial):
        return -0.5 * (partial.values**2 + np.log(2 * np.pi)).sum(1, where=partial.given)


class Wave(Operator):
    """Gives all dimensions, from its own stream of random numbers."""

    def reset(self, seed=None):
        self.rng = np.random.default_rng(seed)

    def read(self, obs):
        return PartialAction.everything(self.rng.uniform(-2, 2, 9))


@pytest.fixture(scope="module")
def env():
    env = make_kitchen(max_episode_steps=8)
    yield env
    env.close()


def three(seed=0):
    return Restricted(Wave(), 9, k=3)


def same(a: Trajectory, b: Trajectory) -> bool:
    fields = ("observations", "given", "values", "actions", "rewards", "log_prob")
    return all(np.array_equal(getattr(a, f), getattr(b, f)) for f in fields)


def test_a_trajectory_holds_what_was_given_and_what_was_filled_in(env):
    t = rollout(env, Reach(), three(), seed=5)
    assert len(t) == 8 and t.observations.shape == (8, 30)
    assert (t.given.sum(1) == 3).all() and (t.given == t.given[0]).all()
    # What was given arrives bit for bit, but for what lies beyond the action box.
    assert np.array_equal(t.actions[t.given], np.clip(t.values[t.given], -1, 1))
    assert (t.values[~t.given] == 0).all()
    executed = np.clip(t.values, -1, 1)  # the likelihood is of what is executed
    expected = -0.5 * (executed**2 + np.log(2 * np.pi)).sum(1, where=t.given)
    assert np.allclose(t.log_prob, expected, atol=1e-5)
    assert (t.reward, t.task_steps, t.success, t.seed) == (0.0, {}, False, 5)


def test_replaying_the_actions_gives_the_same_observations(env):
    t = rollout(env, Reach(), three(), seed=5)
    seen = [env.reset(seed=5)[0]] + [env.step(action)[0] for action in t.actions]
    assert np.array_equal(t.observations, seen[:-1])


def test_the_seed_settles_everything(env):
    first = rollout(env, Reach(), three(), seed=5)
    assert not np.array_equal(rollout(env, Reach(), three(), seed=6).given[0], first.given[0])
    assert same(rollout(make_kitchen(max_episode_steps=8), Reach(), three(), seed=5), first)


def test_environment_policy_and_operator_draw_apart(env):
    policy, wave = Reach(), Wave()
    rollout(env, policy, wave, seed=5)
    first = {env.np_random.uniform(), policy.rng.uniform(), wave.rng.uniform()}
    assert len(first) == 3 and policy.seeds[0] != 5


def test_without_an_operator_or_a_density_there_is_no_likelihood(env):
    assert rollout(env, Reach(), seed=0).log_prob is None

    class Silent(Reach):
        def log_prob(self, obs, partial):
            return None

    assert rollout(env, Silent(), three(), seed=0).log_prob is None


def test_a_group_in_lockstep_does_what_its_episodes_do(env):
    """With a policy that answers each row alone, a group is its episodes, one by one."""

    class Alone(Reach):
        def complete(self, obs, partial):
            return np.sin(obs[:, :9] * 7)

    envs = [make_kitchen(max_episode_steps=steps) for steps in (8, 5, 8)]
    group = rollout_group(envs, Alone(), [three() for _ in envs], seeds=[3, 4, 5])
    assert [len(t) for t in group] == [8, 5, 8]
    for one, env_, seed in zip(group, envs, (3, 4, 5), strict=True):
        assert same(one, rollout(env_, Alone(), three(), seed=seed))


def test_any_environment_with_a_box_will_do():
    t = rollout(gymnasium.make("Reacher-v5"), Reach(10, 2), seed=0)
    assert len(t) == 50 and t.success is None and t.reward < 0


def test_a_demonstration_earns_its_subtasks(kitchen_complete):
    """Tracking a human demonstration, all dimensions given, is worth 3 or 4 of 4."""
    demonstration = load_demonstrations(kitchen_complete).select([0])
    operator = make_operator("everything", action_dim=9, demonstrations=demonstration)
    t = rollout(make_kitchen(), Reach(), operator, seed=0)
    assert t.reward >= 3 and len(t.task_steps) == t.reward
    assert t.given.all()
    steps = list(t.task_steps.values())
    assert steps == sorted(steps) and t.rewards[np.array(steps) - 1].all()
    assert t.success == (t.reward == 4)


def test_what_does_not_fit_is_refused(env):
    with pytest.raises(InputError, match="policy: expected the environment's sizes"):
        rollout(env, Reach(59, 9), seed=0)
    with pytest.raises(InputError, match="as many environments as operators and seeds"):
        rollout_group([env], Reach(), [], seeds=[0])

    class Broken(Operator):
        def read(self, obs):
            return PartialAction.everything(np.full(9, np.nan))

    with pytest.raises(EpisodeError, match=r"operator Broken, .* values: expected finite numbers"):
        rollout(env, Reach(), Broken(), seed=0)


def test_a_real_robot_is_not_rolled_out(env):
    class Arm(gymnasium.Wrapper):
        real = True

    with pytest.raises(InputError, match=r"got a real robot; 'mac-control teleoperate' drives it"):
        rollout(Arm(env), Reach(), seed=0)


def test_a_trajectory_checks_its_own_lengths():
    arrays = {name: np.zeros((4, 2)) for name in ("observations", "given", "values", "actions")}
    rest = {"task_steps": {}, "success": None, "seed": 0, "log_prob": None}
    assert len(Trajectory(**arrays, rewards=np.zeros(4), **rest)) == 4
    with pytest.raises(InputError, match="expected one length"):
        Trajectory(**arrays, rewards=np.zeros(3), **rest)
    with pytest.raises(InputError, match="expected one shape of given, values and actions"):
        Trajectory(**{**arrays, "values": np.zeros((4, 3))}, rewards=np.zeros(4), **rest)


def test_the_benchmarks_measure_what_they_say(capsys):
    latency.main(latency.Args(policies=("bc", "mac"), repeats=2))
    cases = [("9", "0"), ("28", "0"), ("28", "22")]
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [tuple(row[:4]) for row in rows if "torch" not in row] == [
        (*case, "1", name) for case in cases for name in ("bc", "mac")
    ]
    assert [tuple(row[:2]) for row in rows if "torch" in row] == cases
    latency.main(latency.Args(policies=("mac",), dims=(4,), given=(1,), rows=(2,), repeats=1))
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["4", "1", "2", "mac"]
    soft.main(soft.Args(dims=(4,), given=(1, 3), repeats=1))
    measured = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[:2] for line in measured] == [["4", "1"], ["4", "3"]]
    job = rollouts.Job(policies=("bc",), rounds=1, steps=3, seed=0)
    ((steps, rolled, bare),) = rollouts.measure(job)[0]
    assert steps == 3 * GROUP_SIZE and rolled > 0 and bare > 0


def test_the_bare_simulator_repeats_the_motion_of_the_rollout(env):
    recorder = rollouts.Recorder(env)
    rollout(recorder, Reach(), seed=1)
    moved = env.data.qpos.copy()
    rollouts.replay(recorder, 1)
    assert np.array_equal(env.data.qpos, moved)
