"""Gathering survives kill -9, goes on where it stopped, and does not depend on the workers."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mac_control.collection.generate import generate_dataset, shards
from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.errors import DataError, InputError

SETTINGS = {"strength": 0.1, "dims": (1, 2)}


def random_episode(item: int) -> Episode | None:
    """An episode that follows from its item alone; every third is left out."""
    if item % 3 == 2:
        return None
    rng = np.random.default_rng(item)
    steps = 5 + item
    obs, actions = rng.normal(size=(steps, 4)), rng.uniform(-1, 1, (steps, 2))
    subtasks = np.array(["reach"] * steps)
    return Episode(obs, actions, actions / 2, np.ones(steps), subtasks if item % 2 else None)


def slow_episode(item: tuple[int, str]) -> Episode | None:
    """Leaves a mark that it was made; the second half waits until it may go on."""
    index, folder = item
    with open(Path(folder) / f"{index}.made", "a") as file:
        file.write("x")
    while index >= 8 and not Path(folder).with_name("go").exists():
        time.sleep(0.01)
    return random_episode(index)


def assert_same(left: Demonstrations, right: Demonstrations) -> None:
    assert len(left) == len(right)
    for a, b in zip(left, right, strict=True):
        for name in ("observations", "actions", "executed", "rewards", "subtasks"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_the_data_set_holds_the_episodes_in_the_order_of_the_items(tmp_path):
    made = generate_dataset(
        random_episode, range(7), tmp_path / "set", SETTINGS, ["kettle"], workers=1
    )
    expected = Demonstrations([e for e in map(random_episode, range(7)) if e is not None])
    assert_same(made, expected)
    read = load_demonstrations(tmp_path / "set")
    assert_same(read, expected)
    assert read.tasks == ("kettle",)
    settings = read.provenance["origin"]["settings"]
    assert settings == {"strength": 0.1, "dims": [1, 2], "items": 7}
    assert not shards(tmp_path / "set").exists()


def test_the_number_of_workers_makes_no_difference(tmp_path):
    for workers in (1, 2):
        generate_dataset(
            random_episode, range(8), tmp_path / str(workers), SETTINGS, workers=workers
        )
    assert_same(load_demonstrations(tmp_path / "1"), load_demonstrations(tmp_path / "2"))


def test_after_kill_9_only_the_episodes_in_flight_are_made_again(tmp_path):
    count, workers, marks, out = 16, 2, tmp_path / "marks", tmp_path / "set"
    marks.mkdir()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_gather import *;"
        "run = sys.argv[2:]; items = [(i, run[0]) for i in range(int(run[2]))];"
        "generate_dataset(slow_episode, items, run[1], SETTINGS, workers=int(run[3]))"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, here, marks, out, str(count), str(workers)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(list(shards(out).glob("0*.npz"))) < 5:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    marks.with_name("go").touch()
    finished = len(list(shards(out).glob("0*.npz")))
    assert 5 <= finished < count
    assert not out.exists()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    made = [len(path.read_text()) for path in marks.iterdir()]
    assert len(made) == count
    assert sum(made) - count <= workers, "more was made again than was in flight"
    expected = [e for e in map(random_episode, range(count)) if e is not None]
    assert_same(load_demonstrations(out), Demonstrations(expected))


def interrupted(item: int) -> Episode | None:
    if item == 3:
        raise KeyboardInterrupt
    return random_episode(item)


def test_other_settings_do_not_go_on_with_what_is_there(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        generate_dataset(interrupted, range(5), tmp_path / "set", SETTINGS, workers=1)
    with pytest.raises(InputError, match=r"\{'strength': 0.1\}, got \{'strength': 0.2\}"):
        generate_dataset(
            random_episode, range(5), tmp_path / "set", SETTINGS | {"strength": 0.2}, workers=1
        )
    generate_dataset(random_episode, range(5), tmp_path / "set", SETTINGS, workers=1)
    assert len(load_demonstrations(tmp_path / "set")) == 4


def test_a_finished_data_set_is_read_with_the_same_settings_and_never_overwritten(tmp_path):
    made = generate_dataset(random_episode, range(2), tmp_path / "set", SETTINGS, workers=1)
    shards(tmp_path / "set").mkdir()  # a kill came before they were removed
    assert_same(
        generate_dataset(random_episode, range(2), tmp_path / "set", SETTINGS, workers=1), made
    )
    assert not shards(tmp_path / "set").exists()
    (tmp_path / "other").mkdir()
    for name, settings in (("set", SETTINGS | {"strength": 0.2}), ("other", SETTINGS)):
        with pytest.raises(InputError, match="free"):
            generate_dataset(random_episode, range(2), tmp_path / name, settings, workers=1)
    assert_same(load_demonstrations(tmp_path / "set"), made)


def test_nothing_kept_is_an_error(tmp_path):
    with pytest.raises(
        DataError, match="expected an episode that succeeds, or reaches min_reward, got none in 1"
    ):
        generate_dataset(random_episode, [2], tmp_path / "set", SETTINGS, workers=1)
