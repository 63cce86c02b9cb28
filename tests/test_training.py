"""The trainer: learns, trains seeds side by side, keeps what it is told to, fails in words."""

import sys
import time

import numpy as np
import pytest
import torch
from training_runs import demonstrations, fit, rows, same, weights

from mac_control.checkpoint import load_policy, read
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.demonstrations.table import Table
from mac_control.errors import InputError, MacControlError
from mac_control.policies import MacConfig
from mac_control.policies.bc import BC
from mac_control.training import SCALES, TrainConfig, arithmetic, new_policy, preset
from mac_control.training.run import Run
from mac_control.training.stack import Stack
from mac_control.training.state import load_state, save_state


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


def test_seeds_side_by_side_are_separate_runs_up_to_rounding(tmp_path):
    options = {"validation": 0.3, "select_by": "validation", "check_every": 20, "clip": 0.05}
    folders = fit(tmp_path / "stacked", seeds=(0, 1, 2), **options)
    for seed, folder in enumerate(folders):
        (alone,) = fit(tmp_path / f"alone-{seed}", seeds=(seed,), **options)
        one, other = weights(folder), weights(alone)
        for name in one:
            torch.testing.assert_close(one[name], other[name], atol=1e-5, rtol=1e-4)
        best = [read(f, "policy")[0]["training"]["best"] for f in (folder, alone)]
        assert best[0] == pytest.approx(best[1], rel=1e-4)


def test_early_stopping_keeps_the_best_by_validation(tmp_path):
    data = demonstrations(episodes=4, steps=8, noise=1.0)  # little data, much noise: it overfits
    options = {"validation": 0.25, "select_by": "validation", "check_every": 20, "ema": 0.0}
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

    (folder,) = fit(tmp_path, select_by="rollouts", check_every=20, score=score)
    assert len(seen) == 3
    assert np.array_equal(load_policy(folder).act(np.ones(4)), seen[1])
    assert load_policy(folder).checkpoint["training"]["best"] == 5.0


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    calls, loss = [], BC.loss

    def breaks(self, batch):
        calls.append(0)
        return loss(self, batch) * (float("nan") if len(calls) > 40 else 1.0)

    monkeypatch.setattr(BC, "loss", breaks)
    with pytest.raises(
        MacControlError, match=r"loss is \[nan\] at step 41, .*a lower lr .* another folder"
    ):
        fit(tmp_path, save_seconds=0.0)
    assert load_policy(tmp_path).checkpoint["training"]["step"] == 40


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_not_finite_chooses_nothing(bad, tmp_path):
    scores = iter([1.0, bad])
    options = {"select_by": "rollouts", "check_every": 5, "save_seconds": 0.0, "steps": 20}
    with pytest.raises(MacControlError, match=rf"the score is {bad} at step 10 .*finite"):
        fit(tmp_path, score=lambda policy: next(scores), **options)
    assert load_policy(tmp_path).checkpoint["training"]["best"] == 1.0


def test_a_validation_loss_that_is_not_finite_chooses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Run, "validate", lambda run: [float("nan")])
    with pytest.raises(MacControlError, match="the validation loss is nan at step 5 "):
        fit(tmp_path, validation=0.3, select_by="validation", check_every=5, steps=10)
    fit(tmp_path / "last", validation=0.3, check_every=5, steps=10)  # which chooses by nothing


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"lr": float("nan")},
        *({name: float("inf")} for name in ("obs_noise", "corrections", "weight_decay", "clip")),
        {"ema": 1.0},
        {"select_by": "validation"},
        {"patience": 3},
        {"device": "toaster"},
    ],
)
def test_settings_that_cannot_be(options):
    (name,) = options if "select_by" not in options else ("validation",)
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


