"""Reading D4RL's layout: what is read, and that whatever is wrong is one sentence."""

import contextlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mac_control import CheckpointError, DataError, InputError, load_demonstrations
from mac_control.envs.kitchen.data import D4RL_FILES
from mac_control.policies.mlp import MLPPolicy

COMPLETE = ("microwave", "kettle", "light switch", "slide cabinet")
MIXED = ("microwave", "kettle", "bottom burner", "light switch")


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path


def simple(**changes):
    arrays = {
        "observations": np.arange(18, dtype=np.float32).reshape(6, 3),
        "actions": np.linspace(-1, 1, 12, dtype=np.float32).reshape(6, 2),
        "rewards": np.arange(6, dtype=np.float32),
        "terminals": np.array([0, 1, 0, 0, 0, 0], bool),
        "timeouts": np.array([0, 0, 0, 1, 0, 0], bool),
    }
    arrays.update(changes)
    return {name: array for name, array in arrays.items() if array is not None}


def test_kitchen_complete(kitchen_complete):
    read = load_demonstrations(kitchen_complete)
    assert (len(read), read.obs_dim, read.action_dim, read.tasks) == (19, 30, 9, COMPLETE)
    with h5py.File(kitchen_complete) as file:
        np.testing.assert_array_equal(read.observations, file["observations"][:, :30])
        np.testing.assert_array_equal(read.actions, file["actions"][:])
        np.testing.assert_array_equal(np.concatenate([e.rewards for e in read]), file["rewards"][:])
        ends = np.cumsum([len(e) for e in read]) - 1
        np.testing.assert_array_equal(ends, np.flatnonzero(file["terminals"][:]))
    assert read.provenance["source"] == kitchen_complete.name
    assert len(read.provenance["sha256"]) == 64
    assert read.provenance["tasks"] == list(COMPLETE)


