"""Minari data sets that are damaged, half written or far away."""

import json
import shutil

import gymnasium
import numpy as np
import pytest
from minari.data_collector import EpisodeBuffer

from mac_control import DataError, Demonstrations, Episode, InputError, load_demonstrations
from mac_control.demonstrations import save_minari
from mac_control.demonstrations.minari_write import write_minari

pytestmark = pytest.mark.usefixtures("minari_root")


def test_a_failed_write_leaves_nothing(tmp_path):
    good = Demonstrations([Episode(np.zeros((3, 2)), np.zeros((3, 1)))])
    save_minari(good, tmp_path / "set")
    bad = Demonstrations(good.episodes, (), {"not json": object()})
    with pytest.raises(InputError, match="JSON"):
        save_minari(bad, tmp_path / "set", overwrite=True)
    broken = Demonstrations(good.episodes)
    object.__setattr__(broken[0], "rewards", "none")
    with pytest.raises(TypeError):  # a fault in the middle of writing
        save_minari(broken, tmp_path / "other")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set"]


@pytest.fixture
def saved_folder(tmp_path):
    episode = Episode(np.zeros((3, 2)), np.zeros((3, 1)), rewards=np.zeros(3))
    return save_minari(Demonstrations([episode] * 2), tmp_path / "set")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda data: (data / "main_data.hdf5").unlink(), "no such file"),
        (
            lambda data: (data / "main_data.hdf5").write_text("version https://git-lfs"),
            "Git LFS pointer",
        ),
        (
            lambda data: (data / "main_data.hdf5").write_bytes(
                (data / "main_data.hdf5").read_bytes()[:5000]
            ),
            "whole Minari data set of 2",
        ),
        (lambda data: (data / "metadata.json").write_text("{"), "Minari metadata"),
        (lambda data: (data / "metadata.json").write_text("[]"), "Minari metadata"),
        (lambda data: change(data, total_episodes=5), "of 5 episodes"),
        (lambda data: change(data, action_space=None), "action space"),
        (lambda data: change(data, data_format="tape"), "tape"),
    ],
)
def test_damaged_data_sets_are_one_sentence(saved_folder, spoil, words):
    spoil(saved_folder / "data")
    with pytest.raises(DataError, match=words) as caught:
        load_demonstrations(saved_folder)
    assert "\n" not in str(caught.value)


def change(data, **values):
    metadata = json.loads((data / "metadata.json").read_text())
    (data / "metadata.json").write_text(json.dumps(metadata | values))


def test_a_number_that_is_not_finite_is_named(minari_root):
    space = gymnasium.spaces.Box(-1, 1, (1,))
    bad = np.array([[0.0], [np.nan], [0.0]], np.float32)
    buffers = [
        EpisodeBuffer(
            observations=np.zeros((4, 1), np.float32),
            actions=actions,
            rewards=[0.0] * 3,
            terminations=[False] * 3,
            truncations=[False] * 3,
        )
        for actions in (np.zeros((3, 1), np.float32), bad)
    ]
    write_minari("bad-v0", buffers, space, space)
    with pytest.raises(DataError, match=r"bad-v0: episode 1: actions.*step 1"):
        load_demonstrations("bad-v0")


def test_no_network_is_said_at_once():
    with pytest.raises(DataError, match=r"D4RL/kitchen/mixed-v2.*network") as caught:
        load_demonstrations("D4RL/kitchen/mixed-v2")
    assert "\n" not in str(caught.value)


def test_a_data_set_is_fetched_by_minaris_own_downloader(monkeypatch, tmp_path, saved_folder):
    from minari.storage import remotes

    class Folder(remotes.CloudStorage):
        """A remote that is a folder: the transport, not the download, is replaced."""

        def __init__(self, name, token=None):
            pass

        def list_datasets(self, prefix=None):
            return ["far-v0"] if "far".startswith(prefix or "") else []

        def get_dataset_metadata(self, dataset_id):
            return json.loads((saved_folder / "data" / "metadata.json").read_text()) | {
                "dataset_id": dataset_id
            }

        def download_dataset(self, dataset_id, path):
            shutil.copytree(saved_folder, path / dataset_id, dirs_exist_ok=True)

    for name in (
        "upload_dataset",
        "upload_namespace",
        "list_namespaces",
        "download_namespace_metadata",
    ):
        setattr(Folder, name, None)
    Folder.__abstractmethods__ = frozenset()
    monkeypatch.setitem(remotes._registry, "folder", lambda: Folder)
    monkeypatch.setenv("MINARI_REMOTE", "folder://there")
    assert len(load_demonstrations("far-v0")) == 2
    with pytest.raises(DataError, match="unknown-v0"):
        load_demonstrations("unknown-v0")
