"""Parts of the cockpit without a browser: the port, the scene, the cameras, what is kept."""

import socket
import subprocess
import sys

import mujoco
import numpy as np
import pytest

from mac_control import InputError
from mac_control.checkpoint import load_policy
from mac_control.checkpoint_record import builtin_policy
from mac_control.cockpit.address import expect_free, qr_code
from mac_control.envs import make_kitchen, robot_of
from mac_control.errors import CheckpointError
from mac_control.operators.base import Operator
from mac_control.partial import PartialAction
from mac_control.policies.zero import ZeroPolicy
from mac_control.teleop import Teleoperation, load_mapping
from mac_control.teleop.devices.panel import lines
from mac_control.teleop.keys import key_table
from mac_control.teleop.recording import MinariRecorder


class Hand(Operator):
    """Gives the elbow while `drives`."""

    drives = False

    def read(self, obs):
        given = np.arange(9) == 3
        return PartialAction(np.where(given, 0.2, 0).astype(np.float32), given & self.drives)


@pytest.fixture(scope="module")
def kitchen():
    env = make_kitchen()
    env.reset(seed=0)
    yield env
    env.close()


def teleoperation(env, new_clock, **options):
    policy = ZeroPolicy(30, env.action_space.low, env.action_space.high)
    clock, hand = new_clock(), Hand()
    options = {"clock": clock, "sleep": clock.sleep, **options}
    return Teleoperation(env, policy, hand, **options), hand


