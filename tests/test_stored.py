"""Data too large for memory: a file of rows that is, to all who read it, the same data."""

import pickle

import h5py
import numpy as np
import pytest
import torch

from mac_control import Demonstrations, Episode, load_demonstrations
from mac_control.checkpoint import read
from mac_control.demonstrations import save_minari
from mac_control.demonstrations.stored import StoredEpisodes, store
from mac_control.errors import DataError, InputError
from mac_control.policies import policy_class
from mac_control.training import TrainConfig, train


@pytest.fixture
def everything_is_large(tmp_path, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MAC_CONTROL_RESIDENT", "0")


def same(one: Demonstrations, other: Demonstrations) -> None:
    assert one.tasks == other.tasks and len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in ("observations", "actions", "executed", "rewards", "subtasks"):
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None)
            assert x is None or np.array_equal(x, y)


@pytest.fixture
def builtin():
    return load_demonstrations("builtin")  # it has `executed` and `subtasks`


@pytest.fixture
def stored(builtin, everything_is_large):
    return load_demonstrations("builtin")


def test_stored_data_are_the_same_data(builtin, stored):
    assert isinstance(stored.episodes, StoredEpisodes)
    assert not isinstance(builtin.episodes, StoredEpisodes)
    same(stored, builtin)
    assert stored.provenance == builtin.provenance
    for part, other in zip(stored.split(0.2, 3), builtin.split(0.2, 3), strict=True):
        same(part, other)
    same(pickle.loads(pickle.dumps(stored)), builtin)
    assert stored.obs_dim == builtin.obs_dim and stored.actions.shape == builtin.actions.shape
    for name in ("observations", "actions", "executed", "given"):
        assert np.array_equal(getattr(stored, name), getattr(builtin, name))


def test_rows_are_those_of_the_chosen_episodes_in_order(builtin, stored):
    chosen = [5, 2, 9]
    rows = np.random.default_rng(0).integers(stored.select(chosen).lengths.sum(), size=300)
    parts = builtin.select(chosen)
    names = ("observations", "actions", "executed", "given")
    expected = [getattr(parts, name)[rows] for name in names]
    *read, places = stored.select(chosen).episodes.take(rows)
    for got, want in zip(read, expected, strict=True):
        assert np.array_equal(got, want)
    subtasks = np.array(parts.subtasks)[parts.subtask_numbers[rows]]
    assert np.array_equal(np.array(stored.subtasks)[places], subtasks)
    assert np.array_equal(subtasks, np.concatenate([e.subtasks for e in parts])[rows])


@pytest.mark.parametrize("name", ["bc", "windowed", "intent", "retrieval"])
def test_training_on_stored_data_ends_with_the_same_weights(tmp_path, builtin, stored, name):
    options = {"width": 16}
    if name == "windowed":
        options = {"policy": "bc", "options": options, "n_obs_steps": 3, "chunk_size": 2}
    if name == "retrieval":
        options = {"policy": "bc", "options": options, "plans": 5}
    if name == "intent":
        options = {"policy": "mixture_bc", "options": options}
    config = TrainConfig(
        steps=20, batch_size=32, validation=0.1, select_by="validation", check_every=5
    )
    weights = []
    for index, data in enumerate((builtin, stored)):
        policy = policy_class(name).Config(**options)
        out = tmp_path / str(index)
        train(name, data, out, policy_config=policy, config=config, progress=False)
        weights.append(read(out, "policy")[1])
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_minari_data_are_stored_too(tmp_path, everything_is_large):
    rng = np.random.default_rng(0)
    episodes = [Episode(rng.normal(size=(n, 3)), rng.uniform(-1, 1, (n, 2))) for n in (4, 7)]
    episodes = [Episode(e.observations, e.actions, rewards=np.ones(len(e))) for e in episodes]
    folder = save_minari(Demonstrations(episodes), tmp_path / "minari")
    read_back = load_demonstrations(folder)
    assert isinstance(read_back.episodes, StoredEpisodes)
    same(read_back, Demonstrations(episodes))


def write(path, **changes):
    arrays = {
        "observations": np.zeros((6, 3), np.float32),
        "actions": np.zeros((6, 2), np.float32),
        "terminals": np.array([0, 0, 1, 0, 0, 1], bool),
    }
    with h5py.File(path, "w") as file:
        for key, value in (arrays | changes).items():
            file[key] = value


def test_faults_are_found_while_storing_and_leave_nothing(tmp_path, everything_is_large):
    bad = np.zeros((6, 2))
    bad[4, 1] = np.nan
    write(tmp_path / "bad.hdf5", actions=bad)
    with pytest.raises(DataError, match=r"bad.hdf5: episode 1: actions: .* at step 1"):
        load_demonstrations(tmp_path / "bad.hdf5")
    assert not list((tmp_path / "cache").iterdir())


def test_a_damaged_or_impossible_cache_is_named(tmp_path, everything_is_large, monkeypatch):
    write(tmp_path / "good.hdf5")
    load_demonstrations(tmp_path / "good.hdf5")
    (rows,) = (tmp_path / "cache").glob("*/rows")
    rows.write_bytes(rows.read_bytes()[:-4])
    with pytest.raises(DataError, match="delete the folder"):
        load_demonstrations(tmp_path / "good.hdf5")
    (tmp_path / "file").touch()
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="MAC_CONTROL_CACHE names another folder"):
        load_demonstrations(tmp_path / "good.hdf5")
    monkeypatch.setenv("MAC_CONTROL_RESIDENT", "much")
    with pytest.raises(InputError, match="MAC_CONTROL_RESIDENT: expected MiB, got 'much'"):
        load_demonstrations(tmp_path / "good.hdf5")


def test_episodes_of_different_sizes_are_refused(everything_is_large):
    episodes = [Episode(np.zeros((2, n)), np.zeros((2, 1))) for n in (3, 4)]
    with pytest.raises(DataError, match=r"episode 1: \(4, 1\)|in episode 1, \(4, 1\)"):
        store("sizes", episodes)
