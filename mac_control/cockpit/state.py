"""The loop's state for the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.teleop.loop import Teleoperation
from mac_control.teleop.step import Step

#: The agreement is clipped to this [nats per given dimension].
FURTHEST = 20.0


def of_loop(loop: Teleoperation) -> dict[str, Any]:
    """State of the loop, whether it runs or is paused."""
    middle, high = loop.pacer.jitter()
    latencies = list(loop.readings.latencies)[-200:]
    return {
        "rest": rounded(loop.transfer.rest),
        "done": list(loop.info.get("tasks_done", [])),
        "episode": loop.episode,
        "step": loop.steps,
        "rate": loop.rate,
        "reward": round(float(loop.reward), 4),
        "paused": loop.paused,
        "stopped": loop.stopped,
        "driven": loop.driven,
        "recording": loop.recording and loop.recorder is not None,
        "episodes": getattr(loop.recorder, "episodes", None),
        "late": [1e3 * middle, 1e3 * high],
        "overruns": loop.pacer.overruns,
        "latency": 1e3 * float(np.median(latencies)) if latencies else None,
        "trust": dial_of(loop),
        "weighs": loop.policy.weighs,
        "heartbeat": 1e3 * min(0.02, loop.pacer.period / 4),
    }


def trust_of(asked: Any, loop: Teleoperation) -> str | np.ndarray | None:
    """The dial's setting as the loop's `trust`: `adaptive`, or from a share of half the action box.

    Raises:
        InputError: any other setting.
    """
    if asked == "adaptive":
        return "adaptive"
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not 0 <= asked <= 10:
        raise InputError(f"trust: expected adaptive, or a number from 0 to 10, got {asked!r}")
    return None if asked == 0 else asked * (loop.high - loop.low) / 2


def dial_of(loop: Teleoperation) -> float | str | None:
    """The dial's position: a share of half the action box, `adaptive`, or None for other values."""
    if loop.trust is None:
        return 0.0
    if isinstance(loop.trust, str):
        return "adaptive" if loop.trust.startswith("adaptive") else None
    share = float(np.mean(np.asarray(loop.trust) * 2 / (loop.high - loop.low)))
    return round(share, 3) if np.isfinite(share) else None


def of_step(loop: Teleoperation, step: Step) -> dict[str, Any]:
    """Who drives which dimension, and how likely the policy finds the commands."""
    partial = PartialAction(step.values, step.given)
    spread = loop.guard.ask("uncertainty", loop.policy.uncertainty, step.obs, partial)
    likelihood = None
    if step.given.any():
        likelihood = loop.guard.ask("log_prob", loop.policy.log_prob, step.obs, partial)
    log_prob = None if likelihood is None else float(likelihood)
    return {
        "status": step.status,
        "mode": step.mode,
        "limited": list(step.limited),
        "given": step.given.tolist(),
        "values": rounded(step.values),
        "filled": rounded(step.filled),
        "action": rounded(step.action),
        "moving": loop.transfer.moving.tolist(),
        "intent": next(iter(loop.policy.inferred_intent), None),
        "spread": None if spread is None else rounded(spread),
        "log_prob": log_prob,
        "agreement": None
        if log_prob is None
        else agreement(log_prob, step.given, loop.low, loop.high),
        "unlikely": log_prob is not None
        and log_prob < unlikely_below(step.given, loop.low, loop.high),
    }


def rounded(values: np.ndarray) -> list[float]:
    """Rounded numbers for the page."""
    return np.round(np.asarray(values, float), 3).tolist()


def unlikely_below(given: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Log-likelihood below which given entries are unusual [nats].

    A tenth of the density of a uniform guess in the action box `[low, high]`, per given dimension.

    Example:
        >>> bool(np.isclose(unlikely_below(np.array([True]), -np.ones(1), np.ones(1)), -np.log(20)))
        True
    """
    return float(-np.log(10 * (high - low)[given]).sum())


def agreement(log_prob: float, given: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """How much likelier given entries are than a uniform guess [nats per given dimension].

    Above 0 the policy expects them; below -log(10) they are unlikely, as `unlikely_below` says.

    Example:
        >>> agreement(-np.log(2), np.array([True]), -np.ones(1), np.ones(1))
        0.0
    """
    uniform = -np.log((high - low)[given]).sum()
    per_dim = (log_prob - float(uniform)) / max(1, int(given.sum()))
    return round(float(np.clip(per_dim, -FURTHEST, FURTHEST)), 3)
