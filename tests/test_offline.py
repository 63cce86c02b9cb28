"""`mac-control evaluate --offline`: what is filled in, on recorded episodes that are held out."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import Demonstrations, Episode
from mac_control.cli import run
from mac_control.demonstrations import save_lerobot, save_minari
from mac_control.errors import DataError, InputError
from mac_control.offline import run as offline_run
from mac_control.offline.cases import Case, default_cases
from mac_control.offline.config import OfflineConfig
from mac_control.offline.entries import Entry, parse_entries
from mac_control.offline.rate import rate
from mac_control.offline.run import evaluate_offline, read_rows
from mac_control.offline.summary import leader, summarize
from mac_control.partial import PartialAction
from mac_control.policies import Policy, policy_class
from mac_control.robot import ActionDim, Robot
from mac_control.scripts import evaluate as verb

NAMES = ("left_elbow", "left_gripper", "right_elbow", "right_gripper")
ROBOT = Robot("two-arms", tuple(ActionDim(n, -9, 9) for n in NAMES), rate=10.0)
TINY = "tiny=mac:width=8:obs_width=8:steps=3:batch_size=8"


def wave(steps, seed=0, noise=0.1):
    """An episode in which the action follows from what is seen."""
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(steps, 3))
    actions = obs @ np.arange(12).reshape(3, 4) / 12 + noise * rng.normal(size=(steps, 4))
    return Episode(obs, actions)


@pytest.fixture
def waves():
    return Demonstrations([wave(8 + i, i) for i in range(6)], provenance={}, robot=ROBOT)


class Knows(Policy):
    """Answers the truth, which it looks up by what is seen; observations are different."""

    obs_dim, low, high = 3, np.full(4, -9, np.float32), np.full(4, 9, np.float32)

    def __init__(self, demonstrations, off=0.0):
        seen = np.concatenate([e.observations for e in demonstrations])
        done = np.concatenate([e.actions for e in demonstrations])
        self.known = {row.tobytes(): action + off for row, action in zip(seen, done, strict=True)}

    def complete(self, obs, partial):
        return np.stack([self.known[row.tobytes()] for row in obs])


def test_error_is_in_standard_deviations_of_what_is_filled_in(waves):
    scale = np.array([1.0, 2.0, 4.0, 8.0])
    cases = [Case("nothing"), Case("first", (0,))]
    right, off = (rate(Knows(waves, by), waves, cases, scale) for by in (0.0, 1.0))
    assert right[0]["error"] == [0.0] * 6
    assert off[0]["error"][0] == pytest.approx(np.mean(1 / scale), rel=1e-3)
    assert off[1]["error"][0] == pytest.approx(np.mean(1 / scale[1:]), rel=1e-3)  # not the given
    assert off[0]["log_prob"] is None and off[0]["coverage"] is None


def untrained(name, **config):
    cls = policy_class(name)
    box = np.zeros(3), np.ones(3), np.full(4, -9.0), np.full(4, 9.0)
    return cls(cls.Config(**config), *box).eval()


POLICIES = [("mixture_bc", {"width": 8}), ("mac", {"width": 8, "obs_width": 8, "components": 2})]


@pytest.mark.parametrize(("name", "config"), POLICIES)
def test_a_policy_is_calibrated_on_what_it_drew_itself(name, config):
    policy = untrained(name, **config)
    policy.reset(3)
    obs = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    drawn = policy.sample(obs, PartialAction.nothing(300, 4))
    own = Demonstrations([Episode(obs, drawn)])
    cases = default_cases(ROBOT, 4, ["nothing", "left"])
    for row in rate(policy, own, cases, np.ones(4), calibration=1):
        assert row["coverage"][0] == pytest.approx(0.8, abs=0.05), row["case"]
        assert min(row["ranks"]) > 0


@pytest.mark.parametrize(("name", "config"), POLICIES)
@settings(max_examples=10)
@given(st.lists(st.booleans(), min_size=4, max_size=4), st.integers(0, 9))
def test_draws_keep_what_is_given_and_follow_from_the_seed(name, config, mask, seed):
    policy = untrained(name, **config)
    obs, values = np.zeros((3, 3)), np.full((3, 4), 0.3, np.float32)
    partial = PartialAction(values, np.tile(mask, (3, 1)))
    drawn = []
    for _ in range(2):
        policy.reset(seed)
        drawn.append(policy.sample(obs, partial))
    np.testing.assert_array_equal(*drawn)
    assert (drawn[0][:, mask] == values[:, mask]).all()
    assert (np.abs(drawn[0]) <= 9).all()


@pytest.mark.parametrize(("name", "config"), POLICIES)
def test_the_chain_rule_holds_of_what_is_given_and_the_rest(name, config):
    policy = untrained(name, **config)
    rng = np.random.default_rng(0)
    obs, action = rng.normal(size=(5, 3)), rng.uniform(-1, 1, (5, 4)).astype(np.float32)
    whole = policy.log_prob(obs, PartialAction.everything(action))
    nothing = policy.conditional_log_prob(obs, action, np.zeros((5, 4), bool))
    np.testing.assert_allclose(nothing, whole, rtol=1e-5)
    first = np.tile([True, True, False, False], (5, 1))  # given first in the natural order too
    part = policy.log_prob(obs, PartialAction(action, first))
    rest = policy.conditional_log_prob(obs, action, first)
    np.testing.assert_allclose(part + rest, whole, rtol=1e-4)
    np.testing.assert_allclose(policy.conditional_log_prob(obs, action, ~first * 0 == 0), 0)


def test_policies_without_a_distribution_draw_nothing():
    policy = untrained("bc", width=8)
    assert policy.sample(np.zeros(3), PartialAction.nothing(4)) is None
    assert (
        policy.conditional_log_prob(np.zeros((1, 3)), np.zeros((1, 4)), np.zeros((1, 4), bool))
        is None
    )


def test_cases_follow_from_the_names_of_dimensions():
    names = [case.name for case in default_cases(ROBOT, 4)]
    assert names[0] == "nothing" and {"left", "right", "left_arm", "grippers"} <= {*names}
    (both,) = default_cases(ROBOT, 4, ["left+right_elbow"])
    assert both.dims == (0, 1, 2)
    for bad in (["4random"], ["middle"], ["left+right"]):
        with pytest.raises(InputError, match="cases: "):
            default_cases(ROBOT, 4, bad)


@pytest.mark.parametrize("text", ["no", "mac:widht=3", "./runs/none", "mac:width"])
def test_a_policy_that_is_none_is_one_sentence(text):
    with pytest.raises(InputError):
        Entry.parse(text)


@pytest.mark.parametrize("text", ["mac:lr=nan", "mac:steps=many"])
def test_a_setting_of_another_kind_is_one_sentence(text):
    with pytest.raises(InputError, match=f"policies: {text}: "):
        Entry.parse(text).training()


def test_whole_episodes_are_held_out_each_once(waves, tmp_path, monkeypatch):
    trained = []
    real = offline_run.train

    def spy(name, seen, *args, **options):
        trained.append({len(episode) for episode in seen})
        return real(name, seen, *args, **options)

    monkeypatch.setattr(offline_run, "train", spy)
    config = OfflineConfig(folds=3, seeds="0", stride=2, cases=("nothing", "left"))
    rows = evaluate_offline(parse_entries([TINY]), waves, tmp_path, config, workers=1)
    every = {len(episode) for episode in waves}  # all different
    assert [len(seen) for seen in trained] == [4, 4, 4]
    assert set.union(*(every - seen for seen in trained)) == every
    assert len(rows) == 3 * 2 and {len(row["error"]) for row in rows} == {2}
    assert summarize(rows)[0]["episodes"] == 6


def figures(rows):
    timed = ("latency_ms", "latency_p99_ms", "train_seconds")
    return [{k: v for k, v in row.items() if k not in timed} for row in rows]


def test_a_run_goes_on_where_it_was_cut_short(waves, tmp_path):
    config = OfflineConfig(folds=3, seeds="0", stride=3, cases=("nothing",))
    entries = parse_entries([TINY, "bc:width=8:steps=3"])
    whole = evaluate_offline(entries, waves, tmp_path / "whole", config, workers=1)

    def stop(rows):
        if len(rows) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_offline(entries, waves, tmp_path / "cut", config, workers=1, tell=stop)
    before = (tmp_path / "cut" / "rows.jsonl").read_text()
    again = evaluate_offline(entries, waves, tmp_path / "cut", config, workers=1)
    assert figures(again) == figures(whole) and len(whole) == 6
    assert (tmp_path / "cut" / "rows.jsonl").read_text().startswith(before)
    (tmp_path / "cut" / "rows.jsonl").write_text("{\n")
    with pytest.raises(DataError, match="offline evaluation"):
        read_rows(tmp_path / "cut" / "rows.jsonl")


def test_equal_seconds_become_steps_that_are_kept(waves, tmp_path):
    config = OfflineConfig(folds=2, run_folds=1, seeds="0", seconds=0.05, cases=("nothing",))
    entries = parse_entries(["bc:width=8", "mixture_bc:width=8"])
    rows = evaluate_offline(entries, waves, tmp_path, config, workers=1)
    steps = json.loads((tmp_path / "steps.json").read_text())
    assert [row["steps"] for row in rows] == [steps[e.label]["steps"] for e in entries]
    kept = (tmp_path / "steps.json").read_text()
    assert evaluate_offline(entries, waves, tmp_path, config, workers=1) == rows
    assert (tmp_path / "steps.json").read_text() == kept


def test_first_is_who_is_ahead_on_the_same_episodes():
    def rows(policy, errors, seeds=(0, 1)):
        told = {"policy": policy, "case": "c", "num_given": 1, "log_prob": None, "coverage": None}
        return [{**told, "seed": seed, "error": errors, "ranks": None} for seed in seeds]

    hard = np.linspace(0.0, 9.0, 40)  # episodes differ much more than policies do
    noise = np.where(np.arange(40) % 2, 0.3, -0.3)
    near, far = rows("near", [*hard]), rows("far", [*(hard + 0.1 + 0.05 * noise)], seeds=(0,))
    assert leader(summarize([*near, *far]), "c", "error") == ("near", True)
    equal = rows("equal", [*(hard + 0.01 + noise)])
    assert leader(summarize([*near, *far, *equal]), "c", "error") == ("near", False)
    assert leader(summarize(near), "c", "error") is None


def test_the_verb_writes_a_table_a_page_and_a_figure(waves, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    save_lerobot(waves, tmp_path / "set")
    argv = ["--offline", "--data", str(tmp_path / "set"), "--out", str(tmp_path / "out")]
    argv += ["--policies", TINY, "bc:width=8:steps=3", "--folds", "2", "--seeds", "0"]
    argv += ["--cases", "nothing", "left", "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        run(verb.main, argv)
    assert not ended.value.code
    assert "| tiny |" in capsys.readouterr().out
    for name in ("results.json", "results.md", "results.png", "report.html", "rows.jsonl"):
        assert (tmp_path / "out" / name).stat().st_size > 0, name
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<svg" in page and "src=" not in page  # needs no other file
    with pytest.raises(SystemExit) as ended:
        run(verb.main, ["--out", str(tmp_path / "o"), "--policies", "x", "--folds", "2"])
    assert ended.value.code == 2 and "--offline" in capsys.readouterr().err


def test_a_described_robot_replaces_a_guessed_box(waves, tmp_path):
    guessed = Demonstrations(list(waves), (), {"box": "data"}, ROBOT)
    save_minari(guessed, tmp_path / "set-v0")
    lines = [f'[[actions]]\nname = "{name}"\nlow = -0.1\nhigh = 0.1\n' for name in NAMES]
    (tmp_path / "robot.toml").write_text('name = "two-arms"\n' + "".join(lines))
    argv = ["--offline", "--data", str(tmp_path / "set-v0"), "--out", str(tmp_path / "out")]
    argv += ["--policies", TINY, "--folds", "2", "--seeds", "0", "--cases", "nothing"]
    argv += ["--workers", "1"]
    records = []
    for more in ([], ["--robot", str(tmp_path / "robot.toml")]):
        with pytest.raises(SystemExit) as ended:
            run(verb.main, argv + more)
        assert not ended.value.code
        records.append(json.loads((tmp_path / "out" / "results.json").read_text()))
    before, after = records
    assert before["data"]["box"] == "data" and "box" not in after["data"]
    assert before["summary"] != after["summary"]  # other actions: clipped
