"""Films: of rollouts, of what an evaluation rates, and what is said where none can be made."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from mac_control import InputError, evaluate
from mac_control.checkpoint import save_policy
from mac_control.cli import run
from mac_control.envs import make_kitchen
from mac_control.envs.make import make_filmed
from mac_control.envs.name import EnvName
from mac_control.loop import groups
from mac_control.loop.captions import POLICY, captioned
from mac_control.loop.video import WatchedEnv, WatchedOperator, record_video
from mac_control.operators import Nobody
from mac_control.policies.bc import BC
from mac_control.scripts.rollout import main


@pytest.fixture
def bc(tmp_path):
    """A checkpoint of a policy that was never trained."""
    ends = np.ones(9, np.float32)
    policy = BC(BC.Config(width=8), np.zeros(30), np.ones(30), -ends, ends)
    return save_policy(tmp_path / "bc", policy)


def test_the_verb_rollout_films(bc, renderer, tmp_path, capsys):
    imageio = pytest.importorskip("imageio")
    path = tmp_path / "film.mp4"
    options = ["--policy", bc, "--steps", 2, "--video", path, "--episodes", 2]
    with pytest.raises(SystemExit) as ended:
        run(main, [str(option) for option in options])
    status = ended.value.code
    error = capsys.readouterr().err
    assert status == 0, error
    with imageio.get_reader(path) as film:
        assert film.count_frames() == 2 * 3
        picture = film.get_data(1)
    assert picture.shape == (592, 480, 3) and picture.std() > 10


def test_what_is_filmed_is_the_episode_that_is_rated(bc, renderer, tmp_path):
    imageio = pytest.importorskip("imageio")
    env = EnvName("kitchen", {"tasks": "complete", "max_episode_steps": 4})
    group = groups.Group(
        case=0,
        seeds=(3, 4),
        policy=str(bc),
        operator="random",
        num_given=3,
        proxy=None,
        demonstrations=None,
        env=env,
    )
    plain = groups.run_group(group)
    files = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    for file in files:  # a second one in this process is no blacker than the first
        filmed = groups.run_group(replace(group, video=str(file)))
        assert (filmed.rewards, filmed.metrics) == (plain.rewards, plain.metrics)
    for file in files:
        with imageio.get_reader(file) as film:
            assert film.count_frames() == 5 and film.get_data(1).std() > 10


def test_a_scene_that_shows_nothing_before_its_first_reset_is_filmed(renderer, tmp_path):
    imageio = pytest.importorskip("imageio")
    env = WatchedEnv(make_filmed(EnvName("hand", {"task": "door"})))
    path = tmp_path / "hand.mp4"
    with record_video(env, path, WatchedOperator(Nobody(28))) as picture:
        env.reset(seed=0)
        for _ in range(5):  # of a film that was read to its end imageio leaves pipes open
            picture()
    env.close()
    with imageio.get_reader(path) as film:
        assert film.get_data(1).std() > 10


def test_bars_begin_behind_the_longest_name():
    labels = [
        f"{finger} finger {part}" for finger in ("first", "middle") for part in ("tip", "mcp")
    ]
    labels += ["little finger palm fold", "middle finger knuckle", "z"]
    blank = np.zeros((480, 480, 3), np.uint8)
    panel = captioned(blank, labels, np.zeros(7, bool), -np.ones(7))[480:].astype(int)
    text = (panel.min(-1) > 120) & (np.ptp(panel, axis=-1) < 12)
    bars = (np.abs(panel - POLICY).sum(-1) == 0) & (np.arange(len(panel)) > 20)[:, None]
    assert text.any() and bars.any() and not text[:, bars.any(0)].any()


def test_what_films_need_is_asked_for_before_any_episode(bc, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio", None)  # as if it were not installed
    rows = []
    with pytest.raises(InputError, match=r"pip install 'mac-control\[video\]'"):
        evaluate([bc], episodes=1, videos=tmp_path / "videos", on_row=rows.append)
    assert rows == [] and not (tmp_path / "videos").exists()


@pytest.mark.parametrize("name", ["film.txt", "film"])
def test_a_film_of_no_format_is_refused(tmp_path, name):
    pytest.importorskip("imageio_ffmpeg")
    with (
        pytest.raises(InputError, match=r"video: expected a file that ends in \.mp4"),
        record_video(make_kitchen(), tmp_path / name),
    ):
        raise AssertionError
    assert not list(tmp_path.iterdir())
