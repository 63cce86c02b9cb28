"""Every verb in environments that are not the kitchen, at sizes that only show that it works."""

import csv
import json
import os
import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Sequence

from mac_control.cli import run
from mac_control.envs import make_env, robot_of
from mac_control.envs.abilities import episode_steps
from mac_control.envs.name import EnvName
from mac_control.errors import InputError
from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.robot import ActionDim, Robot
from mac_control.scripts import (
    augment,
    collect,
    demo,
    doctor,
    evaluate,
    export,
    rollout,
    teleoperate,
    train,
    tune,
)

SMALL = "--mac.width 8 --mac.obs-width 8 --mac.layers 1 --mac.components 2"
#: Environment -> its sizes (observed, action), and what an operator's spec needs.
ENVS = {
    "Reacher-v5": (10, 2),
    "FetchPickAndPlace-v4": (31, 4),
    "AdroitHandDoor-v1": (39, 28),
    "aloha": (21, 14),
}


class Hold(Operator):
    """Holds joints, which observations begin with, where they are."""

    def __init__(self, action_dim):
        self.action_dim = action_dim

    def read(self, obs):
        return PartialAction.everything(obs[: self.action_dim])


def verb(module, line, status=0):
    """Runs a verb as the command line does."""
    with pytest.raises(SystemExit) as ended:
        run(module.main, line.split(), parse=getattr(module, "parse", None))
    assert ended.value.code == status


def expert(name):
    """An operator that gives every dimension."""
    if name == "aloha":
        pytest.importorskip("gym_aloha")
        return f"{__name__}:Hold"  # random targets over the whole range break its simulation
    if name != "AdroitHandDoor-v1":
        return "random"
    weights = Path(os.environ.get("MAC_CONTROL_DATA", ""), "adroit", "door_expert.npz")
    if "MAC_CONTROL_DATA" not in os.environ or not weights.exists():
        pytest.skip("needs adroit/door_expert.npz in the folder that MAC_CONTROL_DATA names")
    return f"policy:{weights}"


