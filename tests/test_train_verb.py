"""`mac-control train` on real demonstrations."""

import csv

import numpy as np
import pytest
from training_runs import fit

from mac_control.checkpoint import load_policy
from mac_control.cli import run
from mac_control.demonstrations import (
    Demonstrations,
    Episode,
    load_demonstrations,
    save_minari,
)
from mac_control.envs import make_env, robot_of
from mac_control.errors import InputError
from mac_control.export import export_policy
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
    "argv",
    ["--seeds 0,0", "--seed=-1", "--seeds x", "--policy oracle", "--policy=", "--device tpu"],
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


def refused(capsys, *argv):
    """The sentence that the verb ends with."""
    with pytest.raises(SystemExit) as status:
        run(main, [str(each) for each in argv], parse=parse)
    assert status.value.code == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("--seed 3 --seeds 0,1", "seed: expected without --seeds"),
        ("--rollouts 3", "rollouts: expected with --select-by rollouts"),
        ("--episode-steps 3", "episode_steps: expected with --select-by rollouts"),
        ("--split-seed 1", "split_seed: expected with --validation"),
        ("--correction-gain 0.5", "correction_gain: expected with --corrections"),
        ("--ema 0.9", "ema: expected with --optimizer adamw"),  # which is not mac's
    ],
)
def test_options_that_nothing_would_look_at_are_refused(tmp_path, capsys, argv, said):
    found = refused(capsys, "--out", tmp_path / "r", "--data", "builtin", *argv.split())
    assert said in found and not (tmp_path / "r").exists()


def test_what_is_trained_further_stays_the_policy_that_it_is(tmp_path, capsys):
    (bc,) = fit(tmp_path / "bc")
    argv = ("--from", bc, "--out", tmp_path / "r", "--data", "builtin")
    for policy, *options in (("mac",), ("bc", "--bc.width", "16"), ("mac", "--mac.width", "16")):
        found = refused(capsys, *argv, "--policy", policy, *options)
        assert "are those of" in found and "(bc); got --" in found
    found = refused(capsys, *argv, "--wrapper", "windowed")
    assert "(bc); got --wrapper windowed" in found
    exported = export_policy(load_policy(bc), tmp_path / "bc.onnx")
    assert f"got the exported file {exported}" in refused(capsys, *argv, "--from", exported)
    with pytest.raises(InputError, match="got the exported file"):
        fit(tmp_path / "r", start=exported)
    assert not (tmp_path / "r").exists()


def test_it_says_what_it_learns_from_where_nothing_was_named(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MAC_CONTROL_DATA", raising=False)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    argv = f"--policy bc --bc.width 8 --steps 2 --out {tmp_path / 'r'}"
    with pytest.raises(SystemExit) as status:
        run(main, argv.split(), parse=parse)
    assert status.value.code == 0
    count = len(load_demonstrations("builtin"))
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("data: ")]
    assert len(said) == 1 and said[0].startswith(f"data: {count} episodes of ")


def test_rollouts_of_another_kind_do_not_go_on_with_a_run(tmp_path, capsys):
    argv = f"--policy bc --bc.width 8 --data builtin --out {tmp_path} --steps 4 --check-every 2"
    argv += " --select-by rollouts"
    with pytest.raises(SystemExit) as status:
        run(main, [*argv.split(), "--rollouts", "1", "--episode-steps", "3"], parse=parse)
    assert status.value.code == 0
    capsys.readouterr()
    for other, said in (
        ("--rollouts 2 --episode-steps 3", "score.episodes 1, got 2"),
        ("--rollouts 1 --episode-steps 4", "score.env.options.max_episode_steps 3, got 4"),
        ("--rollouts 1 --episode-steps 3 --env kitchen:init_noise=0.2", "score.env.options"),
    ):
        found = refused(capsys, *argv.split(), *other.split())
        assert "holds a training run with score" in found and said in found
