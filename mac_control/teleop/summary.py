"""Summaries of recorded episodes, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mac_control.teleop.step import Step


@dataclass(frozen=True)
class EpisodeSummary:
    """Summary of a driven episode.

    `share` is the share of all commands, steps times dimensions, that the operator gave; `done` of
    `total` subtasks were completed, both 0 where the environment has none.

    Example:
        >>> str(EpisodeSummary(3, 120, 0.41, 2, 4))
        '41 % yours, 2 of 4'
    """

    number: int
    steps: int
    share: float
    done: int
    total: int
    failed: bool = False

    def __str__(self) -> str:
        percent = "under 1" if 0 < self.share < 0.01 else f"{100 * self.share:.0f}"
        return f"{percent} % yours" + (f", {self.done} of {self.total}" if self.total else "")

    @classmethod
    def of(
        cls, number: int, steps: Sequence[Step], total: int, failed: bool = False
    ) -> EpisodeSummary:
        """Summary of an episode's steps, at least one."""
        share = sum(float(step.given.mean()) for step in steps) / len(steps)
        done = len(steps[-1].info.get("tasks_done", ()))
        return cls(number, len(steps), share, done, total, failed)


def described(summaries: Sequence[EpisodeSummary]) -> str:
    """Summary of several episodes together.

    Example:
        >>> described([EpisodeSummary(1, 10, 0.5, 2, 4), EpisodeSummary(2, 30, 0.1, 4, 4)])
        '2 episodes, 40 steps, 20 % yours, 2 and 4 of 4 subtasks'
    """
    steps = sum(summary.steps for summary in summaries)
    share = sum(s.share * s.steps for s in summaries) / max(1, steps)
    text = f"{len(summaries)} episode{'s' * (len(summaries) != 1)}, {steps} steps"
    if marked := sum(s.failed for s in summaries):
        text += f", {marked} marked as failed"
    text += f", {100 * share:.0f} % yours"
    if summaries and summaries[0].total:
        done = [str(s.done) for s in summaries]
        if len(done) > 8:
            mean = sum(s.done for s in summaries) / len(done)
            return text + f", {mean:.1f} of {summaries[0].total} subtasks on average"
        listed = " and ".join(filter(None, [", ".join(done[:-1]), done[-1]]))
        text += f", {listed} of {summaries[0].total} subtasks"
    return text
