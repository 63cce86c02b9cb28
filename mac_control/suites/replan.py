"""Operators who replan: each command is planned from wherever the robot is, as a person's is."""

from dataclasses import replace

from mac_control.suites.policies import BC, DIFFUSION, IBC, MAC, MIXTURE_BC_CONDITIONED
from mac_control.suites.suite import Block, Size, Suite

#: The kitchen's scripted expert, with the order of the subtasks that the policies know too.
REPLANNING = "expert:order=tasks+noisy:std=0.05"
LATE = f"{REPLANNING}+laggy:p=0.7"
PAUSING = f"{REPLANNING}+intermittent:on=25:off=25"

#: Gradient steps that take about 100 s of one core in bfloat16, whichever policy it is.
STEPS = {"bc": 36000, "mixture_bc": 28000, "ibc": 2000, "diffusion": 30000, "mac": 4800}

REPLAN = Suite(
    name="replan",
    question="An operator who plans anew from wherever the robot is drives k of 9 dimensions, on "
    "time, late or with pauses: is the reward with help at least that of autonomy?",
    goal="MAC at least 3.85 of 4 at every k, and above the others at most k.",
    data="raw",
    entrants=tuple(
        replace(entrant, training={**entrant.training, "steps": STEPS[entrant.policy]})
        for entrant in (BC, MIXTURE_BC_CONDITIONED, IBC, DIFFUSION, MAC)
    ),
    blocks=(
        Block("operator alone", (REPLANNING, LATE, PAUSING), (9,), entrants=("bc",)),
        Block("operators who replan", (REPLANNING,), (0, 1, 3, 5, 7)),
        Block("late or pausing", (LATE, PAUSING), (3, 5)),
    ),
    size=Size(seeds=5, episodes=50),
)
