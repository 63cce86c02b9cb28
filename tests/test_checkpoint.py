"""A checkpoint is whole, or says in a sentence what is wrong with it."""

import json
import threading

import numpy as np
import pytest
import safetensors.torch
import torch

import mac_control
from mac_control.checkpoint import commit, load_policy, read, save_policy
from mac_control.checkpoint_record import policy_record
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.errors import CheckpointError, InputError
from mac_control.partial import PartialAction
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
        ({"kind": "oracle"}, "expected one of bc, consistency, diffusion, ibc, intent, mac,"),
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
    with pytest.raises(
        InputError, match="bc, consistency, diffusion, ibc, intent, mac, mixture_bc"
    ):
        policy_class("oracle")


@pytest.mark.parametrize("key", ["depth", "width"])
def test_a_configuration_that_would_take_all_memory_is_refused(saved, key):
    config = json.loads((saved / "policy.json").read_text())["config"]
    rewrite(saved, config={**config, key: 44_653_693})
    with pytest.raises(CheckpointError, match=f"config.{key}: expected at most"):
        load_policy(saved)


OLD_FIELDS = [
    "rule",
    "gives",
    "fill",
    "habit",
    "change",
    "trust",
    "lead",
    "history",
    "chunk",
    "ensemble",
]
#: Name of a policy in version 1 -> its configuration there, its name now, its configuration now.
VERSION_1 = {
    "mac": (
        {"rule": "operator", "gives": [1, 3], "fill": "mode", "width": 8, "obs_width": 8},
        "mac",
        {"mask_distribution": "operator", "num_given": (1, 3), "decoding": "mode"},
    ),
    "intent": (
        {
            "policy": "mac",
            "options": {"fill": "mode", "gives": [2], "width": 8, "obs_width": 8},
            "intents": ["kettle", "microwave"],
            "width": 8,
            "habit": 0.7,
            "change": 0.1,
            "trust": 0.4,
            "lead": 0.3,
        },
        "intent",
        {"prior": 0.7, "transition_prob": 0.1, "likelihood_weight": 0.4, "switch_margin": 0.3},
    ),
    "windowed": (
        {
            "policy": "bc",
            "options": {"width": 8, "depth": 1},
            "history": 2,
            "chunk": 3,
            "ensemble": 0.1,
        },
        "windowed",
        {"n_obs_steps": 2, "chunk_size": 3, "temporal_ensemble_coeff": 0.1},
    ),
    "recall": (
        {
            "policy": "mac",
            "options": {"fill": "mode", "rule": "marginal", "width": 8, "obs_width": 8},
            "plans": 2,
            "lengths": [4, 3],
        },
        "retrieval",
        {"plans": 2, "lengths": (4, 3)},
    ),
}


@pytest.mark.parametrize("kind", VERSION_1)
@pytest.mark.parametrize("tasks", [["kettle"], []])
def test_checkpoints_of_version_1_load_as_what_they_were(tmp_path, kind, tasks):
    """As version 1 wrote it: no robot, no environment, its own names."""
    written, name, now = VERSION_1[kind]
    robot = kitchen_robot(30)
    cls = policy_class(name)
    options = {k: v for k, v in written.items() if k not in OLD_FIELDS} | now
    if "options" in options:
        renamed = {"fill": "decoding", "rule": "mask_distribution", "gives": "num_given"}
        options["options"] = {renamed.get(k, k): v for k, v in options["options"].items()}
        if options["policy"] == "bc":  # which regressed raw actions
            options["options"] |= {"raw": True}
    torch.manual_seed(0)
    box = np.zeros(30), np.ones(30), robot.low, robot.high, robot
    policy = cls(cls.Config(**options), *box).eval()
    tensors = {
        key.replace("prior_network.", "habit."): value for key, value in policy.state_dict().items()
    }
    record = {"kind": kind, "config": written, "obs_dim": 30, "action_dim": 9}
    commit(tmp_path, "policy", {**record, "data": {"tasks": tasks}, "training": {}}, tensors)
    rewrite(tmp_path, version=1)

    loaded = load_policy(tmp_path)
    assert loaded.config == policy.config and type(loaded) is cls
    assert policy_record(tmp_path) == loaded.checkpoint
    tells = bool(tasks) or kind == "recall"  # which tracked the kitchen's arm
    assert loaded.robot == (robot if tells else None)
    env = loaded.checkpoint["data"].get("env")
    options = {"obs": "positions", **({"tasks": tasks} if tasks else {})}
    assert env == ({"id": "kitchen", "options": options} if tells else None)
    for each in (loaded, policy):
        each.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        obs = rng.normal(size=30)
        partial = PartialAction(rng.uniform(-1, 1, 9), rng.random(9) < 0.4)
        assert np.array_equal(loaded.act(obs, partial), policy.act(obs, partial))
    again = load_policy(save_policy(tmp_path / "again", loaded))
    assert again.config == policy.config and again.robot == loaded.robot
    assert json.loads((tmp_path / "again" / "policy.json").read_text())["version"] == 2


@pytest.mark.parametrize("kind", ["os:system", "mac_control.policies.bc:BC", "json:loads"])
def test_a_checkpoint_names_no_code(saved, kind):
    rewrite(saved, kind=kind)
    with pytest.raises(CheckpointError, match="expected the name of an installed policy, got"):
        load_policy(saved)


def test_what_is_no_policy_that_learns_is_refused():
    with pytest.raises(InputError, match="policy 'json:loads': expected a LearnedPolicy"):
        policy_class("json:loads")


def test_two_that_write_into_one_folder_leave_a_whole_record(tmp_path):
    def write(number):
        for turn in range(20):
            commit(
                tmp_path, "training", {"by": number}, {"x": torch.full((9,), number + turn / 99)}
            )

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record, tensors = read(tmp_path, "training")
    assert int(tensors["x"][0]) == record["by"] and len(list(tmp_path.iterdir())) == 2
