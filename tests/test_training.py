"""The trainer: learns, resumes to the same weights, trains seeds side by side, fails in words."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from mac_control.checkpoint import load_policy, read
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.demonstrations.table import Table
from mac_control.errors import CheckpointError, InputError, MacControlError
from mac_control.policies import MacConfig
from mac_control.policies.bc import BC, BCConfig
from mac_control.training import SCALES, TrainConfig, new_policy, preset, train
from mac_control.training.stack import Stack
from mac_control.training.state import save_state

SMALL = BCConfig(width=16, depth=1)


def demonstrations(episodes=6, steps=50, noise=0.0):
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(episodes, steps, 4))
    weights = rng.normal(size=(4, 3)) / 4
    actions = np.tanh(observations @ weights + noise * rng.normal(size=(episodes, steps, 3)))
    return Demonstrations([Episode(*pair) for pair in zip(observations, actions, strict=True)])


def fit(out, data=None, seeds=(0,), score=None, **options):
    options = {"steps": 60, "batch_size": 32, "warmup": 5, "save_seconds": 1e9, **options}
    data = demonstrations() if data is None else data
    return train(
        "bc",
        data,
        out,
        seeds=seeds,
        policy=SMALL,
        config=TrainConfig(**options),
        score=score,
        progress=False,
    )


def weights(folder):
    return read(folder, "policy")[1]


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_it_learns_a_function_and_the_average_is_what_is_kept(tmp_path):
    (folder,) = fit(tmp_path, steps=800, lr=1e-2, ema=0.99)
    data, policy = demonstrations(), load_policy(folder)
    error = np.abs(policy.act(data.observations) - data.actions).mean()
    assert error < 0.03
    _, state = read(tmp_path, "training")
    assert torch.equal(weights(folder)["network.0.weight"], state["ema/policy.network.0.weight"])
    assert policy.checkpoint["training"]["step"] == 800


def test_the_seed_decides_everything_and_global_randomness_nothing(tmp_path):
    runs = []
    for index, seed in enumerate([0, 0, 1]):
        torch.manual_seed(index)
        before = torch.get_rng_state()
        runs.append(weights(fit(tmp_path / str(index), seeds=(seed,))[0]))
        assert torch.equal(before, torch.get_rng_state())
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


SCRIPT = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from test_training import fit, demonstrations
fit({out!r}, steps=600, save_seconds=0.0, validation=0.2, keep="validation", check_every=40)
"""


def test_killed_and_resumed_training_ends_with_the_same_weights_bit_for_bit(tmp_path):
    """A real process, killed with SIGKILL twice in the middle of training and saving."""
    script = SCRIPT.format(tests=os.path.dirname(__file__), out=str(tmp_path / "killed"))
    steps = [0]
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", script])
        while process.poll() is None and step(tmp_path / "killed") <= steps[-1] + 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        load_policy(tmp_path / "killed")  # whole at any moment
        steps.append(step(tmp_path / "killed"))
    assert 0 < steps[1] < steps[2] < 600
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        options = {"steps": 600, "validation": 0.2, "keep": "validation", "check_every": 40}
        fit(tmp_path / "killed", **options)
        fit(tmp_path / "whole", **options)
    finally:
        torch.set_num_threads(threads)
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))
    assert same(read(tmp_path / "killed", "training")[1], read(tmp_path / "whole", "training")[1])
    logs = [
        [(row["step"], row["validation"]) for row in rows(tmp_path / name) if row["validation"]]
        for name in ("killed", "whole")
    ]
    assert logs[0] == logs[1] and len(logs[0]) == 15


def step(folder):
    file = folder / "training.json"
    return json.loads(file.read_text())["step"] if file.exists() else 0


