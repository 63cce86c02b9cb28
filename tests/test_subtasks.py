"""Subtasks of each step, named in hindsight."""

from dataclasses import replace

import numpy as np

from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.demonstrations.summary import summarize
from mac_control.envs.kitchen import KITCHEN_TASKS
from mac_control.envs.kitchen.subtasks import labelled, subtasks_done


def test_hindsight_agrees_with_the_expert_that_did_it():
    known = load_demonstrations("builtin").select(range(10))
    bare = replace(known, episodes=[replace(episode, subtasks=None) for episode in known])
    found = labelled(bare)
    same = [np.mean(a.subtasks == b.subtasks) for a, b in zip(found, known, strict=True)]
    assert min(same) > 0.7 and np.mean(same) > 0.75, same  # the expert still comes away afterwards
    assert [e is f for e, f in zip(labelled(known), known, strict=True)] == [True] * 10


def test_each_human_step_has_the_subtask_that_gets_done_next(kitchen_complete):
    for episode in labelled(load_demonstrations(kitchen_complete)):
        done = subtasks_done(episode)
        assert set(done) >= set(KITCHEN_TASKS["complete"])
        for task, step in done.items():
            assert episode.subtasks[step] == task or step == 0


def test_what_the_last_action_gets_done_counts_though_it_is_never_observed():
    known = load_demonstrations("builtin")
    episode, tasks = known[0], known.tasks
    seen = subtasks_done(episode)
    assert set(tasks) - set(seen) == {"slide cabinet"} and episode.rewards[-1] == 1
    assert subtasks_done(episode, tasks) == {**seen, "slide cabinet": len(episode)}
    assert subtasks_done(replace(episode, rewards=None), tasks) == seen
    rewards = sum(e.rewards.sum() for e in known)
    assert sum(summarize(known)["subtasks_done"].values()) == rewards


def test_what_is_no_kitchen_or_does_nothing_stays_unlabelled():
    still = Episode(np.zeros((5, 30)), np.zeros((5, 9)))
    other = Episode(np.zeros((5, 3)), np.zeros((5, 2)))
    for episode in (still, other):
        assert labelled(Demonstrations([episode])).subtasks == ()
