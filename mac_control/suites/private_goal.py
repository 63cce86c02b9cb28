"""A private goal: only the operator knows which subtasks are wanted."""

from mac_control.suites.policies import MAC_INTENT, MAIN, MIXTURE_BC_INTENT, minute
from mac_control.suites.suite import Block, Suite

EXPERT = "expert:subtasks=4"

PRIVATE_GOAL = Suite(
    name="private-goal",
    question="The operator wants four of seven subtasks, in an order it tells nobody, and drives "
    "k dimensions: does the policy follow that goal, or its habit?",
    goal="With 3 dimensions at least 90 % of the expert's reward, with 2 at least 75 %, and twice "
    "the reward of the BC overlay.",
    data="play",
    entrants=minute((*MAIN, MIXTURE_BC_INTENT, MAC_INTENT)),
    blocks=(
        Block("expert alone", (EXPERT,), (9,), entrants=("bc",), share=0.2),
        Block("nothing given: by habit", (f"{EXPERT}+k:0",), (9,), share=0.2),
        Block("with a private goal", (EXPERT,), (1, 2, 3)),
        Block(
            "overruled where unlikely",
            (EXPERT,),
            (1, 2, 3),
            entrants=("mac",),
            trust="z=2",
            share=0.2,
        ),
        Block(
            "one joint group", (f"{EXPERT}+group:wrist", f"{EXPERT}+group:base"), (9,), share=0.2
        ),
    ),
    reward="goal_rewards",
)