def rows(folder):
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_a_finished_run_is_not_trained_again(tmp_path):
    fit(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.safetensors")}
    fit(tmp_path)
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.safetensors")}


def test_a_run_of_a_version_with_fewer_settings_goes_on(tmp_path):
    fit(tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())
    del record["settings"]["clip"], record["settings"]["policy_config"]["depth"]
    (tmp_path / "training.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="policy_config"):
        fit(tmp_path)  # the small network's depth is not the default
    record["settings"]["policy_config"]["depth"] = SMALL.depth
    (tmp_path / "training.json").write_text(json.dumps(record))
    fit(tmp_path)
    with pytest.raises(CheckpointError, match="clip"):
        fit(tmp_path, clip=2.0)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"lr": 0.5}, "lr"), ({"steps": 70}, "steps"), ({"data": demonstrations(7)}, "data")],
)
def test_a_run_with_other_settings_is_not_mixed_in(tmp_path, change, sentence):
    fit(tmp_path)
    with pytest.raises(CheckpointError, match=f"training run with {sentence}"):
        fit(tmp_path, **change)


def test_a_kill_between_the_first_policy_and_its_state_is_harmless(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def save(run, saved=[]):  # noqa: B006 - counts calls
        saved.append(run)
        if len(saved) == 2:
            raise Killed
        save_state(run)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("mac_control.training.trainer.save_state", save)
        fit(tmp_path / "killed", save_seconds=0.0)
    for name in ("killed", "whole"):
        fit(tmp_path / name)
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))


def test_a_policy_that_is_not_a_run_is_not_overwritten(tmp_path):
    fit(tmp_path)
    (tmp_path / "training.json").unlink()
    with pytest.raises(CheckpointError, match="without its training state"):
        fit(tmp_path)


def test_seeds_side_by_side_are_separate_runs_up_to_rounding(tmp_path):
    options = {"validation": 0.3, "keep": "validation", "check_every": 20, "clip": 0.05}
    folders = fit(tmp_path / "stacked", seeds=(0, 1, 2), **options)
    for seed, folder in enumerate(folders):
        (alone,) = fit(tmp_path / f"alone-{seed}", seeds=(seed,), **options)
        one, other = weights(folder), weights(alone)
        for name in one:
            torch.testing.assert_close(one[name], other[name], atol=1e-5, rtol=1e-4)
        best = [read(f, "policy")[0]["training"]["best"] for f in (folder, alone)]
        assert best[0] == pytest.approx(best[1], rel=1e-4)


def test_seeds_side_by_side_resume(tmp_path):
    class Enough(Exception):
        pass

    def interrupt(policy):
        raise Enough

    options = {"seeds": (3, 4), "keep": "rollouts", "check_every": 30}
    with pytest.raises(Enough):
        fit(tmp_path / "cut", score=interrupt, save_seconds=0.0, **options)
    assert 0 < step(tmp_path / "cut") < 30
    for name in ("cut", "whole"):
        fit(tmp_path / name, score=lambda policy: float(policy.act(np.ones(4))[0]), **options)
    for folder in ("seed-3", "seed-4"):
        assert same(weights(tmp_path / "cut" / folder), weights(tmp_path / "whole" / folder))


def test_early_stopping_keeps_the_best_by_validation(tmp_path):
    data = demonstrations(episodes=4, steps=8, noise=1.0)  # little data, much noise: it overfits
    options = {"validation": 0.25, "keep": "validation", "check_every": 20, "ema": 0.0}
    (folder,) = fit(tmp_path, data, steps=5000, lr=3e-2, patience=5, **options)
    logged = [(int(r["step"]), float(r["validation"])) for r in rows(tmp_path) if r["validation"]]
    best = min(logged, key=lambda pair: pair[1])
    assert logged[-1][0] == best[0] + 5 * 20 < 5000
    _, held_out = data.split(0.25, 0)
    error = load_policy(folder)(torch.from_numpy(held_out.observations)).detach().numpy()
    assert ((error - held_out.actions) ** 2).mean() == pytest.approx(best[1], rel=1e-3)