def test_search_order_finds_the_folder(kitchen_complete, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_DATA", str(kitchen_complete.parent))
    assert load_demonstrations().provenance["source"] == kitchen_complete.name
    assert len(load_demonstrations("kitchen-complete-v0")) == 19


def test_goal_entries_tell_the_subtasks_whatever_the_name(kitchen_complete, tmp_path):
    with h5py.File(kitchen_complete) as file:
        arrays = {name: file[name][:400] for name in file}
    path = write(tmp_path / "anything.hdf5", **arrays)
    assert load_demonstrations(path).tasks == COMPLETE
    arrays["observations"][:, 30:] = 0
    arrays["observations"][:, 30 + 11] = -0.88  # bottom burner
    arrays["observations"][:, 30 + 22] = -0.75  # microwave
    path = write(tmp_path / D4RL_FILES["kitchen-mixed-v0"], **arrays)
    assert load_demonstrations(path).tasks == ("microwave", "bottom burner")


@pytest.mark.parametrize(
    ("name", "tasks"), [("complete", COMPLETE), ("partial", COMPLETE), ("mixed", MIXED)]
)
def test_file_names_tell_the_subtasks_without_goals(name, tasks, tmp_path):
    arrays = {
        "observations": np.zeros((5, 60)),
        "actions": np.zeros((5, 9)),
        "terminals": np.zeros(5, bool),
    }
    for file in (D4RL_FILES[f"kitchen-{name}-v0"], f"kitchen-{name}-v0.hdf5"):
        read = load_demonstrations(write(tmp_path / file, **arrays))
        assert (read.tasks, read.obs_dim) == (tasks, 30)


def test_episodes_end_at_terminals_and_at_timeouts(tmp_path):
    arrays = simple()
    read = load_demonstrations(write(tmp_path / "a.hdf5", **arrays))
    assert [len(e) for e in read] == [2, 2, 2]
    np.testing.assert_array_equal(read.observations, arrays["observations"])
    assert read.tasks == ()
    from_dictionary = load_demonstrations(arrays)
    np.testing.assert_array_equal(from_dictionary.actions, read.actions)


def test_other_data_keep_all_their_observation_entries(tmp_path):
    arrays = simple(observations=np.random.default_rng(0).normal(size=(6, 60)))
    assert load_demonstrations(write(tmp_path / "a.hdf5", **arrays)).obs_dim == 60


def test_tasks_and_observations_are_checked(kitchen_complete):
    assert load_demonstrations(kitchen_complete, tasks="mixed").tasks == MIXED
    with pytest.raises(InputError, match="tasks"):
        load_demonstrations(kitchen_complete, tasks=["toaster"])
    with pytest.raises(InputError, match="obs"):
        load_demonstrations(kitchen_complete, obs="pixels")
    with pytest.raises(DataError, match="velocities"):
        load_demonstrations(kitchen_complete, obs="full")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observations": None}, "no observations"),
        ({"actions": None, "terminals": None, "timeouts": None}, "no actions and no terminals"),
        ({"actions": np.zeros((5, 2))}, r"actions.*N = 6.*\(5, 2\)"),
        ({"actions": np.zeros(6)}, r"actions.*\(6,\)"),
        ({"observations": np.zeros(())}, "observations"),
        ({"rewards": np.zeros((6, 2))}, "rewards"),
        ({"observations": np.full((6, 3), np.nan)}, "episode 0.*observations.*step 0"),
        ({"actions": np.r_[np.zeros(11), np.inf].reshape(6, 2)}, "episode 2.*actions.*step 1"),
        ({"actions": np.full((6, 2), 1e300)}, "actions.*finite"),
        ({"actions": np.array([[b"a", b"b"]] * 6)}, "actions.*numbers"),
        ({"terminals": np.arange(6.0)}, "terminals.*0 or 1"),
        ({"observations": np.zeros((0, 3))}, "observations"),
        ({"actions": np.zeros((6, 2), np.complex64)}, "actions.*numbers"),
    ],
)
def test_wrong_content_is_one_sentence(changes, words, tmp_path):
    path = write(tmp_path / "bad.hdf5", **simple(**changes))
    with pytest.raises(DataError, match=words) as caught:
        load_demonstrations(path)
    assert "bad.hdf5" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
        (b"<html>404</html>", "<html>"),
        (b"\x80\x04\x95pickled", "HDF5"),
    ],
)
def test_other_files_are_named(content, words, tmp_path):
    path = tmp_path / "a.hdf5"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_demonstrations(path)


def test_a_link_into_another_file_is_refused(kitchen_complete, tmp_path):
    path = write(tmp_path / "a.hdf5", **simple(observations=None))
    with h5py.File(path, "a") as file:
        file["observations"] = h5py.ExternalLink(str(kitchen_complete), "observations")
    with pytest.raises(DataError, match=r"observations.*in this file"):
        load_demonstrations(path)


def test_a_claim_beyond_the_file_is_refused(tmp_path):
    path = write(tmp_path / "a.hdf5", **simple(observations=None))
    with h5py.File(path, "a") as file:
        file.create_dataset("observations", (10**12, 3), "f4", chunks=(1000, 3))
    with pytest.raises(DataError, match="1000000000000"):
        load_demonstrations(path)


def test_nothing_there(tmp_path, monkeypatch):
    monkeypatch.delenv("MAC_CONTROL_DATA", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for source in (tmp_path / "none.hdf5", str(tmp_path / "none.hdf5")):
        with pytest.raises(DataError, match=r"none\.hdf5"):
            load_demonstrations(source)
    with pytest.raises(DataError, match="data download kitchen-mixed-v0"):
        load_demonstrations("kitchen-mixed-v0")
    monkeypatch.setenv("MAC_CONTROL_DATA", str(tmp_path / "gone"))
    with pytest.raises(DataError, match="MAC_CONTROL_DATA"):
        load_demonstrations()


def test_d4rl_is_named_where_it_is_missing():
    with contextlib.suppress(ImportError):
        import d4rl  # noqa: F401

        pytest.skip("d4rl is installed")
    with pytest.raises(DataError, match=r"mac-control\[d4rl\]"):
        load_demonstrations("d4rl:kitchen-mixed-v0")


def only_data_errors(path):
    with contextlib.suppress(DataError):
        load_demonstrations(path)


QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(st.binary(max_size=2000), st.booleans())
def test_random_bytes(tmp_path, content, signed):
    path = tmp_path / "random.hdf5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" * signed + content)
    with pytest.raises(DataError):
        load_demonstrations(path)


