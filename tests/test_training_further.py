"""Training further on more data: from a checkpoint, on several sets, with interventions weighed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import demonstrations, fit, same, step, weights

from mac_control import InputError
from mac_control.checkpoint import load_policy, save_policy
from mac_control.cli import run
from mac_control.demonstrations import Demonstrations, Episode, save_minari
from mac_control.demonstrations.stored import RESIDENT_VARIABLE
from mac_control.policies.windowed import WindowConfig
from mac_control.robot import ActionDim, Robot
from mac_control.scripts.train import main, parse
from mac_control.training import new_policy, preset
from mac_control.training.batches import digest, generator_of
from mac_control.training.mixing import draw_rows, load_mixed, mixed, row_weights


class Stopped(Exception):
    """Ends a run in the middle."""


def error_of(folder, data):
    return np.abs(load_policy(folder).act(data.observations) - data.actions).mean()


def shifted(data):
    episodes = [replace(e, actions=e.actions * 0.5, executed=None) for e in data]
    return replace(data, episodes=episodes)


def test_a_checkpoint_trained_further_starts_where_it_was_and_learns_the_new_data(tmp_path):
    old, new = demonstrations(), shifted(demonstrations())
    (before,) = fit(tmp_path / "before", old, steps=400, lr=1e-2, ema=0.9)
    (same_again,) = fit(tmp_path / "none", old, start=before, steps=1, lr=1e-12, ema=0.0)
    for name, value in weights(before).items():
        torch.testing.assert_close(weights(same_again)[name], value, atol=1e-6, rtol=1e-6)
    (after,) = fit(tmp_path / "after", new, start=before, steps=200, lr=1e-2, ema=0.9)
    assert error_of(after, new) < 0.5 * error_of(before, new)
    # Normalised as before: what it was trained on first decides.
    np.testing.assert_array_equal(load_policy(after).obs_mean, load_policy(before).obs_mean)


def test_interrupted_further_training_ends_with_the_same_weights(tmp_path):
    new = shifted(demonstrations())
    (before,) = fit(tmp_path / "before")
    options = {"start": before, "select_by": "rollouts", "check_every": 20, "save_seconds": 0}

    def stop(policy, seen=[]):  # noqa: B006
        seen.append(policy)
        if len(seen) == 2:
            raise Stopped
        return 0.0

    with pytest.raises(Stopped):
        fit(tmp_path / "cut", new, score=stop, **options)
    assert 20 <= step(tmp_path / "cut") < 60
    (cut,) = fit(tmp_path / "cut", new, score=lambda _: 0.0, **options)
    (whole,) = fit(tmp_path / "whole", new, score=lambda _: 0.0, **options)
    assert same(weights(cut), weights(whole))


def test_a_checkpoint_that_does_not_fit_is_refused_in_a_sentence(tmp_path):
    (before,) = fit(tmp_path / "before")
    other = Demonstrations([Episode(np.zeros((5, 2)), np.zeros((5, 3)))])
    with pytest.raises(InputError, match="from: expected a policy of 2 observed and 3 action"):
        fit(tmp_path / "out", other, start=before)
    first = demonstrations()
    wide, narrow = (
        replace(first, robot=Robot("arm", tuple([ActionDim(f"j{i}", -w, w) for i in range(3)])))
        for w in (2.0, 1.0)
    )
    (known,) = fit(tmp_path / "known", narrow)
    with pytest.raises(InputError, match=r"action box, low \[-2.0, .*got \[-1.0"):
        fit(tmp_path / "other", wide, start=known)
    names = tuple(ActionDim(f"k{i}") for i in range(3))
    with pytest.raises(InputError, match="from: expected a policy of the data's robot, leg, got"):
        fit(tmp_path / "other", replace(first, robot=Robot("leg", names)), start=known)
    guessed = replace(narrow, provenance={"box": "percent"})  # which a robot itself knows better
    (known,) = fit(tmp_path / "guessed", guessed)
    fit(tmp_path / "other", wide, start=known)
    with pytest.raises(SystemExit):
        run(main, ["--from", str(before), "--policy", "ibc", "--out", str(tmp_path / "x"),
                   "--data", str(saved(tmp_path / "set-v0", demonstrations()))],
            parse=parse)  # fmt: skip


def saved(folder, data):
    save_minari(data, str(folder))
    return folder


def test_the_verb_trains_further_on_weighed_sets(tmp_path, capsys):
    old, new = saved(tmp_path / "old", demonstrations()), shifted(demonstrations(episodes=1))
    saved(tmp_path / "new", new)
    (before,) = fit(tmp_path / "before", steps=400, lr=1e-2, ema=0.9)
    argv = ["--data", f"{old}:0.5", "--data", f"{tmp_path / 'new'}:2", "--from", str(before)]
    argv += ["--steps", "200", "--lr", "0.01", "--ema", "0.9", "--batch-size", "32", "--out"]
    with pytest.raises(SystemExit) as ended:
        run(main, [*argv, str(tmp_path / "after")], parse=parse)
    assert ended.value.code == 0, capsys.readouterr().err
    record = load_policy(tmp_path / "after").checkpoint
    assert record["kind"] == "bc" and record["config"]["width"] == 16
    assert record["data"]["shares"] == [0.5, 2.0] and len(record["data"]["mixed"]) == 2
    assert error_of(tmp_path / "after", new) < 0.5 * error_of(before, new)
    with pytest.raises(SystemExit) as ended:
        run(main, ["--data", f"{old}:0.5", "--data", str(old), "--out", "x"], parse=parse)
    assert ended.value.code == 2
    assert "a number behind every set" in capsys.readouterr().err


def test_a_wrapper_trained_further_learns_as_the_policy_within(tmp_path, capsys):
    data, config = demonstrations(), WindowConfig("bc", {"width": 8}, chunk_size=2)
    start = save_policy(tmp_path / "start", new_policy("windowed", data, 0, config))
    argv = ["--data", str(saved(tmp_path / "data", data)), "--from", str(start), "--steps", "1"]
    with pytest.raises(SystemExit) as ended:
        run(main, [*argv, "--out", str(tmp_path / "after")], parse=parse)
    assert ended.value.code == 0, capsys.readouterr().err
    how = load_policy(tmp_path / "after").checkpoint["training"]["config"]
    expected = preset("bc")
    assert (how["optimizer"], how["lr"]) == (expected.optimizer, expected.lr)
    assert expected.optimizer != preset("mac").optimizer


@settings(max_examples=20)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.data())
def test_sets_are_drawn_in_their_shares(lengths, data):
    shares = data.draw(st.lists(st.floats(0.1, 10), min_size=len(lengths), max_size=len(lengths)))
    sets = [Demonstrations([Episode(np.full((n, 1), i), np.zeros((n, 1)))])
            for i, n in enumerate(lengths)]  # fmt: skip
    both = mixed(sets, shares)
    ends = row_weights(both, 1.0)
    rows = draw_rows(sum(lengths), ends, 20_000, generator_of(0, 1))
    drawn = np.bincount(both.observations[rows, 0].astype(int), minlength=len(lengths)) / 20_000
    np.testing.assert_allclose(drawn, np.array(shares) / sum(shares), atol=0.02)
    assert digest(both) != digest(mixed(sets)) and row_weights(mixed(sets), 1.0) is None


def test_sets_are_drawn_in_their_shares_when_some_of_their_episodes_are_held_out():
    sets = [Demonstrations([Episode(np.full((5 + n, 1), i), np.zeros((5 + n, 1)))
                            for n in range(count)]) for i, count in enumerate((20, 2))]  # fmt: skip
    both = mixed(sets, [1, 1])
    for seed in range(20):
        train, held_out = both.split(0.1, seed)
        assert len(held_out) == 2 == len(held_out.weights)
        rows = np.diff(row_weights(train, 1.0), prepend=0)
        assert rows[train.observations[:, 0] == 1].sum() == pytest.approx(0.5)
    with pytest.raises(InputError, match="leaves an episode of each of 2 sets to train on"):
        both.split(0.95, 0)


def test_interventions_weigh_more_in_episodes_that_were_driven_in_part():
    drove = np.zeros((4, 2), bool)
    drove[1] = [True, False]
    episode = Episode(np.zeros((4, 3)), np.zeros((4, 2)))
    data = Demonstrations([replace(episode, given=drove), episode])
    ends = row_weights(data, 5.0)
    np.testing.assert_allclose(np.diff(ends, prepend=0) * 12, [1, 5, 1, 1, 1, 1, 1, 1])
    rows = draw_rows(8, ends, 12_000, generator_of(0, 0))
    np.testing.assert_allclose(np.bincount(rows)[1] / 12_000, 5 / 12, atol=0.02)


def test_sets_larger_than_memory_are_mixed_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    folder = str(saved(tmp_path / "one", demonstrations()))
    small = load_mixed([f"{folder}:1", f"{folder}:3"])
    monkeypatch.setenv(RESIDENT_VARIABLE, "0")
    large = load_mixed([f"{folder}:1", f"{folder}:3"])
    assert not isinstance(large.episodes, tuple) and digest(large) == digest(small)


def test_large_sets_that_differ_in_rewards_or_subtasks_alone_are_not_taken_for_each_other(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(RESIDENT_VARIABLE, "0")
    one = demonstrations(episodes=1)
    for value, name in ((0.0, "reach"), (1.0, "grasp")):
        episode = replace(one[0], rewards=np.full(50, value), subtasks=np.full(50, name))
        folder = saved(tmp_path / name, replace(one, episodes=[episode]))
        found = load_mixed([str(folder), str(folder)])
        assert found[0].rewards.max() == value and found.subtasks == (name,)


def test_sets_of_several_robots_are_refused():
    one = Demonstrations([Episode(np.zeros((5, 2)), np.zeros((5, 3)))])
    with pytest.raises(InputError, match="2 observed and 3 action dimensions and 4 and 3"):
        mixed([one, demonstrations()])
    boxes = [Robot("r", tuple(ActionDim(n, -b, b) for n in "xyz")) for b in (1, 2)]
    with pytest.raises(InputError, match="other names or boxes"):
        mixed([replace(one, robot=robot) for robot in boxes])
    with pytest.raises(InputError, match="shares: expected 2 positive numbers"):
        mixed([one, one], [1, 0])
