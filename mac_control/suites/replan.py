"""Operators that replan: each command starts from where the robot is, as a person's does."""

from mac_control.suites.policies import MAIN, RECALL, minute
from mac_control.suites.suite import Block, Size, Suite

#: The kitchen's scripted expert; the policies know its order of subtasks too.
REPLANNING = "expert:order=tasks+noisy:std=0.05"
LATE = f"{REPLANNING}+laggy:p=0.7"
PAUSING = f"{REPLANNING}+intermittent:on=25:off=25"
PARTS = tuple(
    f"{REPLANNING}+{part}" for part in ("group:base", "group:wrist", "group:gripper", "joystick")
)

#: A minute of training each; two with `--size.stretch 2`.
ENTRANTS = minute(MAIN)

REPLAN = Suite(
    name="replan",
    question="An operator who plans anew from wherever the robot is drives k of 9 dimensions, on "
    "time, late or with pauses: is the reward with help at least that of autonomy?",
    goal="MAC at least 3.85 of 4 at every k, and above the others at most k.",
    data="raw",
    entrants=(*ENTRANTS, *RECALL),
    blocks=(
        Block("operator alone", (REPLANNING, LATE, PAUSING), (9,), entrants=("bc",)),
        Block(
            "operators who replan",
            (REPLANNING,),
            (0, 1, 3, 5, 7),
            entrants=tuple(entrant.label for entrant in ENTRANTS),
        ),
        Block(
            "with a memory",
            (REPLANNING,),
            (0, 1, 3, 5, 7),
            entrants=tuple(entrant.label for entrant in RECALL),
            share=0.2,
        ),
        Block("other numbers of dimensions", (REPLANNING,), (2, 4, 6, 8), share=0.2),
        Block("groups and a joystick", PARTS, (9,), share=0.2),
        Block("late or pausing", (LATE, PAUSING), (3, 5), share=0.2),
    ),
    size=Size(seeds=5, episodes=50),
)
