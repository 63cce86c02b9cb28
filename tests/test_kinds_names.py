"""Any name of a file or folder, seeds of any kind, byte order marks."""

import csv
import functools
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mac_control import InputError
from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations, save_minari
from mac_control.envs import make_env
from mac_control.envs.name import EnvName
from mac_control.envs.shared_autonomy import SharedAutonomy
from mac_control.loop import evaluate
from mac_control.loop.policies import resolve_policies, tell_differences
from mac_control.loop.report import add_report
from mac_control.loop.results import earlier_rows
from mac_control.operators import make_operator
from mac_control.operators.spec import parse
from mac_control.options import paths
from mac_control.policies.bc import BC
from mac_control.policies.mac import MacConfig, MacPolicy
from mac_control.teleop.mapping_file import load_mapping
from mac_control.teleop.options import parse_options
from mac_control.training import TrainConfig

NAMES = st.text("ab.=, ~:+'é漢-[]%", min_size=1, max_size=12).filter(
    lambda name: name.strip(". ") and not name.endswith(".onnx")
)
ENV = "Reacher-v5:max_episode_steps=3"


def small(env=None):
    return BC(BC.Config(width=8), np.zeros(10), np.ones(10), -np.ones(2), np.ones(2))


@given(NAMES)
@settings(max_examples=40, deadline=None)
def test_a_policy_is_found_in_a_folder_of_any_name(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("any") / name
    save_policy(folder, small())
    assert load_policy(str(folder)).action_dim == 2
    assert resolve_policies([str(folder)])[0].source == str(folder)
    assert resolve_policies([f"mine={folder}"])[0].name == "mine"
    assert paths(f"{folder},{folder}") == [str(folder)] * 2
    if '"' not in name:
        spec = f'policy:"{folder}"+k:1'
        assert parse(spec)[0].positional == (str(folder),)
        assert make_operator(spec, action_dim=2).read(np.zeros(10)).given.sum() == 1
    if not re.search(r",\w+=", name):
        assert parse_options(f"recording={folder},rate=5") == {"recording": str(folder), "rate": 5}


@given(NAMES)
@settings(max_examples=10, deadline=None)
def test_data_are_kept_in_a_folder_of_any_name(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("any") / name
    data = Demonstrations([Episode(np.ones((4, 3)), np.ones((4, 2)) / 2)])
    save_minari(data, folder)
    assert load_demonstrations(folder).obs_dim == load_demonstrations(str(folder)).obs_dim == 3
    assert [path.name for path in folder.parent.iterdir()] == [name]


def test_tilde_is_the_home_folder_in_every_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    save_policy(tmp_path / "run", small())
    assert load_policy("~/run").action_dim == 2
    assert make_operator("policy:~/run", action_dim=2).read(np.zeros(10)).given.all()
    (tmp_path / "map.toml").write_text('[[axis]]\naxis = "x"\ndim = 0\n', encoding="utf-8-sig")
    assert load_mapping("~/map.toml", 2).axes[0].axis == "x"  # a byte order mark is no fault


def test_byte_order_marks_are_read_over(tmp_path):
    (tmp_path / "results.json").write_text('{"rows": []}', "utf-8-sig")
    assert earlier_rows(tmp_path / "results.json") == []
    save_policy(tmp_path / "run", small())
    record = tmp_path / "run" / "policy.json"
    record.write_text(record.read_text(), "utf-8-sig")
    assert load_policy(tmp_path / "run").obs_dim == 10


SEEDS = st.one_of(
    st.integers(0, 2**31), st.integers(0, 200).map(np.uint8), st.integers(0, 9).map(np.int64)
)
WRONG = st.one_of(st.integers(-9, -1), st.just(True), st.just(1.5), st.just(np.int64(-1)))


@given(SEEDS, WRONG)
@settings(max_examples=20, deadline=None)
def test_seeds_are_whole_numbers_of_any_kind(seed, wrong):
    env = SharedAutonomy(make_env(ENV), small())
    mac = MacPolicy(
        MacConfig(width=8, obs_width=8), np.zeros(10), np.ones(10), -np.ones(2), np.ones(2)
    )
    operators = [make_operator(f"{name}+noisy:0.1+k:1", action_dim=2) for name in ("nobody",)]
    for start in (lambda s: env.reset(seed=s), mac.reset, *(each.reset for each in operators)):
        start(seed)
        with pytest.raises(InputError, match="seed: expected a whole number of at least 0"):
            start(wrong)
    with pytest.raises(InputError, match="split_seed: expected a whole number"):
        TrainConfig(split_seed=wrong)
    env.close()


def test_an_environment_that_is_not_the_datas_is_said_and_written(tmp_path, capsys):
    env = {"id": "Reacher-v5", "options": {"max_episode_steps": 3, "reward_dist_weight": 1}}
    save_policy(tmp_path / "bc", small(), data={"env": env})
    policies = [str(tmp_path / "bc")]
    same = evaluate(policies, episodes=1, workers=1)
    assert same[0]["env"] == "Reacher-v5:max_episode_steps=3:reward_dist_weight=1"
    assert same[0]["env_difference"] == ""
    other = {"reward_dist_weight": 2}
    tell_differences(resolve_policies(policies), None, other)
    assert capsys.readouterr().err == "bc: reward_dist_weight: data 1, evaluation 2\n"
    rows = evaluate(policies, episodes=1, workers=1, env_options=other)
    add_report(tmp_path / "out", rows, {}, {"bc"})
    text = (tmp_path / "out" / "results.md").read_text()
    assert "reward_dist_weight=2`, not as in the data of bc: reward_dist_weight: data 1" in text
    with open(tmp_path / "out" / "results.csv", newline="") as file:
        assert next(csv.DictReader(file))["policy"] == "bc"


@pytest.mark.parametrize("locks_folders", [True, False])
def test_runs_that_write_into_one_folder_at_once_all_keep_their_rows(
    tmp_path, monkeypatch, locks_folders
):
    if not locks_folders:  # as on Windows
        monkeypatch.setattr("mac_control.files.fcntl", None)
    names = [f"policy{number}" for number in range(6)]
    save_policy(tmp_path / "bc", small())
    row = evaluate([str(tmp_path / "bc")], env=ENV, episodes=1, workers=1)[0]
    write = functools.partial(add_report, tmp_path / "out", about={})
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: write([{**row, "policy": name}], policies={name}), names))
    rows = earlier_rows(tmp_path / "out" / "results.json")
    assert sorted(row["policy"] for row in rows) == names
    if locks_folders:
        assert all(path.name.startswith("results.") for path in (tmp_path / "out").iterdir())


@given(st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(), st.booleans(), st.none())))
def test_an_environment_as_text_is_read_again(options):
    assert EnvName.parse(str(EnvName("kitchen", options))) == EnvName("kitchen", options)
    assert Path(str(EnvName("kitchen")))
