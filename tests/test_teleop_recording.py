"""Recordings: what is in them, that a crash spares them, that they train and replay."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import gymnasium
import minari
import numpy as np
import pytest

from mac_control import ActionDim, DataError, InputError, Robot
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations, save_minari
from mac_control.demonstrations.minari_read import raw_episodes, read_metadata
from mac_control.envs import make_kitchen
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.policies.zero import ZeroPolicy
from mac_control.teleop import DeviceOperator, Teleoperation, load_mapping, make_device
from mac_control.teleop.assemble import assemble_devices
from mac_control.teleop.options import device_specs
from mac_control.teleop.recording import MinariRecorder

BOX = np.ones(9)


class Corrector(Operator):
    """Gives dimension 1 in the second half of each episode."""

    def reset(self, seed=None):
        self.step = 0

    def read(self, obs):
        self.step += 1
        values = np.zeros(9, np.float32)
        values[1] = 0.4
        return PartialAction(values, np.arange(9) == (1 if self.step > 10 else 99))


def drive(target, episodes=2, steps=20, then=()):
    env = make_kitchen(max_episode_steps=steps)
    recorder = MinariRecorder(target, env, {"device": "test"})
    loop = Teleoperation(env, ZeroPolicy(30, -BOX, BOX), Corrector(), recorder=recorder, ramp=0.05)
    for command in then:
        loop.post(*command)
    while loop.episode < episodes:
        loop.step()
    loop.close()
    env.close()
    return recorder


def episodes(folder):
    return list(raw_episodes(folder, read_metadata(folder)))


def test_a_recording_holds_what_was_given_filled_in_and_executed(tmp_path):
    drive(tmp_path / "corrections-v0")
    raw = episodes(tmp_path / "corrections-v0")
    assert len(raw) == 2
    infos = raw[0]["infos"]
    assert not infos["given"][:10].any() and infos["given"][10:, 1].all()
    assert infos["intervention"].tolist() == [False] * 10 + [True] * 10
    assert np.abs(np.diff(infos["executed"][:, 1])).max() <= 0.1 + 1e-6  # the ramp
    # To be learnt is what the person wanted, at once; given to a model is what was done.
    assert raw[0]["actions"][10:, 1] == pytest.approx(0.4)
    assert (raw[0]["actions"][:, 0] == 0).all()
    demonstrations = load_demonstrations(tmp_path / "corrections-v0")
    assert demonstrations.tasks == ("microwave", "kettle", "light switch", "slide cabinet")
    episode = demonstrations[0]
    assert episode.observations.shape == (20, 30)
    assert np.array_equal(episode.executed, infos["executed"])
    assert np.array_equal(episode.actions, raw[0]["actions"])


def test_a_recording_is_continued_and_is_a_minari_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    drive("mine/corrections-v0", episodes=1)
    recorder = drive("mine/corrections-v0", episodes=2)
    assert recorder.episodes == 3
    dataset = minari.load_dataset("mine/corrections-v0")
    assert dataset.total_episodes == 3 and dataset.total_steps == 60


def test_undone_stopped_and_discarded_steps_are_not_recorded(tmp_path):
    env = make_kitchen(max_episode_steps=100)
    recorder = MinariRecorder(tmp_path / "r-v0", env)
    loop = Teleoperation(env, ZeroPolicy(30, -BOX, BOX), Corrector(), recorder=recorder)
    for _ in range(20):
        loop.step()
    loop.post("undo", 0.8)  # ten steps
    loop.step()
    loop.post("estop")
    for _ in range(5):
        loop.step()
    loop.post("release")
    loop.step()
    loop.post("success")  # 12 steps are kept, and the next episode begins
    loop.step()
    loop.post("reset")  # and is thrown away
    loop.step()
    loop.post("record")  # as is one while not recording
    loop.post("success")
    loop.step()
    loop.close()
    raw = episodes(tmp_path / "r-v0")
    assert [len(e["rewards"]) for e in raw] == [12]
    assert raw[0]["infos"]["success"][-1] and raw[0]["terminations"][-1]
    env.close()


def test_a_recording_of_other_sizes_is_one_sentence(tmp_path):
    drive(tmp_path / "r-v0", episodes=1)
    with pytest.raises(DataError, match="expected a recording with observations"):
        MinariRecorder(tmp_path / "r-v0", make_kitchen(obs="full"))
    (tmp_path / "text").mkdir()
    with pytest.raises(DataError, match="expected a recording"):
        MinariRecorder(tmp_path / "text", make_kitchen())


KILLED = """
import numpy as np, sys
from mac_control.envs import make_kitchen
from mac_control.operators import Nobody
from mac_control.teleop import Teleoperation
from mac_control.teleop.recording import MinariRecorder
from mac_control.policies.zero import ZeroPolicy

