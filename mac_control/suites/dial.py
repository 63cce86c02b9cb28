"""Reward against obedience: each way to share control, over the full range of its own dial."""

from mac_control.suites.partial import RESYNC, STUBBORN
from mac_control.suites.policies import CONSISTENCY, DIFFUSION, MAC, MIXTURE_BC_CONDITIONED, minute
from mac_control.suites.replan import REPLANNING
from mac_control.suites.suite import Block, Size, Suite

#: Operators that track a plan, that replan from where the robot is, or are shaky, late or wrong.
OPERATORS = (
    STUBBORN,
    RESYNC,
    REPLANNING,
    "tracker+noisy:std=0.2",
    "tracker+laggy:p=0.7",
    "tracker+wrong:every=75:length=25",
)
#: Name of a way to share control -> the entrant that uses it, and the settings of its dial.
WAYS = {
    "soft commands": ("mac", ("0.03", "0.1", "0.2", "0.4", "1.0")),
    "estimated soft commands": (
        "mac",
        ("adaptive=0.25", "adaptive=0.5", "adaptive", "adaptive=2"),
    ),
    "soft commands beyond z": (
        "mac",
        ("adaptive:z=10", "adaptive:z=6", "adaptive:z=4", "adaptive:z=3", "adaptive:z=2"),
    ),
    "all or nothing": ("mac", ("z=10", "z=6", "z=4", "z=3", "z=2", "z=1")),
    "linear blending": ("mac", ("blend=0.2", "blend=0.4", "blend=0.6", "blend=0.8")),
    "blending by agreement": ("mac", ("agree=0.25", "agree=0.5", "agree=0.75", "agree=1")),
    "soft commands to a mixture density": (
        "mixture_bc_conditioned",
        ("0.03", "0.1", "0.2", "0.4", "1.0"),
    ),
    "partial diffusion": ("diffusion", ("noise=0.2", "noise=0.4", "noise=0.6", "noise=0.8")),
    "partial diffusion in one step": (
        "consistency",
        ("noise=0.2", "noise=0.4", "noise=0.6", "noise=0.8"),
    ),
    "linear blending by diffusion": ("diffusion", ("blend=0.2", "blend=0.4", "blend=0.6")),
}

DIAL = Suite(
    name="dial",
    question="An operator drives 3 of 9 dimensions: what does each way to share control, at each "
    "setting of its dial, leave of the commands, and what reward does that buy?",
    goal="Soft commands at every obedience from 0.5 on at least as good as every other way, and "
    "above all-or-nothing by disjoint intervals somewhere.",
    data="robust",
    entrants=minute((MIXTURE_BC_CONDITIONED, DIFFUSION, CONSISTENCY, MAC)),
    blocks=(
        Block("exactly", OPERATORS, (3,)),
        Block("alone", ("nobody",), (0,)),
        Block("operator alone", OPERATORS, (9,), entrants=("mac",)),
        *(
            Block(f"{way} at {setting}", OPERATORS, (3,), entrants=(entrant,), trust=setting)
            for way, (entrant, settings) in WAYS.items()
            for setting in settings
        ),
    ),
    size=Size(folds=5, seeds=1, episodes=250),
)
