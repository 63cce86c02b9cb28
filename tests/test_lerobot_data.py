"""LeRobotDatasets: read (v2.1, v3.0), written, checked, opened by lerobot itself."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_data_verbs import data

from mac_control import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations import save_lerobot
from mac_control.demonstrations.faults import find_faults
from mac_control.demonstrations.lerobot.meta import Choice, read_meta
from mac_control.demonstrations.lerobot.spec import LeRobotSpec
from mac_control.demonstrations.lerobot.write import LeRobotWriter
from mac_control.dim_names import named_groups
from mac_control.errors import DataError, InputError
from mac_control.robot import ActionDim, Robot
from mac_control.training.mixing import mixed

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ARM = Robot("so", (ActionDim("pan.pos", position=0), ActionDim("gripper.pos")), rate=10.0)


def episode(steps=5, obs=3, dim=2, seed=0, **parts):
    rng = np.random.default_rng(seed)
    return Episode(rng.normal(size=(steps, obs)), rng.uniform(-1, 1, (steps, dim)), **parts)


def assert_same(one, other):
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        for name in ("observations", "actions", "executed", "given", "rewards", "subtasks"):
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None), name
            if x is not None:
                np.testing.assert_array_equal(x, y, name)


@st.composite
def demonstrations(draw):
    seed, dim = draw(st.integers(0, 99)), draw(st.integers(1, 3))
    rng, obs = np.random.default_rng(seed), draw(st.integers(1, 4))
    rewarded, named, interrupted = (draw(st.booleans()) for _ in range(3))
    made = []
    for number, steps in enumerate(draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))):
        parts = {}
        if rewarded:
            parts["rewards"] = rng.normal(size=steps)
        if named:
            parts["subtasks"] = rng.choice(["grasp", "put it there"], steps)
        if interrupted:
            parts["executed"] = rng.uniform(-1, 1, (steps, dim))
            parts["given"] = rng.random((steps, dim)) < 0.5
        made.append(episode(steps, obs, dim, seed + number, **parts))
    robot = Robot("arm", tuple(ActionDim(f"j{i}") for i in range(dim)), rate=10.0)
    return Demonstrations(made, ("grasp",), {"source": "test"}, robot)


@settings(max_examples=20)
@given(demonstrations())
def test_what_is_written_is_read_back(tmp_path_factory, made):
    folder = save_lerobot(made, tmp_path_factory.mktemp("sets") / "set")
    again = load_demonstrations(folder)
    assert_same(made, again)
    assert again.robot == made.robot and again.tasks == made.tasks
    assert list(find_faults(folder)) == []
    table = pq.read_table(next(folder.glob("data/*/*.parquet")))
    for name in table.column_names:
        flat = table.column(name).combine_chunks()
        flat = flat.flatten() if pa.types.is_fixed_size_list(flat.type) else flat
        assert flat.null_count == 0 and np.isfinite(np.asarray(flat, float)).all(), name


def test_large_data_stay_in_a_file(tmp_path, monkeypatch):
    made = Demonstrations([episode(seed=i) for i in range(4)], robot=ARM)
    folder = save_lerobot(made, tmp_path / "set")
    monkeypatch.setenv("MAC_CONTROL_RESIDENT", "0")
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    again = load_demonstrations(folder)
    assert not isinstance(again.episodes, tuple)
    assert_same(made, Demonstrations(list(again), robot=ARM))


def write_v21(folder, episodes, names, tasks=("do it",), codes=None):
    """LeRobot's format 2.1, by hand: a file an episode, metadata in lines of JSON."""
    (folder / "meta").mkdir(parents=True)
    (folder / "data" / "chunk-000").mkdir(parents=True)
    obs, dim = episodes[0].observations.shape[1], episodes[0].actions.shape[1]
    counters = ("timestamp", "frame_index", "episode_index", "index", "task_index")
    features = {
        "observation.state": {"dtype": "float32", "shape": [obs], "names": None},
        "observation.effort": {"dtype": "float32", "shape": [dim], "names": None},
        "action": {"dtype": "float32", "shape": [dim], "names": names},
        "observation.images.top": {"dtype": "video", "shape": [4, 4, 3], "names": None},
        **{name: {"dtype": "int64", "shape": [1], "names": None} for name in counters},
    }
    first, lines, stats = 0, [], []
    for i, each in enumerate(episodes):
        steps = np.arange(len(each))
        columns = {
            "observation.state": each.observations.tolist(),  # lists of no fixed size
            "observation.effort": (each.actions * 2).tolist(),
            "action": pa.FixedSizeListArray.from_arrays(pa.array(each.actions.ravel()), dim),
            "timestamp": np.float32(steps / 10),
            "frame_index": steps,
            "episode_index": steps * 0 + i,
            "index": first + steps,
            "task_index": steps * 0 if codes is None else codes[: len(steps)],
        }
        pq.write_table(pa.table(columns), folder / f"data/chunk-000/episode_{i:06d}.parquet")
        lines.append(json.dumps({"episode_index": i, "tasks": list(tasks), "length": len(each)}))
        ends = {"min": each.actions.min(0).tolist(), "max": each.actions.max(0).tolist()}
        stats.append(json.dumps({"episode_index": i, "stats": {"action": ends}}))
        first += len(each)
    info = {
        "codebase_version": "v2.1",
        "robot_type": "test_arm",
        "total_episodes": len(episodes),
        "total_frames": first,
        "chunks_size": 1000,
        "fps": 10,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "features": features,
    }
    (folder / "meta" / "info.json").write_text(json.dumps(info))
    (folder / "meta" / "episodes.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "meta" / "episodes_stats.jsonl").write_text("\n".join(stats) + "\n")
    named = [json.dumps({"task_index": i, "task": text}) for i, text in enumerate(tasks)]
    (folder / "meta" / "tasks.jsonl").write_text("\n".join(named) + "\n")
    return folder


def test_version_2_1_with_tasks_that_name_frames(tmp_path, capsys):
    made = [episode(4), episode(6, seed=1)]
    codes = np.array([0, 0, 1, 1, 1, 1])
    folder = write_v21(
        tmp_path / "v2", made, [["left_elbow", "left_gripper"]], ("reach", "grasp"), codes
    )
    read = load_demonstrations(folder)
    np.testing.assert_array_equal(read.actions, Demonstrations(made).actions)
    assert read[0].subtasks.tolist() == ["reach", "reach", "grasp", "grasp"]
    robot = read.robot
    assert (robot.name, robot.rate) == ("test_arm", 10)
    assert [action.name for action in robot.actions] == ["left_elbow", "left_gripper"]
    assert (robot.low < read.actions.min(0)).all() and (robot.high > read.actions.max(0)).all()
    assert "observation.images.top" in capsys.readouterr().err
    load_demonstrations(folder)
    assert capsys.readouterr().err == ""  # said once
    assert list(find_faults(folder)) == []


def test_features_are_chosen_by_name(tmp_path):
    folder = write_v21(tmp_path / "v2", [episode()], {"motors": ["a", "b"]})
    chosen = load_demonstrations(f"{folder}:state=observation.effort,observation.state")
    assert chosen.obs_dim == 5
    np.testing.assert_array_equal(chosen.observations[:, :2], 2 * chosen.actions)
    with pytest.raises(InputError, match=r"expected a feature out of .*observation.effort"):
        load_demonstrations(f"{folder}:state=observation.efort")


def test_dimension_names_make_groups():
    arms = ["left_waist", "left_grip_jaw", "right_waist", "right_grip_jaw"]
    assert named_groups(arms) == {
        "left_arm": (0,),
        "arms": (0, 2),
        "left": (0, 1),
        "left_gripper": (1,),
        "grippers": (1, 3),
        "right_arm": (2,),
        "right": (2, 3),
        "right_gripper": (3,),
    }
    assert named_groups(["shoulder", "gripper"]) == {"arm": (0,)}  # gripper is a name already
    assert named_groups(["x", "y"]) == {}


def test_sets_whose_box_is_their_range_are_mixed_in_the_box_of_both(tmp_path):
    names = ["left_elbow", "left_wrist"]
    sets = [
        load_demonstrations(write_v21(tmp_path / str(i), [episode(seed=i)], names))
        for i in range(2)
    ]
    robots = [each.robot for each in sets]
    both = mixed(sets).robot
    assert both.low.tolist() == np.minimum(*[robot.low for robot in robots]).tolist()
    assert both.high.tolist() == np.maximum(*[robot.high for robot in robots]).tolist()
    described = Demonstrations(sets[0].episodes, robot=replace(robots[0], name="mine"))
    assert mixed([*sets, described]).robot.name == "mine"
    nameless = Demonstrations(sets[0].episodes)
    for order in ([nameless, sets[0]], [sets[0], nameless]):
        with pytest.raises(InputError, match="a set that names none; name it by --env or --robot"):
            mixed(order)


def test_a_robot_in_percent_keeps_its_box(tmp_path):
    made = Demonstrations([Episode(np.zeros((3, 2)), [[-90, 5], [20, 90], [0, 0]])])
    folder = write_v21(tmp_path / "v2", list(made), ["pan.pos", "gripper.pos"])
    robot = load_demonstrations(folder).robot
    assert robot.low.tolist() == [-100, 0] and robot.high.tolist() == [100, 100]
    # A guess, which yields to a recording of the robot itself.
    wide = [replace(dim, low=-110.0, high=110.0) for dim in robot.actions]
    known = replace(made, robot=replace(robot, actions=tuple(wide)))
    driven = load_demonstrations(save_lerobot(known, tmp_path / "driven"))
    assert mixed([load_demonstrations(folder), driven]).robot.high.tolist() == [110, 110]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: next(f.glob("data/*/*")).write_bytes(b"PAR1"), "whole parquet file"),
        (lambda f: next(f.glob("data/*/*")).unlink(), "no such file"),
        (lambda f: (f / "meta/tasks.parquet").write_bytes(b""), "parquet"),
        (lambda f: (f / "meta/info.json").write_text("{"), "JSON"),
        (lambda f: (f / "meta/info.json").write_text('{"codebase_version": "v9"}'), "version"),
        (lambda f: [p.unlink() for p in f.glob("meta/episodes/*/*")], "meta/episodes"),
        (
            lambda f: next(f.glob("data/*/*")).write_bytes(b"version https://git-lfs.github.com"),
            "git lfs pull",
        ),
    ],
)
def test_damage_is_one_sentence(tmp_path, damage, sentence):
    folder = save_lerobot(Demonstrations([episode()], robot=ARM), tmp_path / "set")
    damage(folder)
    with pytest.raises(DataError, match=sentence):
        load_demonstrations(folder)
    assert len(list(find_faults(folder))) == 1


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("episodes.jsonl", lambda found: found.pop("episode_index"), "a line of something else"),
        (
            "episodes.jsonl",
            lambda found: found.update(episode_index=None),
            "expected data_path and",
        ),
        ("episodes.jsonl", lambda found: found.pop("length"), "expected data_path and lengths"),
        ("info.json", lambda found: found.update(data_path=None), "expected text, got None"),
        ("info.json", lambda found: found.update(chunks_size=0), "at least 1, got 0"),
        ("info.json", lambda found: found.pop("chunks_size"), "at least 1, got None"),
    ],
)
def test_damaged_metadata_of_version_2_1_are_one_sentence(tmp_path, file, change, sentence):
    path = write_v21(tmp_path / "set", [episode()], ["a", "b"]) / "meta" / file
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(DataError, match=sentence):
        load_demonstrations(tmp_path / "set")