env = make_kitchen(max_episode_steps=4)
recorder = MinariRecorder(sys.argv[1], env)
loop = Teleoperation(env, ZeroPolicy(30, -np.ones(9), np.ones(9)), Nobody(9), recorder=recorder)
while True:
    loop.step()
    print(recorder.episodes, flush=True)
"""


@pytest.mark.parametrize("after", [1, 6])
def test_a_kill_at_any_moment_loses_the_running_episode_at_most(tmp_path, after):
    target = tmp_path / "killed-v0"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE, text=True
    )
    with process, process.stdout as lines:
        for line in lines:
            if int(line) >= after:
                break
        time.sleep(0.013 * after)  # somewhere within a step or a write
        process.send_signal(signal.SIGKILL)
        safe = max([after, *map(int, lines.read().split())])
    demonstrations = load_demonstrations(target)
    assert len(demonstrations) >= safe
    assert all(len(episode) == 4 for episode in demonstrations)
    drive(target, episodes=1)  # and recording goes on, after what was written but not counted
    assert len(load_demonstrations(target)) - len(demonstrations) in (1, 2)


def test_a_recording_trains(tmp_path):
    drive(tmp_path / "r-v0")
    code = textwrap.dedent(
        """
        import sys
        sys.argv = ["mac-control", "train", *sys.argv[1:]]
        from mac_control.cli import main
        main()
        """
    )
    out = tmp_path / "run"
    options = ["--data", str(tmp_path / "r-v0"), "--out", str(out), "--steps", "3"]
    done = subprocess.run(
        [sys.executable, "-c", code, *options],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    from mac_control.checkpoint import load_policy

    assert load_policy(out).action_dim == 9


class Noting(gymnasium.Wrapper):
    """Keeps the actions that were executed."""

    def __init__(self, env):
        super().__init__(env)
        self.actions = []

    def step(self, action):
        self.actions.append(np.array(action))
        return self.env.step(action)


def test_a_recording_drives_again_as_it_was_driven(tmp_path):
    drive(tmp_path / "r-v0", episodes=1)
    now = [100.0]

    def sleep(seconds):
        now[0] += seconds

    device = make_device("replay", recording=str(tmp_path / "r-v0"))
    device.clock = lambda: now[0]
    operator = DeviceOperator(device, load_mapping("network", 9), clock=lambda: now[0])
    env = Noting(make_kitchen(max_episode_steps=50))
    loop = Teleoperation(
        env, ZeroPolicy(30, -BOX, BOX), operator, ramp=0.05, clock=lambda: now[0], sleep=sleep
    )
    steps = []
    loop.run(21, steps.append)
    recorded = episodes(tmp_path / "r-v0")[0]["infos"]["executed"]
    assert np.array_equal(env.actions[:20], recorded)
    assert not steps[-1].given.any()  # after its end it gives nothing
    env.close()
    with pytest.raises(DataError, match="expected an HDF5 file, a Minari id or folder"):
        make_device("replay", recording=str(tmp_path / "nothing"))


@pytest.mark.parametrize("robot", [None, Robot("arm", tuple(map(ActionDim, "abcd")))])
def test_a_recording_of_another_robot_is_refused(robot, tmp_path):
    rows = Episode(np.zeros((3, 2), np.float32), np.zeros((3, 4), np.float32))
    save_minari(Demonstrations([rows], robot=robot), tmp_path / "small-v0")
    env = make_kitchen()
    specs = device_specs([f"replay:recording={tmp_path / 'small-v0'}"])
    with pytest.raises(
        InputError, match=r"recording: expected the 9 action dimensions of .*, got 4"
    ):
        assemble_devices(specs, env)
    env.close()


def test_a_recording_of_a_robot_of_another_name_is_told(tmp_path, capsys):
    rows = Episode(np.zeros((3, 9), np.float32), np.zeros((3, 9), np.float32))
    other = Robot("arm", tuple(map(ActionDim, "abcdefghi")))
    save_minari(Demonstrations([rows], robot=other), tmp_path / "other-v0")
    device = make_device("replay", recording=tmp_path / "other-v0")
    device.expect_robot(other)
    assert not capsys.readouterr().err
    device.expect_robot(kitchen_robot(30))
    assert capsys.readouterr().err == "recording: it is of arm; this is franka-kitchen\n"
