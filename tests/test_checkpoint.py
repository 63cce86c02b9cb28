"""A checkpoint is whole, or says in a sentence what is wrong with it."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch

import mac_control
from mac_control.checkpoint import commit, load_policy, read, save_policy
from mac_control.errors import CheckpointError, InputError
from mac_control.policies import policy_class
from mac_control.policies.bc import BC


def new_bc(seed=0, width=8):
    torch.manual_seed(seed)
    box = np.arange(3.0), np.ones(3) + np.arange(3), -np.ones(2), np.array([1.0, 0.5])
    return BC(BC.Config(width=width), *box)


@pytest.fixture
def saved(tmp_path):
    return save_policy(tmp_path / "ckpt", new_bc(), training={"seed": 0}, data={"source": "x"})


def rewrite(folder, **changes):
    file = folder / "policy.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_load_needs_nothing_but_the_folder_and_acts_the_same(saved):
    obs = np.random.default_rng(0).normal(size=(5, 3))
    for path in (saved, saved / "policy.json", str(saved)):
        policy = mac_control.load_policy(path)
        assert np.array_equal(policy.act(obs), new_bc().act(obs))
    assert policy.config == BC.Config(width=8) and not policy.training
    assert policy.high.tolist() == [1.0, 0.5]
    assert policy.checkpoint["training"] == {"seed": 0}
    assert policy.checkpoint["data"] == {"source": "x"}


def test_saving_again_leaves_one_weights_file(saved):
    save_policy(saved, new_bc(seed=1))
    assert len(list(saved.iterdir())) == 2
    assert np.array_equal(load_policy(saved).act(np.ones(3)), new_bc(1).act(np.ones(3)))


@pytest.mark.parametrize("moment", ["weights", "json", "removal"])
def test_a_kill_at_any_moment_of_saving_leaves_a_whole_checkpoint(saved, monkeypatch, moment):
    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    where = {
        "weights": "mac_control.checkpoint.atomic_path",
        "json": "mac_control.checkpoint.write_json",
        "removal": "pathlib.Path.glob",
    }[moment]
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(where, die)
        save_policy(saved, new_bc(seed=1))
    kept = new_bc(seed=1 if moment == "removal" else 0)
    assert np.array_equal(load_policy(saved).act(np.ones(3)), kept.act(np.ones(3)))
    save_policy(saved, new_bc(seed=2))  # and the next save cleans up
    assert len(list(saved.glob("weights-*"))) == 1


def test_nothing_there(tmp_path):
    with pytest.raises(CheckpointError, match="expected a checkpoint folder"):
        load_policy(tmp_path / "nowhere")


@pytest.mark.parametrize("damage", [lambda b: b[:-5], lambda b: b[:-1] + bytes([b[-1] ^ 1])])
def test_damaged_weights(saved, damage):
    (file,) = saved.glob("weights-*")
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(CheckpointError, match=r"weights-.*damaged"):
        load_policy(saved)


def test_missing_weights(saved):
    for file in saved.glob("weights-*"):
        file.unlink()
    with pytest.raises(CheckpointError, match="no such file"):
        load_policy(saved)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kind": "oracle"}, "expected one of bc, ibc, mac"),
        ({"version": 99}, "got 99"),
        ({"version": "1"}, "expected version"),
        ({"format": "other"}, "format"),
        ({"config": {"width": 16, "depth": 2}}, r"weight network.0.bias: expected \(16,\)"),
        ({"config": {"width": 8, "depth": 1}}, "got"),
        ({"config": {"girth": 8}}, "configuration of bc"),
        ({"config": {"width": -1}}, "configuration of bc"),
        ({"obs_dim": 4}, r"obs_mean: expected shape \(4,\)"),
        ({"weights": {}}, "name of a weights file"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(saved, changes, sentence):
    rewrite(saved, **changes)
    with pytest.raises(CheckpointError, match=sentence) as error:
        load_policy(saved)
    assert "\n" not in str(error.value) and str(saved) in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", '{"format": 3}'])
def test_a_policy_json_that_is_not_one(saved, text):
    (saved / "policy.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"policy\.json"):
        load_policy(saved)


def test_weights_that_are_not_finite(saved):
    record, tensors = read(saved, "policy")
    tensors["network.0.bias"][0] = float("nan")
    commit(saved, "policy", record, tensors)
    with pytest.raises(CheckpointError, match="finite"):
        load_policy(saved)


def test_weights_are_never_read_from_outside_the_folder(saved, tmp_path):
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    rewrite(saved, weights={"file": "../other.safetensors", "sha256": ""})
    with pytest.raises(CheckpointError, match="no such file"):
        load_policy(saved)


def test_unknown_policies_are_named():
    with pytest.raises(InputError, match="bc, ibc, mac"):
        policy_class("oracle")


@pytest.mark.parametrize("key", ["depth", "width"])
def test_a_configuration_that_would_take_all_memory_is_refused(saved, key):
    config = json.loads((saved / "policy.json").read_text())["config"]
    rewrite(saved, config={**config, key: 44_653_693})
    with pytest.raises(CheckpointError, match=f"config.{key}: expected at most"):
        load_policy(saved)