@pytest.mark.parametrize("name", ENVS)
def test_every_verb_works(name, tmp_path, monkeypatch, capsys):
    operator, (obs_dim, action_dim) = expert(name), ENVS[name]
    driver = operator if name == "aloha" else "random"
    monkeypatch.chdir(tmp_path)
    verb(collect, f"--env {name} --operator {operator} --episodes 2 --out demos --workers 1 "
                  "--episode-steps 8 --min-reward -1e9")  # fmt: skip
    verb(train, f"--data demos --env {name} --steps 2 --out first {SMALL}")
    capsys.readouterr()
    verb(rollout, f"--policy first --operator {driver} --num-given 1 --episodes 1 "
                  "--episode-steps 4")  # fmt: skip
    said = capsys.readouterr().out
    assert re.match(r"seed 0  return -?\d", said) and "mean return" in said
    assert ("success rate" in said) == (name != "Reacher-v5")

    verb(evaluate, f"--policies first --operators {driver} --episodes 1 --episode-steps 4 "
                   "--workers 1 --out table")  # fmt: skip
    with open("table/results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    numbers = [count for count in (0, 1, 3, 5) if count <= action_dim]
    assert [int(row["num_given"]) for row in rows] == numbers
    assert {row["measured"] for row in rows} == {"return"}
    assert {row["success_rate"] == "" for row in rows} == {name == "Reacher-v5"}
    assert Path("table/results.md").read_text().startswith("Return, mean")

    verb(tune, f"--data demos --policy bc --trials 1 --steps 30 --operator {driver} --episodes 1 "
               "--episode-steps 4 --workers 1 --out tuned")  # fmt: skip
    assert len(json.loads(Path("tuned/tuning.json").read_text())["trials"]) == 1

    verb(teleoperate, "--policy first --no-cockpit --device replay --options recording=demos "
                      "--steps 5 --speed 8 --record drives")  # fmt: skip
    metadata = json.loads(Path("drives/data/metadata.json").read_text())
    assert metadata["mac_control"]["env"]["id"] == name
    assert len(metadata["mac_control"]["robot"]["actions"]) == action_dim
    verb(train, "--data drives --policy bc --steps 2 --out second --bc.width 8")
    record = json.loads(Path("second/policy.json").read_text())
    assert record["data"]["env"]["id"] == name
    for policy in ("first", "second")[action_dim > 2 :]:  # MAC's graph grows with dimensions
        verb(export, f"--policy {policy} --out {policy}.onnx")
    verb(rollout, "--policy second.onnx --episodes 1 --episode-steps 2 --env " + name)
    assert obs_dim == make_env(name).observation_space.shape[0]


def test_demonstrations_are_augmented_where_positions_are_known(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    common = "--workers 1 --episode-steps 10"
    verb(collect, f"--env InvertedPendulum-v5 --operator random --episodes 2 --out demos {common}")
    verb(augment, f"--data demos --episodes 2 --out made {common}")
    said = capsys.readouterr().out
    assert "2 of 2 episodes kept" in said and "mean return" in said
    verb(collect, f"--env FetchReach-v4 --operator random --episodes 2 --out blind {common} "
                  "--min-reward -1e9")  # fmt: skip
    verb(augment, f"--data blind --episodes 2 --out none {common}", 2)
    error = capsys.readouterr().err.splitlines()[-1]
    assert "expected a robot with observed positions, got FetchReach-v4" in error


def test_the_demo_runs_elsewhere_and_refuses_data_of_another_robot(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    common = "--workers 1 --episode-steps 5"
    verb(collect, f"--env Reacher-v5 --operator random --episodes 2 --out demos {common}")
    verb(demo, f"--env Reacher-v5 --data demos --steps 2 --episodes 1 --out demo {common}")
    assert "| MAC | proxy | 1 |" in capsys.readouterr().out
    verb(demo, f"--env Reacher-v5 --data builtin --steps 2 --out other {common}", 2)
    assert "expected 10 observed and 2 action dimensions" in capsys.readouterr().err


def test_the_scripted_expert_is_refused_elsewhere(tmp_path, capsys):
    verb(collect, f"--env Reacher-v5 --episodes 1 --out {tmp_path / 'x'} --workers 1", 2)
    assert "error: " in capsys.readouterr().err.splitlines()[-1]


class Odd(gymnasium.Env):
    """Spaces as a test wants them."""

    def __init__(self, low=-1.0, high=1.0, dtype="float32", obs="flat", broken=False):
        if broken:
            raise RuntimeError("the licence server\ndoes not answer")
        size = (2,)
        if dtype == "int64":
            self.action_space = Box(int(low), int(high), size, np.int64)
        else:
            ends = np.full(size, low, dtype), np.full(size, high, dtype)
            self.action_space = Box(*ends, dtype=np.dtype(dtype).type)
        flat = Box(-np.inf, np.inf, (3,), np.float32)
        self.observation_space = {
            "flat": flat,
            "nested": Dict(b=Box(0, 1, (2, 2)), a=flat),
            "sequence": Sequence(flat),
        }[obs]
        self.obs = obs

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        flat = np.arange(3, dtype=np.float32)
        return {"flat": flat, "nested": {"b": np.full((2, 2), 0.5, np.float32), "a": flat}}[
            self.obs
        ], {}

    def step(self, action):
        return *self.reset()[:1], 0.0, False, False, {}


def _not_an_env():
    return "an environment"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"high": np.inf}, r"finite bounds, got Box.*describe the robot's ranges in a TOML file"),
        ({"low": 0, "high": 3, "dtype": "int64"}, r"expected real numbers, got Box.*rounds them"),
        ({"low": 1.0, "high": 1.0}, "low below high in every dimension"),
        ({"obs": "sequence"}, "expected one that flattens, got Sequence"),
        ({"broken": True}, "cannot be made: RuntimeError: the licence server does not answer"),
        ({"colour": 1}, "cannot be made: TypeError: .*colour"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(options, message):
    with pytest.raises(InputError, match=message) as error:
        make_env(EnvName(f"{__name__}:Odd", options))
    assert "\n" not in str(error.value)


def test_a_description_bounds_what_has_no_end():
    robot = Robot("odd", (ActionDim("a", -2, 1), ActionDim("b", 0, 3)))
    env = make_env(f"{__name__}:Odd", robot, low=-np.inf, high=np.inf)
    assert env.action_space == Box(robot.low, robot.high)
    assert robot_of(env) is robot
    with pytest.raises(InputError, match="ranges within the environment's"):
        make_env(f"{__name__}:Odd", robot)


def test_asymmetric_boxes_stay_as_they_are():
    env = make_env(f"{__name__}:Odd", low=-0.5, high=2.0)
    assert robot_of(env).low.tolist() == [-0.5] * 2 and robot_of(env).high.tolist() == [2.0] * 2


def test_dicts_are_flattened_in_the_order_of_their_names():
    env = make_env(f"{__name__}:Odd", obs="nested")
    obs, _ = env.reset(seed=0)
    assert obs.tolist() == [0, 1, 2, 0.5, 0.5, 0.5, 0.5]


def test_endless_environments_end():
    assert episode_steps(make_env(f"{__name__}:Odd")) == 1000
    env = make_env(f"{__name__}:Odd", max_episode_steps=3)
    env.reset(seed=0)
    assert [env.step(np.zeros(2, np.float32))[3] for _ in range(3)] == [False, False, True]


def test_names_that_are_no_environment_get_a_sentence():
    with pytest.raises(InputError, match=r"expected a gymnasium\.Env, got str"):
        make_env(f"{__name__}:_not_an_env")
    with pytest.raises(InputError, match="cannot be imported: No module named 'nowhere'"):
        make_env("nowhere:Task-v0")
    with pytest.raises(InputError, match="did you mean 'Reacher-v5'"):
        make_env("Reachr-v5")


def test_an_id_that_a_module_registers_needs_its_name_alone(tmp_path, monkeypatch):
    (tmp_path / "registers.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Registered-v0', 'gymnasium.envs.mujoco.reacher_v5:ReacherEnv')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert make_env("registers:Registered-v0").spec.id == "Registered-v0"


def test_the_doctor_says_what_it_knows_of_an_environment(capsys):
    args = doctor.Args(env="InvertedPendulum-v5")
    said = doctor._env(args)
    assert said.startswith("InvertedPendulum-v5: 4 observed entries, 1 action dimensions (slide")
    assert said.endswith("measured: return") and "up to 1000 steps at 25 Hz" in said


class Endless(gymnasium.Env):
    """Never ends by itself."""

    def __init__(self):
        self.observation_space = Box(-1, 1, (2,), np.float32)
        self.action_space = Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action):
        return np.zeros(2, np.float32), 0.0, False, False, {}


def limited():
    return gymnasium.wrappers.TimeLimit(Endless(), 1500)


def brief():
    return gymnasium.wrappers.TimeLimit(Endless(), 7)


class Counts(Endless):
    """Ends after a number of steps that only its constructor knows."""

    def __init__(self, max_episode_steps=1200):
        super().__init__()
        self.last, self.count = max_episode_steps, 0

    def step(self, action):
        self.count += 1
        obs, reward, terminated, _, info = super().step(action)
        return obs, reward, terminated, self.count >= self.last, info


@pytest.mark.parametrize(
    ("name", "steps"),
    [("limited", 1500), ("brief", 7), ("Counts", 1200), ("Counts:max_episode_steps=1100", 1100)],
)
def test_an_environment_that_ends_by_itself_is_not_cut(name, steps):
    env = make_env(f"test_any_env:{name}")
    assert episode_steps(env) == steps
    env.reset(seed=0)
    for count in range(1, steps + 1):
        over = env.step(np.zeros(1))[3]
        assert over == (count == steps)
