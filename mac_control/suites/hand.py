"""Hands: an operator places the arm or turns the wrist, the policy moves the rest."""

from dataclasses import replace
from typing import Any

from mac_control.suites.policies import BC, DIFFUSION, IBC, MAC, MAIN, MIXTURE_BC, RECALL, timed
from mac_control.suites.suite import Block, PolicySpec, Size, Suite

#: The published expert of the task, slightly noisy; a wrapper after it selects what it gives.
EXPERT = "hand-expert+noisy:std=0.02"
_PARTS = ("group:arm", "group:wrist", "group:arm:wrist", "group:fingers", "k:3", "k:10")
_WAYS = ("nobody", *(f"{EXPERT}+{part}" for part in _PARTS))

#: As many steps as take about a minute on one core in bfloat16, measured in turns.
_MINUTE = timed(MAIN, bc=30000, mixture_bc=18000, ibc=1350, diffusion=24000, mac=8000)
#: Noise on observations: the operator takes the hand where the demonstrators never did.
_NOISY = tuple(replace(each, training={**each.training, "obs_noise": 0.3}) for each in _MINUTE)

HAND = Suite(
    name="hand",
    question="25 people's demonstrations of opening a door with a hand of 28 dimensions: an "
    "operator drives the arm, the wrist or the fingers, and the policy the rest. Does the door "
    "open beyond 1.35 rad, for 10 of 200 steps?",
    goal="Arm and wrist given, MAC succeeds in at least 80 % of the episodes and is above the "
    "others, intervals disjoint; with 3 random dimensions above the others.",
    data="raw",
    source="adroit/door_human.npz",
    env_name="hand",
    env={"task": "door", "end_on_success": True},
    reward="successes",
    entrants=(*_NOISY, *RECALL),
    blocks=(
        Block("operator alone", (EXPERT,), (28,), entrants=("bc",), share=0.4),
        Block(
            "who is worth what",
            _WAYS,
            (28,),
        ),
        Block(
            "arm and wrist by a bad operator: late or noisy or wrong",
            tuple(
                f"hand-expert+{how}+group:arm:wrist"
                for how in ("laggy:p=0.7", "noisy:std=0.2", "wrong:every=75:length=25")
            ),
            (28,),
            share=0.4,
        ),
    ),
)


def _found(entrant: PolicySpec, steps: int, lr: float, noise: float, **config: Any) -> PolicySpec:
    training = {"steps": steps, "lr": lr, "obs_noise": noise}
    return replace(entrant, config={**entrant.config, **config}, training=training)


#: The same door. Here and below, each policy has the settings that the same search found for it:
#: eight trials of a minute on one core (`results/tuning/hand.sh`).
HAND_TUNED = replace(
    HAND,
    name="hand-tuned",
    entrants=(
        _found(BC, 3650, 1.99e-3, 0.1, width=512, depth=4),
        _found(MIXTURE_BC, 6670, 1.35e-3, 0.1, width=512, components=5),
        _found(IBC, 1210, 1e-3, 0.0, width=128, negatives=8),
        _found(DIFFUSION, 9990, 5.27e-4, 0.3, width=512, resample=3),
        _found(MAC, 5970, 1.33e-3, 0.3, width=256, decoding="mean"),
    ),
)

#: The same door, learnt from simulated episodes that follow the same 25 demonstrations.
HAND_ROBUST = replace(
    HAND,
    name="hand-robust",
    entrants=(
        _found(BC, 14780, 8.22e-4, 0.1, width=256, depth=4),
        _found(MIXTURE_BC, 12780, 1.23e-3, 0.1, width=256, components=10),
        _found(IBC, 1090, 1e-3, 0.0, width=128, negatives=8),
        _found(DIFFUSION, 9420, 8.21e-4, 0.0, width=512, resample=1),
        _found(MAC, 5910, 3.53e-4, 0.3, width=256, decoding="mode"),
    ),
    question="The same, learnt from episodes in which those 25 demonstrations were tracked in "
    "simulation under noise, the label being the correction (mac-control augment).",
    data="robust",
    # Joint targets take less noise than velocities; people stop before 1.35 rad, but beyond 1.
    disturbance={
        "strength": 0.03,
        "scene_noise": 0.02,
        "interrupted": 0.0,
        "attempts": 4,
        "min_reward": 100.0,
        "max_steps": 330,
    },
    size=Size(made=200),
)

HAND_RELOCATE = Suite(
    name="hand-relocate",
    question="The operator alone knows where the ball goes, and drives the arm or some of the 30 "
    "dimensions: does the ball get there?",
    goal="With the arm given at least 95 %; with 3 random dimensions MAC above the others.",
    data="collected",
    collected={"operator": "hand-expert"},
    env_name="hand",
    env={"task": "relocate", "hide_goal": True, "end_on_success": True},
    reward="successes",
    entrants=(
        _found(BC, 64750, 3.14e-4, 0.3, width=128, depth=2),
        _found(MIXTURE_BC, 6400, 1.35e-3, 0.1, width=512, components=5),
        _found(IBC, 1095, 1.11e-3, 0.0, width=128, negatives=8),
        _found(DIFFUSION, 10070, 1.81e-3, 0.1, width=512, resample=1),
        _found(MAC, 5790, 3.53e-4, 0.3, width=256, decoding="mode"),
    ),
    blocks=(
        Block("operator alone", (EXPERT,), (30,), entrants=("bc",), share=0.4),
        Block(
            "with a target that the operator alone knows",
            _WAYS,
            (30,),
        ),
    ),
    size=Size(made=150),
)