def test_faults_are_named_with_episode_and_step(tmp_path):
    made = Demonstrations([episode(), episode(seed=1)], robot=ARM)
    folder = save_lerobot(made, tmp_path / "set")
    path = next(folder.glob("data/*/*"))
    table = pq.read_table(path).to_pydict()
    table["observation.state"][6][1] = float("nan")
    table["timestamp"][2] = 7.0
    shapes = {"action": 2, "observation.state": 3}
    columns = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(np.float32(values).ravel()), shapes[name])
        if name in shapes
        else pa.array(values)
        for name, values in table.items()
    }
    pq.write_table(pa.table(columns), path)
    (folder / "data" / "chunk-000" / "file-007.parquet").write_bytes(path.read_bytes())
    faults = "\n".join(find_faults(folder))
    assert "episode 1: observation.state: numbers that are not finite, first at step 1" in faults
    assert "episode 0: timestamp" in faults and "listed nowhere" in faults
    with pytest.raises(DataError, match="episode 1"):
        load_demonstrations(folder)


def test_a_recording_grows_and_is_whole_after_each_episode(tmp_path):
    spec = LeRobotSpec.of_robot(ARM, 3, given=True)
    made = [
        episode(seed=i, given=np.array([[i > 0, False]] * 5), executed=np.zeros((5, 2)))
        for i in range(3)
    ]
    with LeRobotWriter(tmp_path / "set", spec) as writer:
        writer.add(made[0], "pick")
        assert_same(load_demonstrations(tmp_path / "set"), made[:1])
        writer.add(made[1], "place")
    # Killed between two renames: the data of an episode that nothing lists, or one not counted.
    data_file = tmp_path / "set" / "data" / "chunk-000" / "file-002.parquet"
    data_file.write_bytes(b"half")
    info = tmp_path / "set" / "meta" / "info.json"
    info.write_text(info.read_text().replace('"total_episodes": 2', '"total_episodes": 1'))
    with LeRobotWriter(tmp_path / "set", spec) as writer:
        assert writer.episodes == 2 and not data_file.exists()
        writer.add(made[2], "pick")
    named = [
        replace(each, subtasks=[task] * 5)  # of several tasks each frame says its own
        for each, task in zip(made, ("pick", "place", "pick"), strict=True)
    ]
    assert_same(load_demonstrations(tmp_path / "set"), named)
    assert list(find_faults(tmp_path / "set")) == []
    assert read_meta(Choice(tmp_path / "set")).tasks == ("pick", "place")
    rows = pq.read_table(data_file).to_pydict()
    assert rows["complementary_info.is_intervention"] == [True] * 5
    with pytest.raises(DataError, match="another folder"):
        LeRobotWriter(tmp_path / "set", LeRobotSpec.of_robot(ARM, 3))


