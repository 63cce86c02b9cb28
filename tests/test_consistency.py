"""A consistency model: what its teacher reaches in many steps, in one."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from mac_control import InputError, PartialAction
from mac_control.checkpoint import load_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.errors import CheckpointError
from mac_control.policies.consistency import Consistency, ConsistencyConfig
from mac_control.policies.diffusion import DiffusionConfig
from mac_control.policies.peers import Noised
from mac_control.suites import PolicySpec, Size
from mac_control.suites.dial import DIAL
from mac_control.suites.training import train_entrants
from mac_control.training import TrainConfig, train

CONFIG = TrainConfig(steps=600, batch_size=64, warmup=5, lr=3e-3, ema=0.9)


@pytest.fixture(scope="module")
def demonstrations():
    """Both dimensions lie near 0.6, or near -0.6, the same in both."""
    rng = np.random.default_rng(0)
    side = rng.choice([-0.6, 0.6], (128, 1))
    action = side + 0.05 * rng.normal(size=(128, 2))
    return Demonstrations([Episode(1e-3 * rng.normal(size=(128, 2)), action)])


@pytest.fixture(scope="module")
def teacher(demonstrations, tmp_path_factory):
    config = DiffusionConfig(width=32, depth=2)
    return _trained("diffusion", demonstrations, tmp_path_factory.mktemp("teacher"), config, 1200)


@pytest.fixture(scope="module")
def student(demonstrations, teacher, tmp_path_factory):
    config = ConsistencyConfig(teacher=str(teacher))
    return _trained("consistency", demonstrations, tmp_path_factory.mktemp("student"), config, 1500)


def _trained(name, data, out, policy_config, steps, **options):
    config = dataclasses.replace(CONFIG, steps=steps)
    (folder,) = train(
        name, data, out, policy_config=policy_config, config=config, progress=False, **options
    )
    return folder


def _ends(policy, obs, noise):
    """Where the teacher's steps lead from this noise, and where one jump does."""
    x, scheduler = noise, policy._scheduler
    for level in scheduler.timesteps:
        guess = policy(x, level.expand(len(x)), obs)
        x = scheduler.step(guess, int(level), x).prev_sample
    return x


def test_distilling_brings_one_jump_near_to_what_the_teacher_reaches(teacher, student):
    taught, learnt = load_policy(teacher), load_policy(student)
    assert learnt.config.width == 32 and learnt.config.teacher_weights
    new = Consistency(learnt.config, *learnt.box)
    generator = torch.Generator().manual_seed(0)
    obs, noise = torch.zeros(500, 2), torch.randn(500, 2, generator=generator)
    with torch.inference_mode():
        taught._scheduler.set_timesteps(taught.config.iterations)
        ends, first = _ends(taught, obs, noise), torch.zeros(500, dtype=torch.long)
        off = [float((p.jump(noise, first, obs) - ends).abs().mean()) for p in (new, learnt)]
        assert 0.3 < float(ends.abs().mean()) < 0.7 and float(ends.std()) > 0.3  # two sides
        last = torch.full((500,), taught.config.iterations)
        assert torch.equal(learnt.jump(noise, last, obs), noise)  # data stay
    assert off[1] < 0.4 * off[0] and off[1] < 0.15


def test_the_dial_goes_as_far_as_the_teachers_in_one_evaluation(teacher, student):
    taught, policy = load_policy(teacher), load_policy(student)
    obs, far = np.zeros((300, 2), np.float32), np.full((300, 2), 0.95, np.float32)
    asked = []
    policy.network.register_forward_hook(lambda *_: asked.append(1))
    for share in (0.0, 0.2, 0.4, 0.7, 1.0):
        moved, wanted = (
            (p.reset(seed=0), p.denoised(obs, far, share))[1] for p in (policy, taught)
        )
        assert len(asked) == (share > 0)
        asked.clear()
        assert (np.abs(moved) <= 1 + 1e-6).all()
        assert np.array_equal(moved, far) == (share == 0)
        # As near to what was learnt, and as often on the side of the command.
        off = [float(np.abs(np.abs(each) - 0.6).mean()) for each in (moved, wanted)]
        assert off[0] == pytest.approx(off[1], abs=0.08)
        assert (moved > 0).mean() == pytest.approx((wanted > 0).mean(), abs=0.1)