def test_curves_and_settings_go_to_weights_and_biases(tmp_path, monkeypatch):
    """Without a server: what `wandb sync` would send lies in the folder."""
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    fit(tmp_path, wandb="our-project", steps=60)
    (file,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    expected = [row["loss"].encode() for row in rows(tmp_path)]
    expected += [b"our-project", b"batch_size", b"grad_norm"]
    end = time.monotonic() + 120  # another process writes the file
    while (missing := [part for part in expected if part not in file.read_bytes()]) and (
        time.monotonic() < end
    ):
        time.sleep(0.1)
    assert len(expected) > 3 and not missing


def test_actions_beyond_one_widen_the_box():
    data = demonstrations()
    wide = Demonstrations([Episode(e.observations, 5 * e.actions) for e in data])
    assert (new_policy("bc", data, 0).high == 1).all()
    policy = new_policy("bc", wide, 0)
    assert (policy.low < wide.actions.min(0)).all() and (policy.high > wide.actions.max(0)).all()


@pytest.fixture
def of_somebody_else(tmp_path, monkeypatch):
    """An installed package with a policy."""
    code = (
        "from mac_control.policies.bc import BC\nclass Theirs(BC):\n    name = 'of-somebody-else'\n"
    )
    (tmp_path / "their_package.py").write_text(code)
    info = tmp_path / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    points = "[mac_control.policies]\nof-somebody-else = their_package:Theirs\n"
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("their_package", None)


@pytest.mark.usefixtures("of_somebody_else")
def test_presets():
    for name in ("bc", "ibc", "mac", "of-somebody-else"):
        small, large = (preset(name, scale) for scale in SCALES)
        assert small.steps < large.steps
    with pytest.raises(InputError, match=r"policy: expected one of bc, .* got 'of-nobody'"):
        preset("of-nobody")
    with pytest.raises(InputError, match="scale"):
        preset("bc", "huge")


def test_rollouts_need_something_that_rates(tmp_path):
    with pytest.raises(InputError, match="score"):
        fit(tmp_path, select_by="rollouts")


def test_bfloat16_is_chosen_where_the_machine_has_it_and_many_rows_gain(monkeypatch):
    for flags, many, wanted, use, said in [
        ({"avx512_bf16"}, 1024, None, True, "bfloat16"),
        ({"avx512_bf16"}, 128, None, False, None),
        ({"avx512f"}, 1024, None, False, None),
        ({"avx512_bf16"}, 1024, False, False, None),
        ({"amx_bf16"}, 8, True, True, None),
        ({"avx512f"}, 1024, True, False, "float32, as cpu has no bfloat16"),
    ]:
        monkeypatch.setattr(arithmetic, "_flags", lambda flags=flags: flags)
        found, line = arithmetic.chosen_bf16(wanted, "cpu", many)
        assert found is use and (line is None if said is None else said in line)


def test_a_machine_without_bfloat16_trains_in_float32_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(arithmetic, "_flags", frozenset)
    (asked,) = fit(tmp_path / "asked", bf16=True)
    assert "arithmetic: float32, as cpu has no bfloat16" in capsys.readouterr().err
    (plain,) = fit(tmp_path / "plain", bf16=False)
    assert same(weights(asked), weights(plain))
    assert load_policy(asked).checkpoint["training"]["config"]["bf16"] is False


def test_an_unfinished_run_goes_on_in_the_arithmetic_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr(arithmetic, "MANY_ROWS", 1)
    monkeypatch.setattr(arithmetic, "_flags", lambda: {"amx_bf16"})
    data, config = demonstrations(), TrainConfig(steps=4, batch_size=8)
    run = Run("bc", data, tmp_path, (0,), None, config)
    assert run.bf16
    save_state(run)
    monkeypatch.setattr(arithmetic, "MANY_ROWS", 10**9)
    again = Run("bc", data, tmp_path, (0,), None, config)
    assert not again.bf16
    load_state(again)
    assert again.bf16 and again.settings["bf16"]


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


def test_a_way_to_select_weights_that_is_none_is_refused():
    with pytest.raises(InputError, match="select_by: expected last or validation or rollouts"):
        TrainConfig(select_by="rollout")
