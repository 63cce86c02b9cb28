"""What every copy of demonstrations keeps, where episodes differ in what they say."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium.spaces import Box

from mac_control import Demonstrations, Episode, InputError, Robot, load_demonstrations
from mac_control.cli import run_named
from mac_control.demonstrations import save_lerobot, save_minari
from mac_control.demonstrations.convert import hdf5_to_minari, minari_to_hdf5
from mac_control.demonstrations.edit import edited
from mac_control.demonstrations.faults import find_faults
from mac_control.demonstrations.load import builtin_path
from mac_control.scripts.data import NAMES, PACKAGE

FIELDS = ("observations", "actions", "executed", "given", "rewards")


def data(*argv, status=0):
    with pytest.raises(SystemExit) as ended:
        run_named(PACKAGE, NAMES, "mac-control data", list(map(str, argv)))
    assert ended.value.code == status


@pytest.fixture
def mixed():
    """One episode that says all, one that says what is usual."""
    rng = np.random.default_rng(0)
    parts = {"observations": rng.normal(size=(4, 3)), "actions": rng.uniform(-1, 1, (4, 2))}
    parts["rewards"] = np.arange(4)
    plain = Episode(**parts)
    told = Episode(
        **parts,
        executed=rng.uniform(-1, 1, (4, 2)),
        subtasks=["reach", "", "push", "push"],
        given=rng.random((4, 2)) < 0.5,
        failed=True,
    )
    robot = Robot.of_box("arm", Box(-2.0, 2.0, (2,), np.float32))
    about = {"env": {"id": "Reacher-v5", "options": {}}}
    return Demonstrations([plain, told], ("reach",), about, replace(robot, rate=10.0))


def through_hdf5(made, folder):
    return minari_to_hdf5(save_minari(made, folder / "set"), folder / "set.hdf5")


def through_hdf5_and_back(made, folder):
    return minari_to_hdf5(
        hdf5_to_minari(through_hdf5(made, folder), folder / "again"), folder / "last.hdf5"
    )


@pytest.mark.parametrize(
    "copied",
    [
        lambda made, folder: save_minari(made, folder / "set"),
        lambda made, folder: save_lerobot(made, folder / "set"),
        through_hdf5,
        through_hdf5_and_back,
    ],
    ids=["minari", "lerobot", "hdf5", "hdf5 and back"],
)
def test_a_copy_keeps_what_only_some_episodes_say(tmp_path, mixed, copied, monkeypatch):
    pytest.importorskip("pyarrow")
    path = copied(mixed, tmp_path)
    for resident in ("100", "0"):  # in memory, and in a file
        monkeypatch.setenv("MAC_CONTROL_RESIDENT", resident)
        monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
        back = load_demonstrations(path, failed=True)
        for before, after in zip(mixed, back, strict=True):
            for name in FIELDS:
                np.testing.assert_array_equal(getattr(after, name), getattr(before, name), name)
            assert after.failed == before.failed
            texts = None if before.subtasks is None else before.subtasks.tolist()
            assert (None if after.subtasks is None else after.subtasks.tolist()) == texts
        assert sorted(back.subtasks) == ["push", "reach"]
        push, reach = map(back.subtasks.index, ("push", "reach"))
        assert back.subtask_numbers.tolist() == [-1] * 4 + [reach, -1, push, push]
        assert (back.tasks, back.robot) == (mixed.tasks, mixed.robot)
        assert back.provenance["env"] == mixed.provenance["env"]


def test_the_tasks_and_the_environment_of_a_kitchen_survive_hdf5(tmp_path):
    folder = hdf5_to_minari(builtin_path(), tmp_path / "set")
    back = load_demonstrations(minari_to_hdf5(folder, tmp_path / "set.hdf5"))
    before = load_demonstrations(builtin_path())
    assert (back.tasks, back.robot) == (before.tasks, before.robot)
    assert back.provenance["env"] == before.provenance["env"]


def test_velocities_of_a_kitchen_survive_an_edit_and_lerobot(tmp_path):
    pytest.importorskip("pyarrow")
    names = load_demonstrations(builtin_path()).tasks
    env = {"id": "kitchen", "options": {"obs": "full"}}
    rng = np.random.default_rng(0)
    episode = Episode(rng.normal(size=(6, 59)), rng.uniform(-1, 1, (6, 9)))
    save_minari(Demonstrations([episode], names, {"env": env}), tmp_path / "full")
    data("edit", "--data", tmp_path / "full", "--split", "0:2", "--out", tmp_path / "cut")
    data("convert", "--data", tmp_path / "full", "--to", "lerobot", "--out", tmp_path / "lerobot")
    for name in ("cut", "lerobot"):
        back = load_demonstrations(tmp_path / name, obs="recorded")
        np.testing.assert_array_equal(back.observations, episode.observations)
        assert back.provenance["env"]["options"]["obs"] == "full"


def test_an_npz_is_checked_and_converted_and_tells_what_failed(tmp_path):
    path = tmp_path / "some.npz"
    seen, done = np.zeros((5, 3), np.float32), np.full((5, 2), 7.0, np.float32)
    np.savez(path, observations=seen, actions=done, ends=[2, 5], failed=[True] * 2 + [False] * 3)
    assert list(find_faults(path)) == []
    assert len(load_demonstrations(path)) == 1
    data("convert", "--data", path, "--out", tmp_path / "set")
    back = load_demonstrations(tmp_path / "set", failed=True)
    assert back.failed.tolist() == [True, False] and (back.actions == 7).all()
    data("convert", "--data", path, "--out", tmp_path / "set.hdf5", status=2)
    seen[3, 1] = np.nan
    np.savez(path, observations=seen, actions=done, ends=[2, 5])
    (fault,) = find_faults(path)
    assert fault.startswith("episode 1: observations: numbers that are not finite, first at step 1")


def test_a_merge_keeps_subtasks_and_does_not_invent_rewards(mixed):
    alike = [replace(each, failed=False) for each in mixed]
    (whole,) = edited(replace(mixed, episodes=alike), merge=[[0, 1]])
    assert whole.subtasks.tolist() == [""] * 4 + ["reach", "", "push", "push"]
    bare = [alike[0], replace(alike[1], rewards=None)]
    with pytest.raises(InputError, match="merge: expected rewards in all episodes or in none"):
        edited(replace(mixed, episodes=bare), merge=[[0, 1]])


def test_a_task_beside_subtasks_is_refused(tmp_path, mixed, capsys):
    pytest.importorskip("pyarrow")
    save_minari(mixed, tmp_path / "set")
    command = ["--data", tmp_path / "set", "--to", "lerobot", "--task", "make tea"]
    data("convert", *command, "--out", tmp_path / "new", status=2)
    assert "task: expected none for data with subtasks" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    save_minari(mixed.select([0]), tmp_path / "bare")
    command[1] = tmp_path / "bare"
    data("convert", *command, "--out", tmp_path / "new")
    assert load_demonstrations(tmp_path / "new").provenance["lerobot_tasks"] == ["make tea"]


@pytest.mark.parametrize("fps", ["nan", "inf", "-5", "0"])
def test_a_rate_that_is_none_is_refused(tmp_path, fps, capsys):
    command = ["--data", "builtin", "--to", "lerobot", f"--fps={fps}", "--out", tmp_path / "new"]
    data("convert", *command, status=2)
    assert "fps: expected a number above 0" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