def test_a_taken_port_is_refused_at_once_and_a_free_one_proposed():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port: {port} is taken.* add --port ") as error:
            expect_free("127.0.0.1", port)
        free = int(str(error.value).split("--port ")[1].split(",")[0])
        expect_free("127.0.0.1", free)
        # Before anything that takes long.
        code = (
            "import sys; from mac_control.cli import main\n"
            "try: main()\n"
            "finally: print('torch' in sys.modules, 'mujoco' in sys.modules)"
        )
        command = [sys.executable, "-c", code, "teleoperate", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and f"port: {port} is taken" in done.stderr
        assert done.stdout.split() == ["False", "False"]


def test_the_address_as_a_qr_code_is_square_enough_to_read():
    pytest.importorskip("segno")
    rows = qr_code("http://192.168.1.7:8765/?token=" + "x" * 22).splitlines()
    assert len(rows) > 15 and len({len(row) for row in rows}) <= 2


def test_the_builtin_policy_is_there_or_missed_in_a_sentence():
    try:
        builtin_policy()
    except CheckpointError as error:
        assert "--policy none" in str(error)
        with pytest.raises(CheckpointError, match="builtin: expected the kitchen's policy"):
            load_policy("builtin")
    else:
        assert load_policy("builtin").action_dim == 9


def test_only_episodes_that_somebody_drove_are_kept(kitchen, new_clock, tmp_path):
    for keep_all, expected in ((False, 1), (True, 2)):
        recorder = MinariRecorder(tmp_path / f"{keep_all}-v0", kitchen, keep_all=keep_all)
        loop, hand = teleoperation(kitchen, new_clock, recorder=recorder, paused=True)
        said = []
        loop.notify = recorder.notify = said.append
        assert loop.step() is None and loop.steps == 0  # it waits for Start
        loop.post("start")
        for _ in range(5):
            loop.step()
        assert not loop.driven
        loop.post("success")
        for drives in (True, True, False, False):
            hand.drives = drives
            loop.step()
        assert loop.driven
        loop.post("success")
        hand.drives = False
        loop.step()
        loop.post("reset")
        loop.step()
        loop.recorder.discard()
        loop.close()
        assert recorder.episodes == len(recorder.saved) == expected
        assert ("Episode 1 not kept: nobody drove" in said) == (not keep_all)
        # Half the steps, one of nine dimensions.
        assert "Episode 2 saved: 6 % yours, 0 of 4" in said
        assert "Episode 3 thrown away" in said


def test_undo_and_record_answer(kitchen, new_clock):
    loop, _ = teleoperation(kitchen, new_clock)
    said = []
    loop.notify = said.append
    loop.post("undo")
    loop.step()
    loop.post("undo", 0.08)
    loop.post("success")
    loop.step()
    assert said == [
        "Nothing to undo",
        "Undone: the last 0.1 s",
        "Episode 1 ended: 0 of 4; nothing is recorded",
    ]


def test_the_scene_has_the_colours_of_the_renderer(kitchen):
    scene = pytest.importorskip("mac_control.cockpit.scene")
    shown = scene.coloured(kitchen.model)
    names = [mujoco.mj_id2name(shown, mujoco.mjtObj.mjOBJ_MATERIAL, i) for i in range(shown.nmat)]
    wood = shown.mat_rgba[names.index("kettle_wood"), :3]
    assert wood[0] > wood[1] > wood[2] and wood[0] < 0.85  # brown
    assert shown.mat_rgba[:, :3].max() <= scene.BRIGHTEST + 1e-6
    assert (kitchen.model.mat_rgba[names.index("kettle_wood")] == 1).all()  # untouched


def test_no_camera_ends_in_a_cupboard_or_behind_the_wall(kitchen):
    from mac_control.cockpit.cameras import Cameras
    from mac_control.cockpit.scene import solids

    boxes = solids(kitchen.model, kitchen.data)
    first = tuple(np.array(point) for point in kitchen.camera)
    cameras = Cameras(first, boxes, 0.05, 4.0)
    assert cameras.allowed(first[0])
    inside = boxes.mean(axis=1)
    assert len(inside) > 20 and not any(cameras.allowed(point) for point in inside)
    behind = first[1] + (first[1] - first[0]) * np.array([1, 1, -1])
    assert not cameras.allowed(behind)
    assert not cameras.allowed(first[0] * np.array([1, 1, 0]))  # below the floor
    assert not cameras.allowed(first[1] + 9 * (first[0] - first[1]))

    class Client:
        client_id = 1

        class camera:
            position = look_at = (0.0, 0.0, 0.0)

        def atomic(self):
            from contextlib import nullcontext

            return nullcontext()

    client, hand = Client(), np.array([-0.2, 0.3, 2.0])
    cameras.move(hand, {1: client})
    cameras.show("hand", {1: client})
    assert client.camera.look_at == tuple(hand)
    cameras.move(hand + 0.1, {1: client})  # it goes with the hand
    assert np.allclose(client.camera.look_at, hand + 0.1)
    cameras.show("reset", {1: client})
    assert np.allclose(client.camera.position, first[0])


def test_the_path_ahead_starts_at_the_hand_and_goes_where_the_joints_do(kitchen):
    viser = pytest.importorskip("viser")
    from mac_control.cockpit.hints import Hints
    from mac_control.cockpit.scene import joints_of

    robot = robot_of(kitchen)
    joints = joints_of(kitchen.model, 9)
    assert joints == list(range(9))
    server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
    try:
        hints = Hints(server.scene, kitchen.model, robot, joints, 2.0)
        still = hints.ahead(kitchen.data, np.zeros(9))
        assert np.allclose(still, hints.hand_at(kitchen.data), atol=1e-3)
        turned = hints.ahead(kitchen.data, np.eye(9)[0] * 0.5)  # 0.5 rad/s about the base
        base = kitchen.data.xanchor[0][:2]
        angle = np.diff(np.unwrap(np.arctan2(*(turned[:, 1::-1] - base[::-1]).T)))
        assert np.isclose(angle.sum(), 0.5, atol=0.02)
    finally:
        server.stop()


def test_w_means_the_same_on_the_page_and_in_the_window(kitchen):
    robot = robot_of(kitchen)
    tables = [
        key_table(load_mapping(f"{name}.franka-kitchen", robot), robot.labels, prefix)
        for name, prefix in (("cockpit", "key_"), ("keyboard", ""))
    ]
    for page, window in [(set(tables[0]), set(tables[1]))]:
        assert window <= page
    first = [
        load_mapping(f"{name}.franka-kitchen", robot).modes[0] for name in ("cockpit", "keyboard")
    ]
    assert first == ["hand", "hand"]
    said = lines(tables[1], {"estop": "escape"}, "hand", ["w"], True)
    assert ("", "Driving: W") in said and ("W S", "forward and back") in said
    assert ("Escape", "STOP") in said
    assert lines(tables[1], {}, "hand", [], False)[0][1].startswith("Click here")
