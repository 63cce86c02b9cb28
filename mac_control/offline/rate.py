"""Rates one policy on recorded episodes: error, log-likelihood, calibration, latency."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mac_control.demonstrations import Demonstrations, Episode
from mac_control.offline.cases import Case
from mac_control.partial import PartialAction
from mac_control.policies import Policy

_BATCH = 512  # frames in a batch
_TIMED = 40  # frames that are timed one by one
#: Draws per rank; with 19, 16 of the 20 ranks are the central 80 %.
DRAWS = 19
#: Share of true values within that interval for a calibrated policy.
NOMINAL = 0.8


def rate(
    policy: Policy,
    demonstrations: Demonstrations,
    cases: Sequence[Case],
    scale: np.ndarray,
    *,
    stride: int = 1,
    calibration: int = 4,
    seed: int = 0,
    numbers: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """A row for each case, with a figure for each episode in it.

    `error` is the mean absolute error of filled-in entries, in standard deviations of the action;
    `log_prob` the log-likelihood of their true values, conditioned on the given entries [nats];
    `coverage` the share of true values within the central 80 % of 19 draws, and `ranks` how many
    true values have 0, 1, ..., 19 of the draws below them. None where a policy does not have it.
    `latency_ms` is the median for one frame, `latency_p99_ms` its 99th percentile.

    Args:
        policy: trained on episodes other than these.
        demonstrations: the recorded episodes.
        cases: which dimensions are given.
        scale: `(D,)`, standard deviation of the action over all data.
        stride: distance between rated frames; a stateful policy sees the others too.
        calibration: draws are taken at one in this many of the rated frames.
        seed: seed of the policy's draws.
        numbers: numbers of the episodes, for random cases; None: from 0 on.

    Example:
        >>> from mac_control.policies.bc import BC
        >>> policy = BC(BC.Config(width=8), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
        >>> still = Demonstrations([Episode(np.zeros((5, 3)), np.zeros((5, 2)))])
        >>> row = rate(policy, still, [Case("nothing")], np.ones(2))[0]
        >>> row["log_prob"], len(row["error"])
        (None, 1)
    """
    numbers = range(len(demonstrations)) if numbers is None else numbers
    seen = [_asked(policy, episode, stride) for episode in demonstrations]
    obs, action, known = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    ends = np.cumsum([len(part[0]) for part in seen])[:-1]
    drawn_for = np.concatenate([np.arange(len(part[0])) % calibration == 0 for part in seen])
    found = []
    for case in cases:
        masks = [case.given(action.shape[1], number) for number in numbers]
        given = np.repeat(masks, [len(part[0]) for part in seen], 0)  # (N, D)
        policy.reset(seed)
        if policy.stateful:
            pairs = zip(demonstrations, masks, strict=True)
            filled = np.concatenate([_frame_by_frame(policy, *pair)[::stride] for pair in pairs])
        else:
            filled = _in_batches(policy.act, obs, known, given)
        error = np.where(given, np.nan, np.abs(filled - action) / scale)
        ranks = None if policy.stateful else _ranks(policy, obs, known, given, drawn_for, seed)
        row: dict[str, Any] = {"case": case.name, "num_given": int(given[0].sum())}
        row["error"] = [_short(np.nanmean(part)) for part in np.split(error, ends)]
        row["log_prob"] = _log_probs(policy, obs, known, given, ends)
        row["coverage"], row["ranks"] = None, None
        if ranks is not None:
            edge = round((DRAWS + 1) * (1 - NOMINAL) / 2)
            inside = np.where(np.isnan(ranks), np.nan, (ranks >= edge) & (ranks <= DRAWS - edge))
            row["coverage"] = [_short(np.nanmean(part)) for part in np.split(inside, ends)]
            counts = np.bincount(ranks[~np.isnan(ranks)].astype(int), minlength=DRAWS + 1)
            row["ranks"] = counts.tolist()
        row["frames"] = len(obs)
        found.append(row | _latency(policy, demonstrations[0], masks[0], seed))
    return found


def _asked(policy: Policy, episode: Episode, stride: int) -> tuple[np.ndarray, ...]:
    """Observations and actions at the rated frames, and the actions as they are given."""
    obs, action = episode.observations[::stride], episode.actions[::stride]
    # Given values cannot be outside the box, so neither are the true values.
    known = action if policy.guessed_box else np.clip(action, policy.low, policy.high)
    return obs, action, known


def _in_batches(
    answer: Callable[..., Any], obs: np.ndarray, known: np.ndarray, given: np.ndarray
) -> np.ndarray:
    """Actions `(N, D)` for N frames, some hundred at a time."""
    parts = []
    for start in range(0, len(obs), _BATCH):
        rows = slice(start, start + _BATCH)
        parts.append(answer(obs[rows], PartialAction(known[rows], given[rows])))
    return np.concatenate(parts)


def _log_probs(
    policy: Policy, obs: np.ndarray, known: np.ndarray, given: np.ndarray, ends: np.ndarray
) -> list[float] | None:
    """Log-likelihood of the free entries, averaged per episode; None without a density."""
    probe = policy.conditional_log_prob(obs[:1], known[:1], given[:1])
    if policy.stateful or probe is None:
        return None
    parts = []
    for start in range(0, len(obs), _BATCH):
        rows = slice(start, start + _BATCH)
        parts.append(policy.conditional_log_prob(obs[rows], known[rows], given[rows]))
    whole = np.concatenate(parts).astype(np.float64)
    return [_short(part.mean()) for part in np.split(whole, ends)]


def _ranks(
    policy: Policy,
    obs: np.ndarray,
    known: np.ndarray,
    given: np.ndarray,
    few: np.ndarray,
    seed: int,
) -> np.ndarray | None:
    """How many of 19 draws are below each true value, `(N, D)`; NaN except at the `few` frames.

    None where the policy has no distribution to draw from.
    """
    repeated = [np.repeat(part[few], DRAWS, 0) for part in (obs, known, given)]
    policy.reset(seed)
    if policy.sample(obs[:1], PartialAction(known[:1], given[:1])) is None:
        return None
    policy.reset(seed)
    drawn = _in_batches(policy.sample, *repeated).reshape(-1, DRAWS, known.shape[1])
    truth = known[few][:, None]
    below, ties = (drawn < truth).sum(1), (drawn == truth).sum(1)
    rank = below + np.random.default_rng(seed).integers(0, ties + 1)  # ties at the ends of the box
    ranks = np.full(known.shape, np.nan)
    ranks[few] = np.where(given[few], np.nan, rank)
    return ranks


def _frame_by_frame(policy: Policy, episode: Episode, mask: np.ndarray) -> np.ndarray:
    """The actions of a stateful policy that sees an episode frame by frame, `(T, D)`."""
    policy.reset(0)
    obs, _, known = _asked(policy, episode, 1)
    frames = zip(obs, known, strict=True)
    return np.array([policy.act(seen, PartialAction(row, mask)) for seen, row in frames])


def _latency(policy: Policy, episode: Episode, mask: np.ndarray, seed: int) -> dict[str, float]:
    count, times = min(_TIMED, len(episode)), []
    policy.reset(seed)
    obs, _, known = _asked(policy, episode, 1)
    for seen, row in zip(obs[:count], known[:count], strict=True):
        partial = PartialAction(row, mask)
        start = time.perf_counter()
        policy.act(seen, partial)
        times.append(1e3 * (time.perf_counter() - start))
    median, late = np.percentile(times, [50, 99])
    return {"latency_ms": round(float(median), 3), "latency_p99_ms": round(float(late), 3)}


def _short(value: float) -> float:
    """Rounded to four digits: a figure from thousands of frames has no more."""
    return float(f"{value:.4g}")