@QUICK
@given(st.data())
def test_truncated_and_damaged_files(tmp_path, data):
    path = write(tmp_path / "damaged.hdf5", **simple())
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="truncate"):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    for at in data.draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=8)):
        if content:
            content[at % len(content)] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    only_data_errors(path)


def test_truncated_kitchen_complete(kitchen_complete, tmp_path):
    content = kitchen_complete.read_bytes()
    path = tmp_path / kitchen_complete.name
    for size in np.linspace(1, len(content) - 1, 12).astype(int):
        path.write_bytes(content[:size])
        with pytest.raises(DataError):
            load_demonstrations(path)


@QUICK
@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: hnp.arrays(
                hnp.scalar_dtypes(),
                hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
            )
            for name in simple()
        },
    )
)
def test_wrong_types_and_shapes(tmp_path, arrays):
    only_data_errors(simple(**arrays))
    with contextlib.suppress(TypeError):  # HDF5 has no dates
        only_data_errors(write(tmp_path / "types.hdf5", **simple(**arrays)))


def test_a_ragged_dictionary():
    with pytest.raises(DataError, match="actions"):
        load_demonstrations(simple(actions=[[1, 2], [3]]))


def test_an_npz_of_arrays_is_read(tmp_path):
    rng = np.random.default_rng(0)
    steps = {"observations": rng.normal(size=(9, 4)), "actions": rng.uniform(-1, 1, (9, 2))}
    np.savez(tmp_path / "own.npz", **steps, ends=np.array([4, 9]), more=np.zeros(3))
    read = load_demonstrations(tmp_path / "own.npz")
    assert [len(episode) for episode in read] == [4, 5]
    assert np.array_equal(read.actions, steps["actions"].astype(np.float32))
    for ends in ([4, 8], [0, 9], [9, 4], []):
        kind = np.uint64 if ends == [9, 4] else int
        np.savez(tmp_path / "bad.npz", **steps, ends=np.array(ends, kind))
        with pytest.raises(DataError, match="ends: expected rising numbers of steps that end"):
            load_demonstrations(tmp_path / "bad.npz")
    np.savez(tmp_path / "objects.npz", **steps, terminals=np.array([{}], object))
    with pytest.raises(DataError, match=r"expected an \.npz of arrays, .*: pickled") as refused:
        load_demonstrations(tmp_path / "objects.npz")
    assert "allow_pickle" not in str(refused.value)  # no advice to trust the file
    np.savez(tmp_path / "none.npz", observations=steps["observations"], ends=np.array([9]))
    with pytest.raises(DataError, match="expected observations, actions and ends, got no actions"):
        load_demonstrations(tmp_path / "none.npz")


@pytest.mark.parametrize("damage", ["half", "bit", "other"])
def test_a_damaged_npz_ends_in_a_sentence(tmp_path, damage):
    path = tmp_path / "own.npz"
    np.savez(path, observations=np.zeros((9, 4)), actions=np.zeros((9, 2)), ends=np.array([9]))
    whole = path.read_bytes()
    half, bit = whole[: len(whole) // 2], bytearray(whole)
    bit[200] ^= 1
    path.write_bytes({"half": half, "bit": bytes(bit), "other": b"no zip"}[damage])
    with pytest.raises(DataError, match=r"expected an \.npz of arrays"):
        load_demonstrations(path)
    with pytest.raises(CheckpointError, match=r"expected an \.npz of weights"):
        MLPPolicy(path)