def test_nothing_is_left_of_a_failed_write(tmp_path):
    made = Demonstrations([episode()], robot=ARM)
    save_lerobot(made, tmp_path / "set")
    with pytest.raises(InputError, match="new folder"):
        save_lerobot(made, tmp_path / "set")
    with pytest.raises(InputError, match="control rate"):
        save_lerobot(Demonstrations([episode()]), tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_verbs_take_a_folder(tmp_path, capsys):
    save_lerobot(Demonstrations([episode()], robot=ARM), tmp_path / "set")
    data("info", "--data", tmp_path / "set")
    data("check", "--data", tmp_path / "set")
    data("convert", "--data", tmp_path / "set", "--out", tmp_path / "minari")
    data("convert", "--data", tmp_path / "minari", "--to", "lerobot", "--out", tmp_path / "back")
    made = load_demonstrations(tmp_path / "set")
    for other in ("minari", "back"):
        again = load_demonstrations(tmp_path / other)
        np.testing.assert_array_equal(again.actions, made.actions)
        np.testing.assert_array_equal(again.observations, made.observations)
        assert again.robot == made.robot
    assert "pan.pos" in capsys.readouterr().out
    data("replay", "--data", tmp_path / "set", status=2)
    assert "name it (--env)" in capsys.readouterr().err


def test_real_data_of_a_humanoid(data_folder):
    if not (folder := data_folder / "lerobot_g1").is_dir():
        pytest.skip("needs lerobot_g1 in the folder that MAC_CONTROL_DATA names")
    read = load_demonstrations(folder)
    assert (len(read), read.lengths.sum(), read.obs_dim, read.action_dim) == (100, 35965, 26, 26)
    assert read.robot.rate == 30
    assert read.robot.dims("left_arm") == tuple(range(7))
    assert read.robot.dims("hands") == tuple(range(14, 26))
    assert list(find_faults(folder)) == []


def test_real_data_of_version_3(data_folder, tmp_path):
    if not (folder := data_folder / "lerobot_v3").is_dir():
        pytest.skip("needs lerobot_v3 in the folder that MAC_CONTROL_DATA names")
    read = load_demonstrations(folder)
    assert (len(read), read.lengths.sum()) == (4, 1492)
    assert read.robot.groups == {"arm": (0, 1, 2, 3, 4), "gripper": (5,)}
    again = load_demonstrations(save_lerobot(read, tmp_path / "set"))
    assert_same(read, again)
    assert read.robot == again.robot


OPENS = """
import sys
from lerobot.datasets.lerobot_dataset import LeRobotDataset
for folder in sys.argv[1:]:
    found = LeRobotDataset("ours/set", root=folder)
    frames = [found[i] for i in range(len(found))]
    assert [int(f["index"]) for f in frames] == list(range(len(found)))
    assert found.meta.stats["action"]["mean"].shape == frames[0]["action"].shape
    corrected = [bool(f["complementary_info.is_intervention"]) for f in frames]
    print(len(found), found.num_episodes, frames[0]["task"], frames[-1]["task"], corrected[0])
"""


def lerobot_python():
    """An interpreter that has lerobot; skips where there is none."""
    if named := os.environ.get("MAC_CONTROL_LEROBOT_PYTHON"):
        return named
    if importlib.util.find_spec("lerobot") is None:
        pytest.skip("needs lerobot: MAC_CONTROL_LEROBOT_PYTHON names no interpreter that has it")
    return sys.executable


def test_lerobot_itself_opens_what_is_written(tmp_path):
    python = lerobot_python()
    half = np.array([[True, False]] * 5)
    made = [episode(given=half, executed=np.zeros((5, 2))), episode(seed=1)]
    save_lerobot(Demonstrations(made, robot=ARM), tmp_path / "whole", task="push")
    with LeRobotWriter(tmp_path / "grown", LeRobotSpec.of_robot(ARM, 3, given=True)) as writer:
        for each in made:
            writer.add(each, "push")
    command = [python, "-c", OPENS, str(tmp_path / "whole"), str(tmp_path / "grown")]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    ran = subprocess.run(command, env=offline, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["10 2 push push True"] * 2


def test_pyarrow_is_asked_for(tmp_path):
    save_lerobot(Demonstrations([episode()], robot=ARM), tmp_path / "set")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from mac_control import load_demonstrations\n"
        f"load_demonstrations({str(tmp_path / 'set')!r})"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'mac-control[lerobot-data]'" in ran.stderr.splitlines()[-1]
    assert Path(tmp_path / "set").exists()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (0.2, 0.3)])
def test_a_gripper_is_a_position_target_whatever_its_range(tmp_path, low, high):
    actions = np.array([[0.0, low], [1.0, high], [0.5, high]])
    made = Demonstrations([Episode(np.zeros((3, 2)), actions)])
    folder = write_v21(tmp_path / "set", list(made), ["elbow", "gripper"])
    gripper = load_demonstrations(folder).robot.actions[1]
    assert gripper.is_target and not gripper.is_rate
    assert gripper.high > high and (gripper.low < low or gripper.low == low == 0)
