"""Several processes train as one: the same curve, written by one."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from test_density_model import DATA, SMALL
from test_density_model import fit as fit_density

from mac_control.checkpoint import read
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.policies.windowed import WindowConfig
from mac_control.training import TrainConfig, train

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
#: Name of a run -> policy, its configuration, seeds. Denominators of the losses differ.
RUNS = {
    "bc": ("bc", {"width": 16}, (0,)),
    "mac-seeds": ("mac", {"width": 16, "obs_width": 16, "targets": "next"}, (0, 1)),
    "ibc": ("ibc", {"width": 16}, (0,)),
    "diffusion": ("diffusion", {"width": 16}, (0,)),
    "windowed": ("windowed", {}, (0,)),
    "intent": ("intent", {"options": {"width": 16, "obs_width": 16}, "width": 16}, (0,)),
}

DENSITIES = ("text", "tables")


def fit(name, out, steps=6, **options):
    from mac_control.policies import policy_class

    rng = np.random.default_rng(0)
    shapes = [(rng.normal(size=(40, 4)), rng.uniform(-1, 1, (40, 3))) for _ in range(5)]
    kind, settings, seeds = RUNS[name]
    policy = policy_class(kind).Config(**settings)
    if kind == "windowed":
        policy = WindowConfig(
            "mac", {"width": 16, "obs_width": 16}, n_obs_steps=2, past=1, chunk_size=2
        )
    # A batch of 33 has no halves; every step is logged.
    config = TrainConfig(
        steps=steps,
        batch_size=33,
        lr=1e-2,
        warmup=2,
        check_every=1,
        validation=0.2,
        select_by="validation",
        clip=0.5,
        **options,
    )
    subtasks = np.repeat(["open", "shut"], 20)
    demonstrations = Demonstrations([Episode(*pair, subtasks=subtasks) for pair in shapes])
    train(
        kind, demonstrations, out, seeds=seeds, policy_config=policy, config=config, progress=False
    )


def curves(folder):
    with open(folder / "log.csv", newline="") as file:
        names = ("loss", "grad_norm", "validation")
        return np.array([[float(row[n]) for n in names] for row in csv.DictReader(file)])


def weights(folder):
    return read(folder, "policy")[1]


def torchrun(*argv, **options):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*TORCHRUN, *map(str, argv)], capture_output=True, text=True, env=environment, **options
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder of what two real processes over gloo have trained: each policy, two densities."""
    folder = tmp_path_factory.mktemp("two")
    done = torchrun(__file__, folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_have_the_curves_of_one_with_the_same_batch(two, tmp_path):
    """Shares of the batch are of unequal weight."""
    for name in RUNS:
        fit(name, tmp_path / name)
        alone, both = (curves(folder / name) for folder in (tmp_path, two))
        assert alone.shape == (6, 3)
        np.testing.assert_allclose(both, alone, rtol=2e-4, atol=2e-5, err_msg=name)
        folders = ["seed-0", "seed-1"] if name == "mac-seeds" else ["."]
        for folder in folders:
            alone, both = (weights(where / name / folder) for where in (tmp_path, two))
            for key, value in alone.items():
                if (name, key) == ("ibc", "out.bias"):
                    continue  # adds the same to every energy: no loss depends on it, only rounding
                torch.testing.assert_close(both[key], value, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("kind", DENSITIES)
def test_two_processes_train_the_density_that_one_does(kind, two, tmp_path):
    fit_density(kind, tmp_path, steps=6)
    alone, both = (read(folder, "density")[1] for folder in (tmp_path, two / kind))
    assert all(torch.allclose(alone[k], both[k], atol=2e-4) for k in alone)


def test_a_killed_process_leaves_a_run_that_goes_on(tmp_path):
    done = torchrun(__file__, tmp_path / "two", "kill")
    assert done.returncode != 0
    step = read(tmp_path / "two", "training")[0]["step"]
    assert step == 4 == len(curves(tmp_path / "two"))
    fit("bc", tmp_path / "two")  # goes on alone
    fit("bc", tmp_path / "one")
    one, two = (curves(tmp_path / count) for count in ("one", "two"))
    np.testing.assert_allclose(two, one, rtol=2e-4, atol=2e-5)


def test_a_batch_too_small_to_share_is_refused(tmp_path):
    from mac_control.errors import InputError
    from mac_control.training.distributed import DistributedContext
    from mac_control.training.run import Run
    from mac_control.training.trainer import Trainer

    episode = Episode(np.zeros((4, 2)), np.zeros((4, 1)))
    run = Run("bc", Demonstrations([episode]), tmp_path, (0,), None, TrainConfig(batch_size=2))
    with pytest.raises(InputError, match="batch_size: expected at least 3"):
        Trainer(run, DistributedContext(1, 3), None, False, None)


def density_run(out, ranks, **options):
    from mac_control.density.config import DensityConfig, DensityTraining
    from mac_control.density.trainer import Run

    data = DATA["text"]()
    config = DensityConfig("text", data.shape, **SMALL["text"])
    return Run(data, out, config, DensityTraining(**options), ranks)


def test_a_density_batch_too_small_to_share_is_refused(tmp_path):
    from mac_control.errors import InputError
    from mac_control.training.distributed import DistributedContext

    with pytest.raises(InputError, match=r"batch_size: expected at least 3, .*, got 2"):
        density_run(tmp_path, DistributedContext(1, 3), batch_size=2)


def test_a_process_without_rows_of_a_density_adds_nothing(tmp_path):
    """Paths of a short batch: one a group, all of them the first process's."""
    from mac_control.training.distributed import DistributedContext

    class Told(DistributedContext):
        def add(self, tensors):
            sums.append([tensor.clone() for tensor in tensors])

    added = []
    for rank, size in ((0, 1), (0, 2), (1, 2)):
        sums = []
        density_run(tmp_path, Told(rank, size), batch_size=2, groups=4, warmup=0).take_step()
        added += sums
    whole, first, second = added
    assert [t.shape for t in first] == [t.shape for t in second] == [t.shape for t in whole]
    assert all(torch.equal(one, two) for one, two in zip(whole, first, strict=True))
    assert not any(t.any() for t in second)


def kill_second(trainer, rate):
    """A step of the optimizer; the second process is killed before its fifth.

    Not before the first has saved the fourth: torchrun ends it as soon as another is dead, in the
    middle of that save or before it.
    """
    if trainer.run.step == 4 and trainer.ranks.rank == 1:
        while read(trainer.run.out, "training")[0]["step"] < 4:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    return step(trainer, rate)


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    if "kill" in sys.argv:
        from mac_control.training.trainer import Trainer

        step, Trainer.step = Trainer.step, kill_second
        fit("bc", out, save_seconds=0.0)
    for kind in RUNS:
        fit(kind, out / kind)
    for kind in DENSITIES:
        fit_density(kind, out / kind, steps=6)
