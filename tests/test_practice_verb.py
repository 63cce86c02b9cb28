"""`mac-control practice`: what it is told, checked before anything is played."""

import numpy as np
import pytest
import torch
from test_practice import ENV, policy

from mac_control import InputError
from mac_control.checkpoint import load_policy, save_policy
from mac_control.cli import run
from mac_control.demonstrations import load_demonstrations
from mac_control.export import export_policy
from mac_control.policies.trusted import Dial
from mac_control.practice.config import PracticeConfig
from mac_control.practice.run import Practice
from mac_control.scripts import augment, evaluate, practice


@pytest.fixture
def began(tmp_path):
    return save_policy(tmp_path / "began", policy(components=1), training={"seed": 0})


def said(capsys, main, *argv):
    """Exit status, and what stands on stderr."""
    with pytest.raises(SystemExit) as status:
        run(main, [str(each) for each in argv])
    return status.value.code, capsys.readouterr().err


def options(began, out, *more):
    argv = ("--policy", began, "--env", "test_practice:Sum", "--out", out, "--envs", "4")
    return (*argv, "--operators", "test_practice:Draws", *more)


def test_without_numbers_as_many_dimensions_are_given_as_there_are(began, tmp_path, capsys):
    code, _ = said(capsys, practice.main, *options(began, tmp_path / "out", "--steps", "32"))
    assert code == 0
    told = load_policy(tmp_path / "out").checkpoint["training"]["practice"]
    assert (told["num_given"], told["played"]) == ([0, 1], 32)
    code, error = said(capsys, practice.main, *options(began, tmp_path / "out", "--steps", "16"))
    assert code == 0 and "practised 32 of 16 steps already; more --steps go on" in error


@pytest.mark.parametrize(
    ("main", "argv", "sentence"),
    [
        (practice.main, ("--epochs", "0"), "error: epochs: expected at least 1, got 0"),
        (practice.main, ("--lr", "nan"), "error: lr: expected a number above 0, got nan"),
        (augment.main, ("--disturbance.decay", "5"), "error: decay: expected at most 1, got 5.0"),
        (evaluate.main, ("--offline", "--folds", "0"), "error: folds: expected at least 1, got 0"),
    ],
)
def test_a_setting_that_cannot_be_ends_in_a_sentence(tmp_path, capsys, main, argv, sentence):
    policies = ("--policies", "mac", "--data", "builtin") if main is evaluate.main else ()
    code, error = said(capsys, main, "--out", tmp_path / "out", *policies, *argv)
    assert (code, error) == (2, f"{sentence}\n") and not (tmp_path / "out").exists()


def test_trackers_follow_data_of_the_robot_that_practises(began, tmp_path):
    data, config = load_demonstrations("builtin"), PracticeConfig(steps=8, envs=1)
    with pytest.raises(
        InputError, match=r"data: expected 1 observed and 2 .* got 30 and 9.*--data"
    ):
        Practice(began, ["tracker"], data, ENV, tmp_path / "out", config)
    assert not (tmp_path / "out").exists()


def test_an_exported_file_is_called_one(tmp_path, capsys):
    torch.manual_seed(0)
    file = export_policy(policy(), tmp_path / "mac.onnx")
    expected = f"got mac as the exported file {file}"
    code, error = said(capsys, practice.main, *options(file, tmp_path / "out"))
    assert code == 2 and expected in error
    with pytest.raises(InputError) as refused:
        Dial(load_policy(file), np.float32(0.1))
    assert expected in str(refused.value)
