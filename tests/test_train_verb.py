"""`mac-control train` on real demonstrations."""

import csv

import numpy as np
import pytest

from mac_control.checkpoint import load_policy
from mac_control.cli import run
from mac_control.demonstrations import (
    Demonstrations,
    Episode,
    load_demonstrations,
    save_minari,
)
from mac_control.envs import make_env, robot_of
from mac_control.scripts.train import main, parse


def test_the_verb_trains_on_real_demonstrations(tmp_path, kitchen_complete, capsys):
    argv = f"--policy bc --data {kitchen_complete} --out {tmp_path} --seeds 0,1 --steps 30"
    with pytest.raises(SystemExit) as status:
        run(main, [*argv.split(), "--bc.width", "16"], parse=parse)
    assert status.value.code == 0
    folders = capsys.readouterr().out.split()
    assert folders == [str(tmp_path / "seed-0"), str(tmp_path / "seed-1")]
    policy = load_policy(folders[1])
    assert policy.config.width == 16 and policy.act(np.zeros(30)).shape == (9,)
    assert policy.checkpoint["data"] == load_demonstrations(kitchen_complete).provenance


def test_the_verb_chooses_by_rollouts_in_the_kitchen(tmp_path, kitchen_complete):
    argv = f"--policy bc --data {kitchen_complete} --out {tmp_path} --steps 20 --check-every 10"
    with pytest.raises(SystemExit):
        run(main, [*argv.split(), "--select-by", "rollouts", "--rollouts", "1"], parse=parse)
    with open(tmp_path / "log.csv", newline="") as file:
        scores = [float(row["score"]) for row in csv.DictReader(file) if row["score"]]
    assert len(scores) == 2 and all(0 <= score <= 4 for score in scores)
    assert load_policy(tmp_path).checkpoint["training"]["best"] == max(scores)


def test_the_verb_rolls_out_where_the_data_were_recorded(tmp_path):
    env = make_env("Reacher-v5", max_episode_steps=4)
    obs, actions = np.zeros((4, 10)), np.zeros((4, 2))
    record = {"env": {"id": "Reacher-v5", "options": {"max_episode_steps": 4}}}
    made = Demonstrations([Episode(obs, actions)], (), record, robot_of(env))
    save_minari(made, str(tmp_path / "reacher"))
    argv = f"--policy bc --data {tmp_path / 'reacher'} --out {tmp_path / 'out'} --steps 4"
    argv += " --check-every 2 --select-by rollouts --rollouts 1"
    with pytest.raises(SystemExit) as status:
        run(main, argv.split(), parse=parse)
    assert status.value.code == 0
    assert load_policy(tmp_path / "out").checkpoint["training"]["best"] < 0


def test_seeds_in_processes_of_their_own_are_those_side_by_side(tmp_path):
    argv = ["--policy", "bc", "--data", "builtin", "--seeds", "0,1", "--steps", "6"]
    argv += ["--bc.width", "8", "--check-every", "3"]
    argv += ["--select-by", "rollouts", "--rollouts", "1", "--out"]
    found = []
    for folder, workers in (("each", ["--workers", "2"]), ("stacked", [])):
        with pytest.raises(SystemExit) as status:
            run(main, [*argv, str(tmp_path / folder), *workers], parse=parse)
        assert status.value.code == 0
        seeds = [load_policy(tmp_path / folder / f"seed-{seed}") for seed in (0, 1)]
        found.append([policy.act(np.ones(30, np.float32)) for policy in seeds])
    assert np.allclose(*found, atol=1e-4) and not np.array_equal(*found[0])


@pytest.mark.parametrize(
    "argv", ["--seeds 0,0", "--seed=-1", "--seeds x", "--policy oracle", "--device tpu"]
)
def test_the_verb_says_what_is_wrong(tmp_path, kitchen_complete, capsys, argv):
    with pytest.raises(SystemExit) as status:
        run(
            main,
            ["--out", str(tmp_path), "--data", str(kitchen_complete), *argv.split()],
            parse=parse,
        )
    assert status.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
