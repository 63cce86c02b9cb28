"""Training goes on after a kill to the same weights, and mixes no two runs."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_runs import SMALL, demonstrations, fit, rows, same, step, weights

from mac_control.checkpoint import load_policy, read
from mac_control.demonstrations import Episode
from mac_control.errors import CheckpointError
from mac_control.robot import ActionDim, Robot
from mac_control.training import TrainConfig
from mac_control.training.distributed import DistributedContext
from mac_control.training.run import Run
from mac_control.training.state import load_state, save_state
from mac_control.training.trainer import Trainer

SCRIPT = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, {tests!r})
from training_runs import fit
fit({out!r}, steps=600, save_seconds=0.0, validation=0.2, select_by="validation", check_every=40)
"""


def test_killed_and_resumed_training_ends_with_the_same_weights_bit_for_bit(tmp_path):
    """A real process, killed with SIGKILL twice in the middle of training and saving."""
    script = SCRIPT.format(tests=os.path.dirname(__file__), out=str(tmp_path / "killed"))
    steps = [0]
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", script])
        while process.poll() is None and step(tmp_path / "killed") <= steps[-1] + 20:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        load_policy(tmp_path / "killed")  # whole at any moment
        steps.append(step(tmp_path / "killed"))
    assert 0 < steps[1] < steps[2] < 600
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        options = {"steps": 600, "validation": 0.2, "select_by": "validation", "check_every": 40}
        fit(tmp_path / "killed", **options)
        fit(tmp_path / "whole", **options)
    finally:
        torch.set_num_threads(threads)
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))
    assert same(read(tmp_path / "killed", "training")[1], read(tmp_path / "whole", "training")[1])
    logs = [
        [(row["step"], row["validation"]) for row in rows(tmp_path / name) if row["validation"]]
        for name in ("killed", "whole")
    ]
    assert logs[0] == logs[1] and len(logs[0]) == 15


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("optimizer", ["adamw", "schedule-free"])
def test_a_run_taken_up_anywhere_goes_on_to_the_same_weights(tmp_path, optimizer, seeds):
    config = TrainConfig(steps=24, batch_size=8, warmup=4, optimizer=optimizer)

    def run():
        made = Run("bc", demonstrations(), tmp_path, seeds, SMALL, config)
        load_state(made)
        return Trainer(made, DistributedContext())

    def advance(trainer, steps):
        for _ in range(steps):
            trainer.step(trainer.run.rate())
        return trainer.run

    whole = advance(run(), 24)
    for steps in (5, 8, 11):  # within the batches that are drawn at once, and at their ends
        trainer = run()
        save_state(advance(trainer, steps))
    for one, other in ((whole.params, trainer.run.params), (whole.ema, trainer.run.ema)):
        assert same(one, other)
    assert whole.step == trainer.run.step == 24
    assert not same(whole.params, whole.ema)


def test_a_run_in_bfloat16_does_not_go_on_where_there_is_none(tmp_path, monkeypatch):
    fit(tmp_path, steps=4)
    file = tmp_path / "training.json"
    record = json.loads(file.read_text())
    record["settings"]["bf16"] = True
    file.write_text(json.dumps(record))
    monkeypatch.setattr("mac_control.training.state.has_bf16", lambda device: False)
    with pytest.raises(CheckpointError, match="expected a machine with bfloat16, in which this"):
        fit(tmp_path, steps=4)