def test_it_fills_in_what_is_not_given_and_is_a_way_to_share_control(student):
    policy = load_policy(student)
    obs = np.zeros((200, 2), np.float32)
    batch = PartialAction(np.full((200, 2), 0.6, np.float32), np.tile([True, False], (200, 1)))
    way = Noised(policy, 0.4)
    answers = []
    for acting in (policy, way, policy, way):
        acting.reset(seed=0)
        answers.append(acting.act(obs, batch))
    assert np.array_equal(answers[0], answers[2]) and np.array_equal(answers[1], answers[3])
    assert (answers[0][:, 0] == np.float32(0.6)).all()
    sides = []
    for jumps in (1, 10):
        policy.config = dataclasses.replace(policy.config, jumps=jumps)
        sides.append((policy.act(obs, batch)[:, 1] > 0).mean())
    assert 0.4 < sides[0] < sides[1] and sides[1] > 0.75  # the other is on the side of the given
    assert (np.abs(answers[1]) <= 1).all() and not np.array_equal(answers[0], answers[1])


def test_an_interrupted_distillation_ends_with_the_same_weights(demonstrations, teacher, tmp_path):
    config = ConsistencyConfig(teacher=str(teacher))
    whole = _trained("consistency", demonstrations, tmp_path / "whole", config, 30)
    part, saved = tmp_path / "part", []

    class Stop(Exception):
        pass

    def score(policy):
        if len(saved) == 2:
            raise Stop
        saved.append(1)
        return 0.0

    options = dataclasses.replace(
        CONFIG, steps=30, select_by="rollouts", check_every=10, save_seconds=0
    )
    ask = ("consistency", demonstrations, part)
    with pytest.raises(Stop):
        train(*ask, policy_config=config, config=options, score=score, progress=False)
    rest = {"policy_config": config, "config": options, "progress": False}
    small = DiffusionConfig(width=32, depth=2)
    other = _trained("diffusion", demonstrations, tmp_path / "other", small, 1)
    with pytest.raises(CheckpointError, match="teacher_weights"):
        changed = dataclasses.replace(config, teacher=str(other))
        train(*ask, **rest | {"policy_config": changed}, score=lambda policy: 1.0)
    # By rising scores the last weights are kept, which are those of the run without a stop.
    rising = iter(range(1, 9))
    moved = dataclasses.replace(config, teacher=str(shutil.copytree(teacher, tmp_path / "moved")))
    rest["policy_config"] = moved
    (found,) = train(*ask, **rest, score=lambda policy: float(next(rising)))
    ends = [load_policy(folder).state_dict() for folder in (whole, found)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_a_teacher_is_asked_for_by_name(demonstrations, student, tmp_path):
    for teacher, said in (
        ("", "teacher: expected a checkpoint of a diffusion policy, got none"),
        (str(student), "teacher: expected a checkpoint of a diffusion policy, got one of consist"),
    ):
        with pytest.raises(InputError, match=said):
            _trained("consistency", demonstrations, tmp_path, ConsistencyConfig(teacher=teacher), 1)
    with pytest.raises(InputError, match="jumps: expected a number from 1 to iterations"):
        ConsistencyConfig(jumps=11)


def test_a_suite_goes_on_where_it_was_moved_to(demonstrations, tmp_path, monkeypatch):
    config = {"width": 8, "depth": 1}
    entrants = (
        PolicySpec("diffusion", "diffusion", config),
        PolicySpec("consistency", "consistency", teacher="diffusion"),
    )
    size = Size(seeds=1, steps=2)
    suite = dataclasses.replace(
        DIAL, proxy=None, data="raw", entrants=entrants, blocks=(), size=size
    )
    (first,) = train_entrants(suite, [demonstrations], tmp_path / "before", 1)
    (tmp_path / "before").rename(tmp_path / "after")
    monkeypatch.chdir(tmp_path)
    for out in (tmp_path / "after", Path("after"), Path("..", tmp_path.name, "after")):
        (found,) = train_entrants(suite, [demonstrations], out, 1)
        assert found.keys() == first.keys()


def test_a_suite_trains_a_teacher_before_its_student():
    alone = DIAL.only(["consistency"])
    assert [entrant.label for entrant in alone.entrants] == ["diffusion", "consistency"]
    with pytest.raises(InputError, match="teacher: expected an entrant that is trained"):
        dataclasses.replace(alone, entrants=alone.entrants[1:])
