"""Full and read-only disks, for real: small file systems in memory."""

import errno
import os
import subprocess
import sys
import tempfile
import time

import gymnasium
import numpy as np
import pytest

from benchmarks.faults.disk import ROOM, Disk
from mac_control.demonstrations import load_demonstrations, save_minari
from mac_control.demonstrations.convert import minari_to_hdf5
from mac_control.disk import writing
from mac_control.errors import DiskError, InputError
from mac_control.files import write_json
from mac_control.operators import Nobody
from mac_control.policies.zero import ZeroPolicy
from mac_control.teleop import Teleoperation
from mac_control.teleop.recording import MinariRecorder
from mac_control.training.log import Log


@pytest.fixture
def disk(tmp_path):
    """`disk(size)`: a folder with so much room [bytes], and its `Disk`."""
    folder, opened = tmp_path / "disk", []
    folder.mkdir()

    def make(size):
        try:
            opened.append(Disk(folder, size).__enter__())
        except InputError as error:
            pytest.skip(str(error))
        return folder, opened[0]

    yield make
    for each in opened:
        each.__exit__()


def drive(folder, episodes, said, **options):
    """The recorder, and what was said, after so many episodes of five steps."""
    env = gymnasium.make("Reacher-v5", max_episode_steps=5)
    recorder = MinariRecorder(folder, env, say=said.append, **options)
    policy = ZeroPolicy(10, env.action_space.low, env.action_space.high)
    loop = Teleoperation(env, policy, Nobody(2), recorder=recorder, sleep=lambda _: None)
    loop.run(5 * episodes)
    return recorder, loop


def wait_for(found):
    end = time.monotonic() + 120
    while not found():
        assert time.monotonic() < end, "never came"
        time.sleep(0.01)


def test_an_episode_that_finds_no_room_is_kept_and_written_when_there_is_some(disk):
    folder, mounted = disk(400_000)
    said = []
    recorder, loop = drive(folder / "r-v0", 12, said, retry=0.05)
    wait_for(lambda: said)
    assert loop.episode == 12  # driving went on
    before = len(load_demonstrations(folder / "r-v0"))
    assert 0 < before < 12 and "expected room" in said[0] and "is kept" in said[0]
    mounted.change(f"size={ROOM}")
    wait_for(lambda: recorder.episodes == 12)
    loop.close()
    assert len(load_demonstrations(folder / "r-v0")) == 12
    assert len(said) == 2 and "goes on, 12 episodes" in said[1]
    assert [path.name for path in folder.iterdir()] == ["r-v0"]


def test_what_finds_no_room_at_the_end_is_put_elsewhere(disk, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder, _ = disk(400_000)
    recorder, loop = drive(folder / "r-v0", 12, [])
    with pytest.raises(DiskError, match=r"episodes could not be written, they are in ") as error:
        loop.close()
    elsewhere = str(error.value).split("they are in ")[1].split(": ")[0]
    here, there = load_demonstrations(folder / "r-v0"), load_demonstrations(elsewhere)
    assert len(here) == recorder.episodes and len(here) + len(there) == 12
    starts = [episode.observations[0].tolist() for episode in (*here, *there)]
    env = gymnasium.make("Reacher-v5")
    assert starts == [np.float32(env.reset(seed=seed)[0]).tolist() for seed in range(12)]


def test_a_recording_that_may_not_be_written_is_refused_before_the_driving(disk):
    folder, mounted = disk(ROOM)
    mounted.change("ro")
    with pytest.raises(DiskError, match="expected to be allowed to write"):
        drive(folder / "r-v0", 1, [])


def test_hdf5_is_not_begun_where_there_is_no_room_for_it(disk, tmp_path):
    """It would end the process: `Segmentation fault`, with HDF5 1.14."""
    folder, _ = disk(200_000)
    demonstrations = load_demonstrations("builtin")
    with pytest.raises(DiskError, match=r"x-v0: expected room to write"):
        save_minari(demonstrations, folder / "x-v0")
    whole = save_minari(demonstrations, tmp_path / "x-v0")
    with pytest.raises(DiskError, match=r"x.hdf5: expected room to write"):
        minari_to_hdf5(whole, folder / "x.hdf5")
    assert not list(folder.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_library_may_say_it_as_it_likes(number, tmp_path):
    said = "allowed" if number in (errno.EROFS, errno.EACCES) else "room"
    for error in (OSError(number, "x"), RuntimeError(f"cannot save: {os.strerror(number)}")):
        with pytest.raises(DiskError, match=said), writing(tmp_path / "a.json"):
            raise error
        with pytest.raises(DiskError, match=said), writing(tmp_path / "a.json"):
            try:
                raise error
            except Exception as inner:
                raise ValueError("no luck") from inner
    with pytest.raises(ZeroDivisionError), writing(tmp_path / "a.json"):
        write_json(tmp_path / "b.json", 1 / 0)


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_curves_that_find_no_room_end_in_one_sentence(tmp_path, monkeypatch, capfd):
    writer = pytest.importorskip("tensorboard.summary.writer.record_writer").RecordWriter
    with pytest.raises(DiskError, match="expected room to write") as raised:  # noqa: SIM117
        with Log(tmp_path, 0) as log:

            def full(self, data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            monkeypatch.setattr(writer, "write", full)
            for step in range(100):
                log.write(step, {"loss": 0.0})
                time.sleep(0.01)
    assert str(tmp_path) in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_verbs_end_in_a_sentence_harm_nothing_and_go_on(disk):
    disk(8192)  # skips where nobody may mount
    command = [sys.executable, "-m", "benchmarks", "faults", "disk"]
    done = subprocess.run(
        [*command, "--sizes", "1", "--verbs", "train,convert"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count('"full": 1') == 2 and done.stdout.count('"read-only": 2') == 2


def test_the_command_line_has_a_sentence_for_what_the_system_refuses(tmp_path):
    code = (
        "from mac_control.cli import run\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass Args: pass\n"
        f"def main(args: Args): open({str(tmp_path)!r}, 'w')\n"
        "run(main)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {tmp_path}: expected to ")
    assert len(done.stderr.splitlines()) == 1
    command = f"{sys.executable} -m mac_control --help | true"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""  # whoever reads it may stop
