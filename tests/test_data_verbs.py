"""`mac-control data`: convert without loss, name every fault, describe, replay."""

import h5py
import numpy as np
import pytest

from mac_control import Demonstrations, Episode, load_demonstrations
from mac_control.cli import run_named
from mac_control.demonstrations import save_minari
from mac_control.demonstrations.convert import hdf5_to_minari, minari_to_hdf5
from mac_control.demonstrations.faults import find_faults
from mac_control.demonstrations.hdf5 import read_arrays
from mac_control.envs.kitchen.env import KitchenEnv
from mac_control.scripts.data import NAMES, PACKAGE


def data(*argv, status=0):
    with pytest.raises(SystemExit) as ended:
        run_named(PACKAGE, NAMES, "mac-control data", list(map(str, argv)))
    assert ended.value.code == status


@pytest.fixture
def small(tmp_path):
    """A D4RL file of two episodes, the second without an end, with odd columns."""
    rng = np.random.default_rng(0)
    path = tmp_path / "small.hdf5"
    with h5py.File(path, "w") as file:
        file["observations"] = rng.normal(size=(7, 4))  # float64
        file["actions"] = rng.uniform(-1, 1, (7, 2)).astype(np.float32)
        file["rewards"] = np.arange(7, dtype=np.int64)
        file["terminals"] = np.array([0, 0, 1, 0, 0, 0, 0], np.uint8)[:, None]
        file["timeouts"] = np.zeros(7, bool)
        file["infos/goal"] = rng.normal(size=(7, 3)).astype(np.float32)
    return path


def assert_same_arrays(a, b):
    one, other = read_arrays(a)[0], read_arrays(b)[0]
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype and array.shape == other[name].shape, name
        assert array.tobytes() == other[name].tobytes(), name


def test_the_human_demonstrations_survive_minari_bit_for_bit(kitchen_complete, tmp_path):
    data("convert", "--data", kitchen_complete, "--out", tmp_path / "human")
    data("convert", "--data", tmp_path / "human", "--out", tmp_path / "back.hdf5")
    assert_same_arrays(kitchen_complete, tmp_path / "back.hdf5")
    direct, through = load_demonstrations(kitchen_complete), load_demonstrations(tmp_path / "human")
    assert direct.tasks == through.tasks
    np.testing.assert_array_equal(direct.observations, through.observations)
    np.testing.assert_array_equal(direct.actions, through.actions)


def test_every_column_survives_minari(small, tmp_path):
    folder = hdf5_to_minari(small, tmp_path / "set")
    assert_same_arrays(small, minari_to_hdf5(folder, tmp_path / "back.hdf5"))


def test_what_is_learnt_survives_hdf5(tmp_path):
    rng = np.random.default_rng(1)
    episode = Episode(
        rng.normal(size=(5, 3)),
        rng.uniform(-1, 1, (5, 2)),
        executed=rng.uniform(-1, 1, (5, 2)),
        rewards=np.arange(5),
        subtasks=np.array(["kettle", "kettle", "", "größe", "kettle"]),
    )
    made = Demonstrations([episode, episode], ("kettle",), {"seed": 3})
    save_minari(made, tmp_path / "set")
    back = load_demonstrations(minari_to_hdf5(tmp_path / "set", tmp_path / "set.hdf5"))
    assert back.tasks == made.tasks and len(back) == 2
    for name in ("observations", "actions", "executed", "rewards", "subtasks"):
        np.testing.assert_array_equal(getattr(back[1], name), getattr(episode, name))


def test_a_target_that_exists_or_is_of_the_same_kind_is_refused(small, tmp_path, capsys):
    data("convert", "--data", small, "--out", tmp_path / "other.hdf5", status=2)
    assert "out: expected a Minari id or folder" in capsys.readouterr().err
    data("convert", "--data", small, "--out", tmp_path / "set")
    data("convert", "--data", small, "--out", tmp_path / "set", status=2)
    data("convert", "--data", tmp_path / "set", "--out", small, status=2)
    assert "which exists" in capsys.readouterr().err


