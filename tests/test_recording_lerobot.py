"""Recordings as LeRobotDatasets: what is in them, failed episodes, disks and crashes."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from parts import Gives, Line

from mac_control import DataError, InputError, PartialAction, Robot
from mac_control.cli import run_named
from mac_control.demonstrations import load_demonstrations, save_lerobot, save_minari
from mac_control.demonstrations.convert import hdf5_to_minari, minari_to_hdf5
from mac_control.demonstrations.edit import edited
from mac_control.demonstrations.faults import find_faults
from mac_control.demonstrations.lerobot.meta import Choice, read_meta
from mac_control.envs import make_env
from mac_control.policies import ZeroPolicy
from mac_control.scripts import teleoperate
from mac_control.scripts.data import NAMES, PACKAGE, info
from mac_control.teleop import Teleoperation
from mac_control.teleop.recording import MinariRecorder
from mac_control.teleop.recording_lerobot import LeRobotRecorder

pq = pytest.importorskip("pyarrow.parquet")


def drive(recorder, env, ends, steps=5):
    """Episodes of so many steps that end as `ends` says; dimension 1 is given."""
    low, high = env.action_space.low, env.action_space.high
    half = PartialAction(np.float32([0, 0.5]), np.array([False, True]))
    policy = ZeroPolicy(*env.observation_space.shape, low, high)
    loop = Teleoperation(env, policy, Gives(half), recorder=recorder, ramp=0.1)
    said = []
    loop.notify = recorder.notify = said.append
    for end in ends:
        for _ in range(steps - 1):
            loop.step()
        loop.step()
        loop.post(end)
    loop.run(1)
    loop.close()
    return said


def data(*argv):
    with pytest.raises(SystemExit) as ended:
        run_named(PACKAGE, NAMES, "mac-control data", list(map(str, argv)))
    assert ended.value.code == 0


@pytest.fixture
def env():
    made = make_env("Reacher-v5", max_episode_steps=100)
    yield made
    made.close()


def frames(folder):
    return pq.read_table(folder / "data").to_pydict()


def test_a_recording_holds_what_was_given_filled_in_and_executed(env, tmp_path):
    folder = tmp_path / "driven"
    drive(LeRobotRecorder(folder, env, {"device": "test"}, task="reach"), env, ["success"] * 2)
    assert list(find_faults(folder)) == []
    data = load_demonstrations(folder)
    assert len(data) == 3 and data.provenance["origin"]["device"] == "test"
    assert data.provenance["lerobot_tasks"] == ["reach"]
    episode = data[0]
    assert episode.given[:, 1].all() and not episode.given[:, 0].any()
    assert episode.actions[:, 1] == pytest.approx(0.5)  # at once
    assert (np.diff(episode.executed[:, 1]) <= 0.2 + 1e-6).all()  # by a ramp
    table = frames(folder)
    assert len(table["complementary_info.filled"]) == data.lengths.sum()
    assert np.flatnonzero(table["next.success"]).tolist() == [4, 9]
    assert all(table["complementary_info.is_intervention"])
    # It is continued, by a robot of the same names alone.
    drive(LeRobotRecorder(folder, env), env, ["success"])
    assert len(load_demonstrations(folder)) == 5 and list(find_faults(folder)) == []
    with pytest.raises(
        DataError,
        match=r"expected a recording at 12.5 Hz, the rate of this robot, got one at 50 Hz",
    ):
        LeRobotRecorder(folder, make_env("kitchen"))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    with pytest.raises(DataError, match=r"expected a LeRobotDataset, got a\.txt"):
        LeRobotRecorder(tmp_path / "text", env)
    with pytest.raises(DataError, match="expected a folder or nothing, found a file"):
        LeRobotRecorder(tmp_path / "text" / "a.txt", env)
    assert (tmp_path / "text" / "a.txt").read_text() == "a"


@pytest.mark.parametrize("kind", [LeRobotRecorder, MinariRecorder])
def test_failed_episodes_are_kept_and_flagged_wherever_they_go(env, tmp_path, kind, capsys):
    folder = tmp_path / "driven-v0"
    said = drive(kind(folder, env, keep_failed=True), env, ["success", "reset", "success"])
    assert any(text.startswith("Episode 2 saved as failed: ") for text in said)
    whole = load_demonstrations(folder, failed=True)
    assert whole.failed.tolist() == [False, True, False, False]
    capsys.readouterr()
    assert len(load_demonstrations(folder)) == 3
    assert "driven-v0: 1 of 4 episodes are left out: failed" in capsys.readouterr().err
    info.main(info.Args(data=str(folder)))
    assert "failed       1 of the episodes; training leaves these out" in capsys.readouterr().out
    # Flagged in whatever it is made into.
    made = [save_lerobot(whole, tmp_path / "a", fps=10), save_minari(whole, tmp_path / "b-v0")]
    made.append(minari_to_hdf5(made[1], tmp_path / "c.hdf5"))
    for each in made:
        assert load_demonstrations(each, failed=True).failed.tolist() == whole.failed.tolist()
        assert len(load_demonstrations(each)) == 3
    assert edited(whole, delete=[0], split={1: 2}).failed.tolist() == [True, True, False, False]
    with pytest.raises(InputError, match="merge: expected episodes that all failed or all did not"):
        edited(whole, merge=[[0, 1]])
    alone = save_lerobot(whole.select([1]), tmp_path / "alone", fps=10)
    with pytest.raises(DataError, match="expected an episode that did not fail, got 1 that did"):
        load_demonstrations(alone)


@pytest.mark.parametrize("killed", [False, True])
def test_what_is_driven_into_converted_data_survives_hdf5(env, tmp_path, killed):
    """Also where the new episode was written before a kill, but not counted."""
    drive(MinariRecorder(tmp_path / "first-v0", env), env, [])
    first = minari_to_hdf5(tmp_path / "first-v0", tmp_path / "first.hdf5")
    folder = hdf5_to_minari(first, tmp_path / "set-v0")
    before = (folder / "data" / "metadata.json").read_bytes()
    recorder = MinariRecorder(folder, env, keep_failed=True)
    drive(recorder, env, ["reset"], steps=6)
    if killed:
        (folder / "data" / "metadata.json").write_bytes(before)
        assert len(load_demonstrations(minari_to_hdf5(folder, tmp_path / "half.hdf5"))) == 1
        MinariRecorder(folder, env).close()
    data = load_demonstrations(folder, failed=True)
    back = load_demonstrations(minari_to_hdf5(folder, tmp_path / "back.hdf5"), failed=True)
    assert data.failed.tolist() == back.failed.tolist() == [False, True, False]
    for one, other in zip(data, back, strict=True):
        for name in ("observations", "actions", "executed", "given", "rewards"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_a_copy_keeps_the_tasks_and_the_rate(tmp_path):
    """Of a robot that does not say its rate."""
    folder = tmp_path / "driven"
    for task in ("open", "close", None):
        drive(LeRobotRecorder(folder, Line(), task=task, rate=10.0), Line(), [])
    command = ["--data", folder, "--out"]
    data("edit", *command, tmp_path / "edited", "--delete", "1")
    data("convert", *command, tmp_path / "copied", "--to", "lerobot")
    data("convert", *command, tmp_path / "minari")
    data("convert", "--data", tmp_path / "minari", "--out", tmp_path / "last", "--to", "lerobot")
    tasks = ["open", "close", None]
    for name, kept in (("edited", tasks[::2]), ("copied", tasks), ("last", tasks)):
        made = load_demonstrations(tmp_path / name)
        said = [episode.subtasks for episode in made]
        assert [None if each is None else each[0] for each in said] == kept
        meta = read_meta(Choice(tmp_path / name))
        assert meta.fps == 10 and meta.tasks == tuple(task or "demonstration" for task in kept)
    one = tmp_path / "one"
    data("convert", *command, one, "--to", "lerobot", "--fps", "5")
    assert read_meta(Choice(one)).fps == 5


def test_large_recordings_keep_their_flags(env, tmp_path, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_RESIDENT", "0")
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "driven"
    drive(LeRobotRecorder(folder, env, keep_failed=True), env, ["reset", "success"])
    whole = load_demonstrations(folder, failed=True)
    assert whole.failed.tolist() == [True, False, False] and whole[0].failed
    assert not load_demonstrations(folder)[0].failed


def test_without_the_flag_a_reset_throws_the_episode_away(env, tmp_path):
    said = drive(LeRobotRecorder(tmp_path / "driven", env), env, ["reset", "success"])
    assert said[0] == "Episode 1 thrown away"
    assert len(load_demonstrations(tmp_path / "driven")) == 2


def test_what_cannot_be_written_is_tried_again_and_then_put_elsewhere(env, tmp_path, monkeypatch):
    """The disk is full at a random one of the files of each episode, and then it is not."""
    from mac_control.demonstrations.lerobot import write

    real, fails = write.task_table, [True, False, True, True]

    def table(tasks):
        if fails and fails.pop(0):
            raise OSError(28, "No space left on device")
        return real(tasks)

    monkeypatch.setattr(write, "task_table", table)
    told = []
    recorder = LeRobotRecorder(tmp_path / "driven", env, say=told.append, retry=0.02)
    drive(recorder, env, ["success"] * 4)
    assert "is kept and tried again" in told[0] and "goes on" in told[1]
    assert len(load_demonstrations(tmp_path / "driven")) == 5
    assert list(find_faults(tmp_path / "driven")) == []


@pytest.mark.parametrize("kind", [LeRobotRecorder, MinariRecorder])
def test_sessions_that_record_into_one_folder_keep_the_episodes_of_both(
    env, tmp_path, kind, monkeypatch
):
    folder, told = tmp_path / "driven-v0", []

    def say(text):  # the first session could not write; the other goes on meanwhile
        told.append(text)
        if len(told) == 1:
            drive(second, env, ["success"], steps=4)

    first, second = (kind(folder, env, say=say, retry=60.0) for _ in range(2))  # nothing is there
    for index in range(2):
        drive(kind(folder, env) if index else first, env, ["success"], steps=5 + index)
    first = kind(folder, env, say=say, retry=60.0)
    move, fails = os.replace, ["info.json", "metadata.json"]

    def refuse(source, target):
        if Path(target).name in fails and Path(target).parent.parent == folder:
            fails.clear()
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    drive(first, make_env("Reacher-v5", max_episode_steps=100), ["success"], steps=7)
    assert "is kept and tried again" in told[0] and "goes on" in told[1]
    data = load_demonstrations(folder)
    assert data.lengths.tolist() == [5, 1, 6, 1, 7, 4, 1, 1]
    assert list(find_faults(folder)) == []


def test_the_format_follows_from_what_is_there_or_from_the_option(tmp_path, capsys):
    argv = dict(env="Reacher-v5", cockpit=False, device=("replay",), steps=3, keep_all=True)
    source = tmp_path / "source-v0"
    made = make_env("Reacher-v5")
    drive(MinariRecorder(source, made), made, ["success"])
    common = {**argv, "options": f"recording={source}", "patience": 5.0}
    folder = tmp_path / "as-lerobot"
    for record_as in ("lerobot", None):
        teleoperate.main(teleoperate.Args(**common, record=str(folder), record_as=record_as))
    assert len(load_demonstrations(folder)) == 2
    with pytest.raises(InputError, match="record_as: expected minari or lerobot, got 'csv'"):
        teleoperate.main(teleoperate.Args(**common, record=str(folder), record_as="csv"))


def test_a_recording_goes_on_with_the_same_robot_and_rate_alone(env, tmp_path):
    about = {"env": {"id": "Reacher-v5", "options": {}}, "rate": 50.0}
    folder = tmp_path / "r-v0"
    drive(MinariRecorder(folder, env, about), env, ["success"])
    MinariRecorder(folder, env, about).close()
    for changed, said in (
        ({"rate": 10.0}, "expected a recording of the rate 10.0, as is driven now, got 50.0"),
        ({"env": {"id": "Pusher-v5"}}, "expected a recording of the environment Pusher-v5"),
    ):
        with pytest.raises(DataError, match=said):
            MinariRecorder(folder, env, {**about, **changed})
    cheetah, walker = make_env("HalfCheetah-v5"), make_env("Walker2d-v5")
    recorder = MinariRecorder(tmp_path / "c-v0", cheetah)
    low, high = cheetah.action_space.low, cheetah.action_space.high
    loop = Teleoperation(
        cheetah, ZeroPolicy(17, low, high), Gives(PartialAction.nothing(6)), recorder=recorder
    )
    loop.run(2)
    loop.close()
    with pytest.raises(DataError, match="expected a recording of the dimensions"):
        MinariRecorder(tmp_path / "c-v0", walker)
    drive(LeRobotRecorder(tmp_path / "l", env), env, ["success"])
    with pytest.raises(DataError, match="got a LeRobotDataset; go on with --record-as lerobot"):
        MinariRecorder(tmp_path / "l", env)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for kind in (LeRobotRecorder, MinariRecorder):
        with pytest.raises(DataError, match="got a link to nowhere"):
            kind(tmp_path / "dangling", env)
    (tmp_path / "l" / "meta" / "info.json").write_text("{}")
    with pytest.raises(DataError, match="expected a data set's metadata, got no 'features'"):
        LeRobotRecorder(tmp_path / "l", env)


@pytest.mark.parametrize("kind", [LeRobotRecorder, MinariRecorder])
def test_a_recording_goes_on_in_the_same_box_with_the_same_subtasks(tmp_path, kind):
    def line(width=0.5, rate=10.0, subtasks=("reach",)):
        made = Line(width)
        made.robot = replace(Robot.of_box("line", made.action_space), rate=rate)
        made.subtasks = subtasks
        return made

    folder = tmp_path / "set-v0"
    drive(kind(folder, line()), line(), [])
    kind(folder, line()).close()
    for changed, said in (
        ({"width": 0.25}, "expected a recording of the dimensions"),
        ({"subtasks": ("push",)}, r"expected a recording of the subtasks \['push'\]"),
        ({"rate": 5.0}, "expected a recording (at 5 Hz|of the rate 5.0, as is driven now)"),
    ):
        with pytest.raises(DataError, match=said):
            kind(folder, line(**changed))


def test_an_edited_recording_goes_on_at_the_rate_it_was_recorded_at(env, tmp_path):
    at = {"rate": 20.0}  # not the robot's
    drive(MinariRecorder(tmp_path / "set-v0", env, at), env, ["success"])
    command = ["--data", tmp_path / "set-v0", "--split", "0:1", "--out", tmp_path / "copy-v0"]
    data("edit", *command)
    MinariRecorder(tmp_path / "copy-v0", env, at).close()
    with pytest.raises(DataError, match=r"expected a recording of the rate 50.0, .* got 20.0"):
        MinariRecorder(tmp_path / "copy-v0", env)
