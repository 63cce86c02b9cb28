"""Many rollouts: grids, seeds, workers, resumption, statistics, reports."""

import csv
import importlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch

from mac_control import CheckpointError, Demonstrations, Episode, InputError, cli, evaluate
from mac_control.checkpoint import loaded_policy, save_policy
from mac_control.checkpoint_record import acting_config
from mac_control.demonstrations import save_minari
from mac_control.envs import make_env
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.loop import groups
from mac_control.loop.cases import plan
from mac_control.loop.policies import EvalPolicy, resolve_policies
from mac_control.policies import Policy
from mac_control.policies.bc import BC


class Sway(Policy):
    """Moves with what it sees; defined at module level, so that workers can unpickle it."""

    obs_dim, low, high = 30, -np.ones(9, np.float32), np.ones(9, np.float32)

    def __init__(self, name="sway", scale=1.0):
        self.name, self.scale = name, scale
        self.weight = np.random.default_rng(0).standard_normal((30, 9)).astype(np.float32)

    def complete(self, obs, partial):
        return self.scale * np.tanh(obs @ self.weight)


@pytest.fixture
def demonstrations():
    rng = np.random.default_rng(0)
    episode = Episode(rng.normal(size=(9, 30)), rng.uniform(-1, 1, (9, 9)))
    return Demonstrations([episode], robot=kitchen_robot(30))


SHORT = {"max_episode_steps": 4, "tasks": ("kettle",)}


def untimed(rows):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_rows_are_the_same_whatever_the_number_of_workers(monkeypatch, demonstrations):
    monkeypatch.setattr("mac_control.loop.evaluation.GROUP_SIZE", 2)
    kinds = {"operators": ["nobody", "tracker"], "num_given": [2]}
    kinds["env_options"] = {"max_episode_steps": 25}
    arguments = {"episodes": 4, "demonstrations": demonstrations, **kinds}
    one = evaluate([Sway()], workers=1, **arguments)
    two = evaluate([Sway()], workers=2, **arguments)
    assert untimed(one) == untimed(two)
    assert [(row["operator"], row["num_given"]) for row in one] == [("nobody", 0), ("tracker", 2)]


def test_the_grid_runs_every_cell_once(demonstrations):
    rows = evaluate(
        [Sway("bc"), Sway("mac", 0.5)],
        ["nobody", "everything", "proxy", "tracker"],
        [0, 3, 9],
        episodes=1,
        workers=1,
        env_options=SHORT,
        demonstrations=demonstrations,
    )
    cells = [("nobody", 0), ("everything", 9)]
    cells += [("proxy", 3), ("proxy", 9), ("tracker", 3), ("tracker", 9)]
    expected = [(policy, *cell) for policy in ("bc", "mac") for cell in cells]
    got = [(row["policy"], row["operator"], row["num_given"]) for row in rows]
    assert sorted(got) == sorted(expected)


def test_a_row_says_what_was_run():
    (row,) = evaluate([Sway()], episodes=3, seed=7, workers=1, env_options=SHORT)
    assert (row["policy"], row["operator"], row["num_given"]) == ("sway", "nobody", 0)
    assert (row["episodes"], row["reward_mean"], row["success_rate"]) == (3, 0.0, 0.0)
    assert row["rewards"] == [0.0, 0.0, 0.0] and row["reward_ci95"] == [0.0, 0.0]
    assert row["train_seed"] is None and row["seconds"] > 0