def test_a_finished_run_is_not_trained_again(tmp_path):
    fit(tmp_path)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.safetensors")}
    fit(tmp_path)
    assert before == {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.safetensors")}


def test_a_run_of_a_version_with_fewer_settings_goes_on(tmp_path):
    fit(tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())
    del record["settings"]["clip"], record["settings"]["policy_config"]["depth"]
    (tmp_path / "training.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError, match="policy_config"):
        fit(tmp_path)  # the small network's depth is not the default
    record["settings"]["policy_config"]["depth"] = SMALL.depth
    (tmp_path / "training.json").write_text(json.dumps(record))
    fit(tmp_path)
    with pytest.raises(CheckpointError, match="clip"):
        fit(tmp_path, clip=2.0)


@pytest.mark.parametrize(
    "damage", [{"step": None}, {"step": "abc"}, {"misses": 1}, {"settings": [1]}]
)
def test_a_damaged_record_is_said_in_a_sentence(tmp_path, damage):
    fit(tmp_path)
    record = json.loads((tmp_path / "training.json").read_text())
    (tmp_path / "training.json").write_text(json.dumps(record | damage))
    with pytest.raises(CheckpointError, match="training run"):
        fit(tmp_path)


def driven(high=1.0, **changes):
    """The demonstrations, of a robot with this box, their episodes changed."""
    robot = Robot("arm", tuple(ActionDim(f"j{i}", -high, high) for i in range(3)))
    data = demonstrations()
    return replace(data, robot=robot, episodes=[replace(each, **changes) for each in data])


def halved(data):
    """The same steps in episodes half as long."""
    arrays = data.observations, data.actions
    return replace(data, episodes=list(map(Episode, *(np.split(each, 12) for each in arrays))))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lr": 0.5}, "lr"),
        ({"steps": 70}, "steps"),
        ({"data": demonstrations(7)}, "data"),
        ({"data": driven(3.0)}, r"robot.actions.0.low -1.0, got -3.0"),
        ({"data": halved(driven())}, "data"),
        ({"data": driven(subtasks=["reach"] * 50)}, "subtasks None, got"),
    ],
)
def test_a_run_with_other_settings_is_not_mixed_in(tmp_path, change, sentence):
    fit(tmp_path, driven())
    with pytest.raises(CheckpointError, match=f"training run with {sentence}"):
        fit(tmp_path, **{"data": driven(), **change})


def test_a_run_whose_version_recorded_no_robot_goes_on(tmp_path):
    fit(tmp_path, driven())
    record = json.loads((tmp_path / "training.json").read_text())
    for name in ("robot", "score", "subtasks"):
        del record["settings"][name]
    (tmp_path / "training.json").write_text(json.dumps(record))
    fit(tmp_path, driven())


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("damage", ["policy.json", "weights-*.safetensors"])
def test_a_finished_run_writes_a_policy_that_is_damaged_again(tmp_path, seeds, damage):
    folders = fit(tmp_path, seeds=seeds)
    before = weights(folders[-1])
    (file,) = folders[-1].glob(damage)
    if damage == "policy.json":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-4])
    fit(tmp_path, seeds=seeds)
    assert same(weights(folders[-1]), before)


def test_a_kill_between_the_first_policy_and_its_state_is_harmless(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def save(run, saved=[]):  # noqa: B006 - counts calls
        saved.append(run)
        if len(saved) == 2:
            raise Killed
        save_state(run)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("mac_control.training.trainer.save_state", save)
        fit(tmp_path / "killed", save_seconds=0.0)
    for name in ("killed", "whole"):
        fit(tmp_path / name)
    assert same(weights(tmp_path / "killed"), weights(tmp_path / "whole"))


def test_a_policy_that_is_not_a_run_is_not_overwritten(tmp_path):
    fit(tmp_path)
    (tmp_path / "training.json").unlink()
    with pytest.raises(CheckpointError, match="without its training state; choose another"):
        fit(tmp_path)


def test_seeds_side_by_side_and_by_themselves_are_not_mixed(tmp_path):
    fit(tmp_path / "beside", seeds=(0, 1))
    with pytest.raises(CheckpointError, match="beside others; leave --workers out to go on"):
        fit(tmp_path / "beside" / "seed-1", seeds=(1,))
    fit(tmp_path / "alone" / "seed-1", seeds=(1,))
    before = weights(tmp_path / "alone" / "seed-1")
    with pytest.raises(CheckpointError, match="by itself; add --workers 1 to go on"):
        fit(tmp_path / "alone", seeds=(0, 1))
    assert same(before, weights(tmp_path / "alone" / "seed-1"))


def test_seeds_side_by_side_resume(tmp_path):
    class Enough(Exception):
        pass

    def interrupt(policy):
        raise Enough

    options = {"seeds": (3, 4), "select_by": "rollouts", "check_every": 30}
    with pytest.raises(Enough):
        fit(tmp_path / "cut", score=interrupt, save_seconds=0.0, **options)
    assert 0 < step(tmp_path / "cut") < 30
    for name in ("cut", "whole"):
        fit(tmp_path / name, score=lambda policy: float(policy.act(np.ones(4))[0]), **options)
    for folder in ("seed-3", "seed-4"):
        assert same(weights(tmp_path / "cut" / folder), weights(tmp_path / "whole" / folder))
