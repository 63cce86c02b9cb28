"""How many gradient steps fit into a given time on one core."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from mac_control.demonstrations import Demonstrations
from mac_control.training.config import TrainConfig

_WARM, _TIMED = 15, 40  # training steps to warm up, and to time


def steps_in(
    seconds: float,
    name: str,
    demonstrations: Demonstrations,
    folder: Path,
    policy_config: Any,
    config: TrainConfig,
    looks: int = 0,
) -> tuple[int, float]:
    """Training steps that take `seconds` of one core of this machine, and the time of a step [s].

    CPU time is measured, so that other load on the machine matters little.

    Args:
        seconds: time of training [s].
        name: which policy.
        demonstrations: what it learns from.
        folder: folder of a checkpoint that is never written.
        policy_config, config: as in :func:`mac_control.training.train`.
        looks: number of validations during training, whose time counts too.
    """
    from mac_control.training.distributed import init_distributed
    from mac_control.training.run import Run
    from mac_control.training.trainer import Trainer

    run = Run(name, demonstrations, folder, (0,), policy_config, replace(config, steps=10_000))
    trainer = Trainer(run, init_distributed(run.config.device), None, False, None)
    for _ in range(_WARM):
        trainer.step(0.0)
    start = time.process_time()
    for _ in range(_TIMED):
        trainer.step(0.0)
    each = (time.process_time() - start) / _TIMED
    look = 0.0
    if looks and run.held_out is not None:
        start = time.process_time()
        run.validate()
        look = time.process_time() - start
    return max(1, round((seconds - looks * look) / each)), each