def test_the_checkpoint_is_chosen_by_the_score(tmp_path):
    seen = []

    def score(policy):
        seen.append(policy.act(np.ones(4)))
        return [0.0, 5.0, 1.0][len(seen) - 1]

    (folder,) = fit(tmp_path, keep="rollouts", check_every=20, score=score)
    assert len(seen) == 3
    assert np.array_equal(load_policy(folder).act(np.ones(4)), seen[1])
    assert load_policy(folder).checkpoint["training"]["best"] == 5.0


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    calls, loss = [], BC.loss

    def breaks(self, batch):
        calls.append(0)
        return loss(self, batch) * (float("nan") if len(calls) > 40 else 1.0)

    monkeypatch.setattr(BC, "loss", breaks)
    with pytest.raises(MacControlError, match=r"loss is \[nan\] at step 41, expected finite"):
        fit(tmp_path, save_seconds=0.0)
    assert load_policy(tmp_path).checkpoint["training"]["step"] == 40


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"lr": float("nan")},
        {"ema": 1.0},
        {"keep": "validation"},
        {"patience": 3},
        {"device": "toaster"},
    ],
)
def test_settings_that_cannot_be(options):
    (name,) = options if "keep" not in options else ("validation",)
    with pytest.raises(InputError, match=name):
        TrainConfig(**options)


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InputError, match="compile: expected a C"):
        TrainConfig(compile=True)


def test_curves_lie_in_event_files_beside_the_table(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = {"validation": 0.3, "check_every": 10}
    fit(tmp_path, steps=60, **options)
    events = EventAccumulator(str(tmp_path)).Reload()
    logged = [(int(r["step"]), float(r["loss"])) for r in rows(tmp_path)]
    shown = [(event.step, event.value) for event in events.Scalars("loss")]
    assert shown == [(step, pytest.approx(loss)) for step, loss in logged] and len(shown) >= 6
    assert {"validation", "lr", "grad_norm"} <= set(events.Tags()["scalars"])


def test_actions_beyond_one_widen_the_box():
    data = demonstrations()
    wide = Demonstrations([Episode(e.observations, 5 * e.actions) for e in data])
    assert (new_policy("bc", data, 0).high == 1).all()
    policy = new_policy("bc", wide, 0)
    assert (policy.low < wide.actions.min(0)).all() and (policy.high > wide.actions.max(0)).all()


def test_presets():
    for name in ("bc", "ibc", "mac", "of-somebody-else"):
        small, large = (preset(name, scale) for scale in SCALES)
        assert small.steps < large.steps
    with pytest.raises(InputError, match="scale"):
        preset("bc", "huge")


def test_rollouts_need_something_that_rates(tmp_path):
    with pytest.raises(InputError, match="score"):
        fit(tmp_path, keep="rollouts")


def test_bfloat16_learns_too(tmp_path):
    (folder,) = fit(tmp_path, steps=300, lr=1e-2, ema=0.99, bf16=True)
    data, policy = demonstrations(), load_policy(folder)
    assert np.abs(policy.act(data.observations) - data.actions).mean() < 0.05
    assert all(value.dtype == torch.float32 for value in weights(folder).values())


@pytest.mark.parametrize("network", ["mlp", "transformer"])
def test_mac_seeds_side_by_side_have_the_losses_and_gradients_of_each_alone(network):
    config = MacConfig(network=network, width=16, layers=1, obs_width=16)
    data = demonstrations()
    steps = Table(data).take(torch.arange(20))
    policies = [new_policy("mac", data, seed, config) for seed in (0, 1)]
    batches = [p.draw(steps, torch.Generator().manual_seed(i)) for i, p in enumerate(policies)]
    stack = Stack(policies)
    losses = stack.losses({k: torch.stack([b[k] for b in batches]) for k in batches[0]})
    losses.sum().backward()
    for index, (policy, batch) in enumerate(zip(policies, batches, strict=True)):
        loss = policy.loss(batch)
        torch.testing.assert_close(losses[index], loss)
        loss.backward()
        for name, parameter in policy.named_parameters():
            stacked = stack.params[f"policy.{name}"].grad[index]
            torch.testing.assert_close(stacked, parameter.grad, atol=1e-5, rtol=1e-4)