def test_every_fault_is_named_with_episode_and_step(small, capsys):
    with h5py.File(small, "a") as file:
        file["observations"][1, 3] = np.nan
        file["actions"][4:6, 1] = 2.0
    faults = list(find_faults(small))
    assert faults == [
        "the last episode, 1, has no end",
        "episode 0: observations: numbers that are not finite, first at step 1, entry 3; "
        "1 of 3 steps",
        "episode 1: actions: outside the action box, first at step 1, entry 1; 2 of 4 steps",
    ]
    data("check", "--data", small, status=1)
    assert "3 faults" in capsys.readouterr().out


def test_faults_of_a_minari_data_set_are_named(tmp_path):
    good = Demonstrations([Episode(np.zeros((4, 3)), np.zeros((4, 2)))] * 2)
    folder = save_minari(good, tmp_path / "set")
    assert list(find_faults(folder)) == []
    with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
        file["episode_1"]["actions"][2, 0] = 5
        file["episode_0"]["truncations"][1] = True
    assert list(find_faults(folder)) == [
        "episode 0: an end at step 1, before its last",
        "episode 1: actions: outside the action box, first at step 2, entry 0; 1 of 4 steps",
    ]
    (folder / "data" / "metadata.json").write_text("{")
    assert "expected Minari metadata" in next(find_faults(folder))


def test_the_human_demonstrations_have_no_fault(kitchen_complete, capsys):
    data("check", "--data", kitchen_complete)
    assert "no faults in 19 episodes, 3,680 steps" in capsys.readouterr().out


def test_info_tells_what_is_in_the_file(kitchen_complete, tmp_path, capsys):
    data("info", "--data", kitchen_complete, "--plot", tmp_path / "info.png",
         "--json", tmp_path / "info.json")  # fmt: skip
    text = capsys.readouterr().out
    assert "19 of 182 to 207 steps" in text and "mean 4.00" in text and "14.9%" in text
    assert "slide cabinet: done in 19 episodes" in text
    assert (tmp_path / "info.png").read_bytes().startswith(b"\x89PNG")


def test_replay_tracks_human_demonstrations_to_their_reward(kitchen_complete, capsys):
    data("replay", "--data", kitchen_complete, "--episodes", "0,3", "--how", "tracked",
         "--env", "kitchen:tasks=complete:robot_noise_ratio=0", "--workers", "1")  # fmt: skip
    assert "mean of 2, tracked: reached 4.00, recorded 4.00" in capsys.readouterr().out


def test_replay_shows_recorded_states_where_the_environment_can(tmp_path, capsys, monkeypatch):
    seen, reset = [], KitchenEnv.reset

    def watched(env, **keywords):
        result = reset(env, **keywords)
        seen.append(env.data.qpos.copy())
        return result

    monkeypatch.setattr(KitchenEnv, "reset", watched)
    monkeypatch.setattr(KitchenEnv, "step", lambda *_: pytest.fail("nothing is sent"))
    episode = load_demonstrations("builtin")[1]
    data("replay", "--data", "builtin", "--episodes", "1", "--how", "states", "--workers", "1")
    assert capsys.readouterr().out == "episode    1  shown  recorded 4\n"
    np.testing.assert_allclose(seen[1:], episode.observations, atol=1e-6)
    foreign = Demonstrations([Episode(np.zeros((3, 10)), np.zeros((3, 2)))])
    save_minari(foreign, str(tmp_path / "reacher-v0"))
    data("replay", "--data", tmp_path / "reacher-v0", "--env", "Reacher-v5", "--how", "states",
         "--workers", "1", status=2)  # fmt: skip
    assert "cannot; replay actions" in capsys.readouterr().err


def test_replay_in_an_environment_of_other_sizes_is_refused(small, capsys):
    data("replay", "--data", small, "--env", "Hopper-v5", "--how", "actions", status=2)
    assert "data: expected 3 action dimensions, as Hopper-v5 has, got 2" in capsys.readouterr().err


def test_list_and_bad_names_are_sentences(tmp_path, monkeypatch, capsys, small):
    monkeypatch.delenv("MAC_CONTROL_DATA", raising=False)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    save_minari(load_demonstrations(small), "mine/small-v0")
    data("list")
    assert "mine/small-v0  2 episodes" in capsys.readouterr().out
    data("download", "nothing", status=2)
    data("info", "--data", "nothing", status=2)
    assert capsys.readouterr().err.count("error: ") == 2
    data("replay", "--data", small, status=2)
    assert (
        "data: expected to know their environment, got none; name it (--env)"
        in capsys.readouterr().err
    )