def test_more_episodes_begin_with_the_same_ones(monkeypatch):
    """A group depends on its episodes' numbers alone; so results can be added to."""
    monkeypatch.setattr("mac_control.loop.evaluation.GROUP_SIZE", 2)
    seen = []

    def look(group):
        seen.append(group.seeds)
        return groups.Outcome([0.0] * len(group.seeds), [False] * len(group.seeds), 0.0)

    monkeypatch.setattr("mac_control.loop.evaluation.try_group", look)
    evaluate([Sway()], episodes=4, seed=3, workers=1)
    assert seen == [(3, 4), (5, 6)]
    evaluate([Sway()], episodes=5, seed=3, workers=1)
    assert seen[2:] == [(3, 4), (5, 6), (7,)]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"episodes": 0}, "episodes: expected at least 1, got 0"),
        (
            {"num_given": [10], "operators": ["proxy"]},
            "num_given: expected numbers from 0 to 9, got 10",
        ),
        ({"operators": []}, "operators: expected at least one"),
        ({"operators": ["proxy"], "num_given": [3]}, "proxies: expected one policy"),
        ({"operators": ["tracker"], "num_given": [3]}, "'tracker': expected demonstrations"),
        ({"operators": ["driver"], "num_given": [3]}, "operator: expected one of everything"),
        ({"env_options": {"tasks": "all"}}, "tasks: expected one of"),
        ({"trust": 0.1}, "sway: policy: expected one that weighs commands"),
        ({"trust": "z=x"}, "sway: trust: expected a standard deviation such as 0.1"),
    ],
)
def test_mistakes_get_a_sentence(arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate([Sway()], **{"episodes": 1, "workers": 1, "env_options": SHORT, **arguments})


def test_checkpoints_of_one_kind_and_seed_are_called_by_their_folders(tmp_path):
    policy = BC(BC.Config(width=8), np.zeros(30), np.ones(30), -np.ones(9), np.ones(9))
    for folder in ("before/seed-0", "after/seed-0", "after/seed-1"):
        seed = int(folder[-1])
        save_policy(tmp_path / folder, policy, training={"seed": seed})
    names = {
        (entry.name, entry.train_seed)
        for entry in resolve_policies([tmp_path / "before", tmp_path / "after"])
    }
    assert names == {("before", 0), ("after", 0), ("after", 1)}
    alone = resolve_policies([tmp_path / "after"])
    assert [entry.name for entry in alone] == ["bc", "bc"]


def test_policies_that_rows_could_not_tell_apart_are_refused():
    with pytest.raises(InputError, match="got two called 'sway' with seed None"):
        evaluate([Sway(), Sway()], workers=1)
    with pytest.raises(InputError, match="policies: expected at least one"):
        evaluate([], workers=1)


def save_bc(folder, seed=0):
    """An untrained BC policy as a checkpoint."""
    torch.manual_seed(seed)
    ends = np.ones(9, np.float32)
    policy = BC(BC.Config(width=8), np.zeros(30), np.ones(30), -ends, ends)
    tasks = ["kettle", "microwave"]
    data = {"tasks": tasks, "env": {"id": "kitchen", "options": {"tasks": tasks}}}
    return save_policy(folder, policy, training={"seed": seed}, data=data)


@pytest.fixture
def checkpoints(tmp_path):
    """A folder of two training seeds, as the verb train leaves it."""
    with torch.random.fork_rng():
        for seed in (0, 10):
            save_bc(tmp_path / "bc" / f"seed-{seed}", seed)
    return tmp_path / "bc"


def verb(name, *options):
    """Run a verb as the command line does; returns its exit status."""
    module = importlib.import_module(f"mac_control.scripts.{name}")
    with pytest.raises(SystemExit) as exit:
        cli.run(module.main, [str(option) for option in options])
    return exit.value.code


def test_the_verb_evaluate_writes_results_and_goes_on_where_it_was(checkpoints, tmp_path, capsys):
    out = tmp_path / "out"
    short = ["--steps", 3, "--episodes", 2, "--workers", 1, "--out", out]
    grid = ["--policies", checkpoints, "--operators", "nobody", "proxy", "--given", "0,2"]
    assert verb("evaluate", *grid, *short) == 0
    results = json.loads((out / "results.json").read_text())
    cells = [(row["operator"], row["num_given"], row["train_seed"]) for row in results["rows"]]
    assert cells == [("nobody", 0, 0), ("proxy", 2, 0), ("nobody", 0, 10), ("proxy", 2, 10)]
    assert [row["train_seeds"] for row in results["summary"]] == [[0, 10], [0, 10]]
    assert results["command"].startswith("mac-control evaluate") and results["versions"]["mujoco"]
    table = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [row["policy"] for row in table] == ["bc"] * 4
    assert float(table[0]["reward_mean"]) == results["rows"][0]["reward_mean"]
    assert "| BC | proxy | 2 | " in (out / "results.md").read_text()
    assert (out / "results.png").read_bytes().startswith(b"\x89PNG")

    # One row lost: only it is run again, and with the same outcome.
    kept = [{**row, "seconds": 99.0} for row in results["rows"][:1] + results["rows"][2:]]
    for row in kept:
        del row["trust"]  # as in rows of before
    (out / "results.json").write_text(json.dumps({"rows": kept}))
    assert verb("evaluate", *grid, *short) == 0
    again = json.loads((out / "results.json").read_text())["rows"]
    assert [row["seconds"] == 99.0 for row in again] == [True, False, True, True]
    assert untimed(again) == untimed(results["rows"])

    # Another configuration: nothing of the old is kept.
    assert verb("evaluate", *grid, *short, "--seed", 5) == 0
    rows = json.loads((out / "results.json").read_text())["rows"]
    assert not any(row["seconds"] == 99.0 for row in rows)


def test_the_verb_evaluate_refuses_what_is_not_its_own_file(checkpoints, tmp_path, capsys):
    (tmp_path / "results.json").write_text("[1, 2]")
    assert verb("evaluate", "--policies", checkpoints, "--out", tmp_path) == 2
    assert "expected results of evaluate" in capsys.readouterr().err
    assert verb("evaluate", "--policies", tmp_path / "none", "--out", tmp_path / "out") == 2
    assert "expected a checkpoint folder" in capsys.readouterr().err


@pytest.mark.parametrize("version", [1, 2])
def test_the_tasks_are_those_the_policy_was_trained_on(checkpoints, monkeypatch, version):
    file = checkpoints / "seed-0" / "policy.json"
    record = json.loads(file.read_text())
    if version == 1:  # which did not record the environment
        del record["data"]["env"], record["robot"]
    file.write_text(json.dumps({**record, "version": version}))
    seen = []

    def make(name, robot=None):
        seen.append((name.name, dict(name.options)))
        return make_env(name, robot)

    monkeypatch.setattr(groups, "make_env", make)
    monkeypatch.setattr(groups, "_made", {"key": None, "envs": []})
    evaluate([checkpoints / "seed-0"], episodes=1, workers=1, env_options={"max_episode_steps": 2})
    options = {"max_episode_steps": 2, "obs": "positions", "tasks": ["kettle", "microwave"]}
    assert seen == [("kitchen", options)]


def test_the_proxy_is_the_one_of_the_same_training_seed(checkpoints):
    both = [EvalPolicy("mac", seed, "", 30, 9, None, None, "sum") for seed in (0, 10)]
    cells = plan(both, ["proxy"], [3], resolve_policies([checkpoints]), {})
    assert [cell.proxy.train_seed for cell in cells] == [0, 10]
    cells = plan(both, ["proxy"], [3], resolve_policies([checkpoints / "seed-10"]), {})
    assert [cell.proxy.train_seed for cell in cells] == [10, 10]
    other = [EvalPolicy("mac", 3, "", 30, 9, None, None, "sum")]
    with pytest.raises(InputError, match=r"one with training seed 3 for 'mac', got .*\[0, 10\]"):
        plan(other, ["proxy"], [3], resolve_policies([checkpoints]), {})
    assert len({cell.key for cell in cells}) == 2
    alone = ["expert", "tracker", "random+noisy:std=0.1", "everything"]  # which need no policy
    cells = plan(other, alone, [3], resolve_policies([checkpoints]), {})
    assert [cell.proxy for cell in cells] == [None] * 4


def test_other_weights_behind_an_operator_are_another_row(checkpoints, tmp_path):
    policies = resolve_policies([checkpoints / "seed-0"])
    keys = []
    for seed in (0, 10):
        shutil.copytree(checkpoints / f"seed-{seed}", tmp_path / "driver", dirs_exist_ok=True)
        operators = [f"policy:{tmp_path / 'driver'}+k:3", "proxy"]
        keys.append([case.key for case in plan(policies, operators, [3], policies, {})])
    assert keys[0][0] != keys[1][0] and keys[0][1] == keys[1][1] is not None
    with pytest.raises(CheckpointError, match="expected a checkpoint folder"):
        plan(policies, [f"policy:{tmp_path / 'none'}"], [3], policies, {})


@pytest.mark.parametrize("changed", ["config", "env"])
def test_the_same_weights_that_act_otherwise_are_another_row(checkpoints, tmp_path, changed):
    def keys():
        policies, others = map(resolve_policies, ([checkpoints / "seed-0"], [driver]))
        cases = plan(policies, ["nobody", f"policy:{driver}"], [3], policies, {})
        cases += plan(policies, ["proxy"], [3], others, {}) + plan(others, ["nobody"], [0], [], {})
        return [case.key for case in cases]

    driver = shutil.copytree(checkpoints / "seed-10", tmp_path / "driver")
    before = keys()
    file = driver / "policy.json"
    record = json.loads(file.read_text())
    if changed == "config":
        record["config"] |= {"width": 9, "teacher": "here"}
    else:
        record["data"]["env"]["options"]["init_noise"] = 0.2
    file.write_text(json.dumps(record))
    after = keys()
    same = [old == new for old, new in zip(before, after, strict=True)]
    kept = changed == "env"  # that of an operator's data is looked at by nobody
    assert same == [True, kept, kept, False]
    if changed == "config":
        record["config"]["teacher"] = "moved"
        file.write_text(json.dumps(record))
        assert keys() == after


def test_a_row_is_of_one_environment_and_seed(checkpoints, tmp_path):
    driver = shutil.copytree(checkpoints / "seed-10", tmp_path / "driver")
    record = json.loads((driver / "policy.json").read_text())
    record["data"]["env"] = {"id": f"{__name__}:paying", "options": {}}
    (driver / "policy.json").write_text(json.dumps(record))

    def key(env, seed=0):
        options = {"episodes": 1, "seed": seed, "workers": 1, "env": env}
        return evaluate([driver], ["nobody"], [0], env_options={"max_episode_steps": 2}, **options)[
            0
        ]

    own, kitchen = key(None), key("kitchen")
    assert own["key"] != kitchen["key"] and own["rewards"] == [14] != kitchen["rewards"]
    env = f"{__name__}:paying:seed=3"
    assert key(env)["key"] != key(env, seed=5)["key"]


def paying(seed=0, max_episode_steps=280, **options):
    """The kitchen, with a reward of 7 in every step."""
    env = make_env("kitchen", max_episode_steps=max_episode_steps, **options)
    return gymnasium.wrappers.TransformReward(env, lambda reward: 7.0)


def test_a_policy_can_be_named(checkpoints):
    named = resolve_policies([f"small={checkpoints}", checkpoints / "seed-0"])
    assert [(c.name, c.train_seed) for c in named] == [("small", 0), ("small", 10), ("bc", 0)]


def test_the_verb_rollout_prints_each_episode_and_the_mean(checkpoints, capsys):
    policy = ["--policy", checkpoints / "seed-0", "--steps", 3, "--episodes", 2]
    assert verb("rollout", *policy, "--operator", "proxy", "--dims", "1,4", "--seed", 7) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seed 7  subtasks 0  given shoulder, forearm turn")
    assert lines[-1] == "mean subtasks 0.00 ± 0.00 (standard error, 2), success rate 0.00"
    assert verb("rollout", *policy, "--episodes", 1) == 0
    assert capsys.readouterr().out.endswith("mean subtasks 0.00, success rate 0.00\n")
    for wrong, message in [
        (["--given", 1, "--dims", "1"], "num_given, dims: expected one of the two"),
        (["--operator", "random", "--dims", "a"], "expected groups or dimensions out of arm, base"),
        (["--episodes", 0], "episodes: expected at least 1"),
        (["--operator", "driver"], "operator: expected one of everything"),
    ]:
        assert verb("rollout", *policy, *wrong) == 2
        assert message in capsys.readouterr().err


def test_a_folder_that_was_written_again_is_loaded_again(tmp_path):
    folder = tmp_path / "policy"
    for width in (8, 16):
        box = np.ones(9)
        save_policy(folder, BC(BC.Config(width=width), np.zeros(30), np.ones(30), -box, box))
        assert loaded_policy(str(folder), "policy").config.width == width


def test_what_an_evaluation_consists_of_is_told_without_torch(checkpoints):
    program = f"""
import sys
from dataclasses import replace
import mac_control.scripts.evaluate
from mac_control.loop import evaluate
from mac_control.loop.policies import resolve_policies
found = resolve_policies([{str(checkpoints)!r}, "builtin"])
assert not {{"torch", "matplotlib"}} & set(sys.modules)
print([(each.name, each.obs_dim, each.action_dim, each.train_seed) for each in found])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = [("bc", 30, 9, 0), ("bc", 30, 9, 10), ("mac", 30, 9, 0)]
    assert done.stdout.strip() == str(wanted)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "dreamer"}, "policy: expected one of .* got 'dreamer'"),
        ({"kind": "os:system"}, "expected the name of an installed policy"),
        ({"kind": None}, "expected the name of a policy, got None"),
        ({"obs_dim": "30"}, "obs_dim: expected a whole number from 1 on, got '30'"),
        ({"action_dim": 0}, "action_dim: expected a whole number from 1 on, got 0"),
    ],
)
def test_a_checkpoint_that_is_none_is_refused_before_anything_runs(checkpoints, change, message):
    file = checkpoints / "seed-10" / "policy.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CheckpointError, match=message):
        resolve_policies([checkpoints])


def test_a_tracker_of_a_robot_with_other_gains_is_another_row(demonstrations):
    def rows(gain, done=()):
        robot = demonstrations.robot
        actions = tuple(replace(dim, gain=gain * dim.gain) for dim in robot.actions)
        data = replace(demonstrations, robot=replace(robot, actions=actions))
        how = {"episodes": 1, "workers": 1, "env_options": SHORT, "done": done}
        return evaluate(["builtin"], ["everything"], [0], demonstrations=data, **how)

    first = rows(1.0)
    assert rows(1.0, first) == first
    assert rows(0.5, first)[0]["key"] != first[0]["key"]
    record = {"config": {"weight": 1}, "robot": {"name": "arm"}}
    assert acting_config({**record, "kind": "retrieval"})["robot"] == {"name": "arm"}
    assert acting_config({**record, "kind": "mac"}) == {"weight": 1}


def test_rewritten_demonstrations_are_read_again(demonstrations, tmp_path):
    save_minari(demonstrations, tmp_path / "set")
    source = str(tmp_path / "set")
    assert groups._demonstrations(source, "before").lengths.tolist() == [9]
    two = replace(demonstrations, episodes=[*demonstrations, *demonstrations])
    save_minari(two, tmp_path / "set", overwrite=True)
    assert groups._demonstrations(source, "before").lengths.tolist() == [9]
    assert groups._demonstrations(source, "after").lengths.tolist() == [9, 9]
