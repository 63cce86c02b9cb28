"""What a function of the package is given in place of what it takes ends in one sentence."""

import shutil

import gymnasium
import numpy as np
import pytest

import mac_control
from mac_control import (
    CheckpointError,
    InputError,
    PartialAction,
    SharedAutonomy,
    load_policy,
    rollout,
)
from mac_control.checkpoint_record import builtin_policy
from mac_control.cli import main

OBS = np.zeros(30)


@pytest.fixture(scope="module")
def policy():
    return load_policy("builtin")


@pytest.fixture(scope="module")
def arm():
    env = gymnasium.make("Reacher-v5")
    yield env
    env.close()


def test_shared_autonomy_is_at_hand():
    assert "SharedAutonomy" in mac_control.__all__
    assert mac_control.SharedAutonomy is mac_control.envs.SharedAutonomy


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda p, _: p.act(OBS, {0: 0.3}), r"partial: expected a PartialAction, such as .*of\("),
        (lambda p, _: p.log_prob(OBS, {0: 0.3}), r"partial: expected a PartialAction"),
        (lambda p, _: p.act(OBS + 1j), r"obs: expected real numbers, got array\("),
        (lambda p, _: p.act("here"), r"obs: expected real numbers, got 'here'"),
        (lambda p, _: p.act(OBS * np.nan), r"obs: expected finite numbers"),
        (
            lambda p, _: p.log_prob(OBS * np.nan, PartialAction.of({0: 0.3}, 9)),
            r"obs: expected finite numbers",
        ),
        (lambda *_: PartialAction([0.3 + 1j], [True]), r"values: expected numbers"),
        (lambda *_: PartialAction(np.array([0.3 + 1j]), [True]), r"values: expected numbers"),
        (lambda *_: load_policy(None), r"policy: expected the path of a checkpoint, got None"),
        (lambda *_: load_policy("builtin", device="foo"), r"device: expected one .*, got 'foo'"),
        (lambda p, _: rollout("kitchen", p, seed=0), r"env: expected an environment, .* 'kitchen'"),
        (lambda _, env: rollout(env, "r/mac", seed=0), r"policy: expected a Policy, .* 'r/mac'"),
        (lambda _, env: SharedAutonomy(env, None), r"policy: expected a Policy, .*, got None"),
        (lambda p, _: SharedAutonomy("kitchen", p), r"env: expected an environment"),
    ],
)
def test_what_is_something_else_is_refused(call, reason, policy, arm):
    with pytest.raises(InputError, match=reason):
        call(policy, arm)


@pytest.fixture
def seeds(tmp_path):
    """Two checkpoints side by side, as several training seeds are."""
    for seed in (0, 1):
        shutil.copytree(builtin_policy(), tmp_path / "s" / f"seed-{seed}")
    return tmp_path / "s"


@pytest.mark.parametrize(
    "command",
    [
        "rollout --policy {} --episodes 1",
        "teleoperate --no-cockpit --device keyboard --steps 1 --policy {}",
        "export --policy {} --out exported",
        "train --from {} --data builtin --out trained",
    ],
)
def test_a_folder_of_several_checkpoints_is_not_one(command, seeds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["mac-control", *command.format(seeds).split()])
    with pytest.raises(SystemExit) as status:
        main()
    error = capsys.readouterr().err
    assert status.value.code == 2, error
    assert "expected one checkpoint, got" in error and f"such as {seeds / 'seed-0'}" in error
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_folder_of_several_checkpoints_is_not_loaded(seeds):
    with pytest.raises(CheckpointError, match=r"a folder of 2; name one of them, such as .*seed-0"):
        load_policy(seeds)
