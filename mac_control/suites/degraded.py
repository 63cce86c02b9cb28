"""Degraded operators: noisy, slow, busy, wrong."""

from mac_control.suites.policies import (
    BC,
    DIFFUSION,
    MAC,
    MAC_RECALL,
    MIXTURE_BC_CONDITIONED,
    minute,
)
from mac_control.suites.suite import Block, Size, Suite

OPERATORS = (
    "tracker+noisy:std=0.2",
    "tracker+noisy:std=0.2:decay=0.9",
    "tracker+laggy:p=0.7",
    "tracker+low-rate:every=8",
    "tracker+intermittent:on=25:off=25",
    "tracker+wrong:every=75:length=25",
    "random",
)

DEGRADED = Suite(
    name="degraded",
    question="The operator is shaky, slow, busy or wrong: what is left of the reward, and can the "
    "policy tell?",
    goal="MAC with adaptive trust never below the better of MAC and operator alone minus 0.1; "
    "at least 60 % obedience of operators who are right.",
    data="robust",
    entrants=(*minute((BC, MIXTURE_BC_CONDITIONED, DIFFUSION, MAC)), MAC_RECALL),
    blocks=(
        Block("operator alone", OPERATORS, (9,), entrants=("mac",)),
        Block("held-out operators", OPERATORS, (0, 3, 5)),
        *(
            Block(title, OPERATORS, (3, 5), entrants=("mac", "mac_recall"), trust=trust)
            for title, trust in (
                ("adaptive trust", "adaptive"),
                ("overruled where unlikely", "z=2"),
            )
        ),
    ),
    size=Size(folds=5, seeds=1, episodes=250),
)
