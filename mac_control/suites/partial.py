"""Partial control: does it help or hurt when an operator drives some dimensions?"""

from mac_control.suites.policies import MAC_SAMPLE, MAIN, RECALL, minute
from mac_control.suites.replan import REPLANNING
from mac_control.suites.suite import Block, Size, Suite

#: Commands are slightly noisy, as a person's are. One kind of operator keeps to its recording,
#: the other resynchronises it with the robot's state.
STUBBORN = "tracker+noisy:std=0.05"
RESYNC = "tracker:resync=true+noisy:std=0.05"

PARTIAL = Suite(
    name="partial",
    question="An operator drives k of 9 dimensions through demonstrations that the policy never "
    "saw: is the reward with help at least that of autonomy?",
    goal="MAC at least 3.85 of 4 at every k, and above the others wherever they are below 3.8.",
    data="robust",
    entrants=(*minute(MAIN), MAC_SAMPLE, *RECALL),
    blocks=(
        Block("operator alone", (STUBBORN, RESYNC), (9,), entrants=("bc",)),
        Block("operators who replan", (REPLANNING,), (0, 1, 3, 5, 7)),
        Block("held-out operators", (STUBBORN,), (0, 1, 3, 5, 7)),
        Block("held-out operators that resynchronise", (RESYNC,), (0, 1, 3, 5, 7)),
        Block(
            "adaptive trust",
            (STUBBORN, RESYNC, REPLANNING),
            (1, 3, 5, 7),
            entrants=("mac", "mac_recall"),
            trust="adaptive",
        ),
        Block(
            "obeyed to within the noise",
            (STUBBORN, RESYNC, REPLANNING),
            (1, 3, 5, 7),
            entrants=("mac", "mac_recall"),
            trust=0.1,
        ),
        *(
            Block(title, (operator,), (1, 3, 5, 7), entrants=("mac", "mac_recall"), trust=z)
            for title, operator, z in (
                ("overruled", STUBBORN, "z=2"),
                ("overruled beyond 3 standard deviations", STUBBORN, "z=3"),
                ("overruled beyond 1.5 standard deviations", STUBBORN, "z=1.5"),
                ("resynchronising operators overruled", RESYNC, "z=2"),
                ("resynchronising operators overruled beyond 3", RESYNC, "z=3"),
            )
        ),
        Block("other numbers of dimensions", (STUBBORN,), (0, 2, 4, 6, 8), share=0.2),
        Block(
            "seen operators",
            (STUBBORN, RESYNC),
            (0, 1, 3, 5, 7),
            entrants=("bc", "mac", "mac_recall"),
            follow="seen",
        ),
        Block(
            "other dimensions",
            (
                f"{RESYNC}+group:base",
                f"{RESYNC}+group:wrist",
                f"{RESYNC}+group:gripper",
                f"{RESYNC}+joystick",
                f"{RESYNC}+shifting:k=3",
            ),
            (0, 9),
            entrants=("bc", "mac"),
            share=0.2,
        ),
    ),
    size=Size(folds=5, seeds=1, episodes=250),
)
