"""`mac-control data edit`: episodes deleted, split and merged, whole or not at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_data_verbs import data

from mac_control import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations import save_lerobot, save_minari
from mac_control.demonstrations.edit import edited
from mac_control.errors import InputError
from mac_control.robot import ActionDim, Robot

ROBOT = Robot("one", (ActionDim("a"),), rate=10.0)


def numbered(lengths):
    """Episodes of one number a frame: how many frames came before it in all."""
    made, first = [], 0
    for steps in lengths:
        row = np.arange(first, first + steps)[:, None] / 100
        made.append(Episode(row, row - 0.5, rewards=row[:, 0], subtasks=["go"] * steps))
        first += steps
    return Demonstrations(made, robot=ROBOT)


@st.composite
def edits(draw):
    lengths = draw(st.lists(st.integers(2, 5), min_size=3, max_size=7))
    order = draw(st.permutations(range(len(lengths))))
    cut = draw(st.integers(0, len(order) - 2))
    deleted, rest = order[:cut], order[cut:]
    split = {rest[0]: draw(st.integers(1, lengths[rest[0]] - 1))} if draw(st.booleans()) else {}
    merged = [rest[1:]] if len(rest) > 2 and draw(st.booleans()) else []
    return lengths, deleted, split, merged


@settings(max_examples=40)
@given(edits())
def test_no_frame_is_lost_or_doubled_but_those_deleted(drawn):
    lengths, deleted, split, merged = drawn
    made = numbered(lengths)
    after = edited(made, delete=deleted, split=split, merge=merged)
    gone = [made[i].observations for i in deleted]
    frames = np.concatenate([*gone, after.observations])
    np.testing.assert_array_equal(np.sort(frames, 0), made.observations)
    np.testing.assert_allclose(after.actions, after.observations - 0.5, atol=1e-6)
    count = len(lengths) - len(deleted) + len(split) - sum(len(g) - 1 for g in merged)
    assert len(after) == count
    assert all(episode.subtasks is not None for episode in after)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        ({"delete": [3]}, "from 0 to 2"),
        ({"delete": [0, 1, 2]}, "to stay"),
        ({"delete": [1], "split": {1: 1}}, "in one edit"),
        ({"split": {0: 4}}, "from 1 to 3"),
        ({"merge": [[1]]}, "at least two"),
    ],
)
def test_an_edit_that_cannot_be_is_one_sentence(edit, sentence):
    with pytest.raises(InputError, match=sentence):
        edited(numbered([4, 4, 4]), **edit)


@pytest.mark.parametrize("save", [save_lerobot, save_minari])
def test_the_verb_writes_the_same_kind(tmp_path, save, capsys):
    if save is save_lerobot:
        pytest.importorskip("pyarrow")
    save(numbered([4, 5, 6]), tmp_path / "set")
    one = ["edit", "--data", tmp_path / "set", "--out"]
    data(*one, tmp_path / "new", "--delete", "0", "--split", "1:2")
    assert load_demonstrations(tmp_path / "new").lengths.tolist() == [2, 3, 6]
    assert (tmp_path / "new" / "meta").exists() == (save is save_lerobot)
    data(*one, tmp_path / "set", "--merge", "0+2", status=2)  # it is there
    assert load_demonstrations(tmp_path / "set").lengths.tolist() == [4, 5, 6]
    data(*one, tmp_path / "set", "--merge", "0+2", "--overwrite")
    assert load_demonstrations(tmp_path / "set").lengths.tolist() == [10, 5]
    data(*one, tmp_path / "x", "--split", "1", status=2)
    assert "EPISODE:FRAME" in capsys.readouterr().err


def test_large_data_stay_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_RESIDENT", "0")
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    save_minari(numbered([4, 5]), tmp_path / "set")
    after = edited(load_demonstrations(tmp_path / "set"), split={1: 2})
    assert not isinstance(after.episodes, tuple) and after.lengths.tolist() == [4, 2, 3]


def test_edits_of_other_episodes_of_large_data_are_others(tmp_path, monkeypatch):
    monkeypatch.setenv("MAC_CONTROL_RESIDENT", "0")
    monkeypatch.setenv("MAC_CONTROL_CACHE", str(tmp_path / "cache"))
    first, *rest = numbered([4, 5, 6])
    save_minari(Demonstrations([first, replace(rest[0], failed=True), rest[1]]), tmp_path / "set")
    whole, good = (load_demonstrations(tmp_path / "set", failed=failed) for failed in (True, False))
    assert edited(whole, delete=[0]).lengths.tolist() == [5, 6]
    after = edited(good, delete=[0])
    assert after.lengths.tolist() == [6] and not after.failed.any()
