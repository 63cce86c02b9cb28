"""Practice of a policy that infers intents, by the operator's own goal."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from mac_control import PartialAction
from mac_control.checkpoint import load_policy, read, save_policy
from mac_control.envs.name import EnvName
from mac_control.operators import Operator
from mac_control.policies.intent import Intent, IntentConfig
from mac_control.practice.config import PracticeConfig
from mac_control.practice.explore import explorer_of
from mac_control.practice.play import Earned, play
from mac_control.practice.run import Practice

ENV = EnvName("test_practice_intent:Doors")
INNER = {"width": 16, "layers": 1, "obs_width": 16, "components": 1, "masks": 1}


class Doors(gymnasium.Env):
    """The second number opens the door "up" above 0.2, and "down" below -0.2; rewards both."""

    observation_space = Box(-1, 1, (1,), np.float32)
    action_space = Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.done = 0, ()
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.steps += 1
        for name, sign in (("up", 1), ("down", -1)):
            if sign * action[1] > 0.2 and name not in self.done:
                self.done += (name,)
        return (
            np.zeros(1, np.float32),
            float(len(self.done)),
            False,
            self.steps == 2,
            {"tasks_done": self.done},
        )


class Pointer(Operator):
    """Wants one of the doors, and points to it with the first number."""

    def __init__(self, action_dim):
        self.goal = ("up",)

    def reset(self, seed=None):
        self.goal = (("up",), ("down",))[np.random.default_rng(seed).integers(2)]

    def read(self, obs):
        return PartialAction([0.6 if self.goal == ("up",) else -0.6, 0.0], [True, False])


def intent(seed=0):
    torch.manual_seed(seed)
    config = IntentConfig("mac", INNER, intents=("up", "down"), width=8)
    return Intent(config, np.zeros(1), np.ones(1), -np.ones(2), np.ones(2))


def session(began, out, steps, **changes):
    options = {"envs": 64, "num_given": (1,), "batch_size": 128, "lr": 3e-3, "anchor": 0.0}
    options |= {"bound": 50.0, "spread": 1.0, "correlation": 0.9, "unwanted": 1.0}
    options |= {"score": "goal_rewards", **changes}
    config = PracticeConfig(steps=steps, **options)
    return Practice(began, ["test_practice_intent:Pointer"], None, ENV, out, config)


@pytest.fixture
def began(tmp_path):
    return save_policy(tmp_path / "began", intent(), training={"seed": 0})


def test_the_network_is_told_what_the_policy_infers_in_acting():
    acting, exploring = intent(), intent()
    explorer = explorer_of(exploring, 0.5, 0.0)
    explorer.start(3, torch.Generator().manual_seed(0))
    acting.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(5):
        obs = rng.normal(size=(3, 1)).astype(np.float32)
        partial = PartialAction(rng.uniform(-1, 1, (3, 2)), rng.random((3, 2)) < 0.6)
        acting.act(obs, partial)
        seen = explorer.see(obs, partial)
        assert exploring.inferred_intent == acting.inferred_intent
        told = np.eye(2)[[("up", "down").index(name) for name in acting.inferred_intent]]
        wanted = acting.inner.normalize(torch.tensor(np.c_[obs, told], dtype=torch.float32))
        assert torch.equal(seen, wanted) and explorer.obs_dim == 3


def test_practice_by_the_goal_opens_the_door_that_is_pointed_to(began, tmp_path):
    rows = []
    made = session(began, tmp_path / "out", steps=3200)
    made.run(lambda step, row: rows.append(row["reward"]))
    made.close()
    assert np.mean(rows[-8:]) > np.mean(rows[:8]) + 0.2  # of at most 1, 0 by chance
    better = load_policy(tmp_path / "out")
    assert isinstance(better, Intent) and better.config.intents == ("up", "down")
    moves = []
    for number in (0.6, -0.6):
        better.reset(seed=0)
        moves.append(better.act(np.zeros(1), PartialAction([number, 0], [True, False]))[1])
    assert moves[0] > moves[1]


def test_interrupted_practice_ends_with_the_same_weights(began, tmp_path):
    for out, parts in (("whole", (384,)), ("parts", (128, 384))):
        for steps in parts:
            made = session(began, tmp_path / out, steps=steps)
            made.run()
            made.close()
    whole, parts = (read(tmp_path / out, "policy")[1] for out in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(whole[n], parts[n]) for n in whole)


def test_episodes_that_end_apart_keep_their_beliefs():
    class Short(Doors):
        def step(self, action):
            obs, reward, _, _, info = super().step(action)
            return obs, reward, self.steps == 1, False, info

    explorer = explorer_of(intent(), 0.5, 0.0)
    operators = [Pointer(2), Pointer(2), Pointer(2)]
    played = play(
        [Doors(), Short(), Doors()],
        operators,
        explorer,
        [0, 1, 2],
        torch.Generator().manual_seed(0),
        earned=Earned("goal_rewards", 0.5),
    )
    assert np.flatnonzero(played.lasts).tolist() == [1, 2, 4]
    assert all(-0.5 <= total <= 1 for total in played.totals)
