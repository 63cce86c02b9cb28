"""What several tests are made of: a clock, an environment, and who may fail in it."""

import gymnasium
import numpy as np

from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.policies import Policy
from mac_control.teleop import Teleoperation

GOOD = np.full((1, 2), 0.25)
MINE = PartialAction([0.4, 0.0], [True, False])


class Clock:
    """Time that passes only when somebody sleeps, or takes long to do something."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Line(gymnasium.Env):
    """Three numbers; every action that reaches it must be in its box. Ends after 20 steps."""

    def __init__(self, width=0.5, fails_at=None, how=None):
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)
        self.action_space = gymnasium.spaces.Box(-width, width, (2,), np.float32)
        self.fails_at, self.how, self.actions = fails_at, how, []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(3, np.float32), {}

    def step(self, action):
        if not self.action_space.contains(action):
            raise SystemExit(f"{action} reached the environment")  # which nobody may catch
        self.actions.append(action)
        self.steps += 1
        obs, reward = np.full(3, 0.1, np.float32), 1.0
        if self.steps == self.fails_at:
            if self.how == "raises":
                raise RuntimeError("the controller\nis gone")
            obs, reward = {
                "nan obs": (obs * np.nan, reward),
                "nan reward": (obs, float("nan")),
            }[self.how]
        return obs, reward, False, self.steps >= 20, {}


class Answers(Policy):
    """Answers what the test says, once for each step; an exception is raised."""

    obs_dim, low, high = 3, -np.ones(2, np.float32), np.ones(2, np.float32)

    def __init__(self, *answers):
        self.answers = list(answers)

    def complete(self, obs, partial):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Gives(Operator):
    """Gives what the test says."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def read(self, obs):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer


def teleoperation(env, policy, operator, **options):
    said, clock = [], Clock()
    options = {"clock": clock, "sleep": clock.sleep, **options}
    return Teleoperation(env, policy, operator, say=said.append, **options), said
