"""Design choices in MAC: mask rule, how it fills in, history and chunks."""

from mac_control.suites.partial import RESYNC, STUBBORN
from mac_control.suites.policies import BC, MAC, MAC_SAMPLE, MIXTURE_BC_CONDITIONED
from mac_control.suites.suite import Block, PolicySpec, Size, Suite

RULES = tuple(
    PolicySpec(f"mac_{rule}", "mac", {"mask_distribution": rule})
    for rule in ("operator", "marginal", "any-order")
)
FILLS = (
    PolicySpec("mac_mode", "mac", {"decoding": "mode"}, weights="mac"),
    MAC_SAMPLE,
    PolicySpec("mac_certain", "mac", {"order": "certain"}, weights="mac"),
)
#: Four past commands, three steps apart: about a second, which is 12.5 steps.
WINDOWS = (
    PolicySpec("bc_history", "windowed", {"policy": "bc", "n_obs_steps": 4, "stride": 3}),
    PolicySpec(
        "mixture_bc_past",
        "windowed",
        {"policy": "mixture_bc", "options": {"condition": True}, "past": 4, "stride": 3},
    ),
    PolicySpec("mac_history", "windowed", {"policy": "mac", "n_obs_steps": 4, "stride": 3}),
    PolicySpec("mac_past", "windowed", {"policy": "mac", "past": 4, "stride": 3}),
    PolicySpec(
        "mac_past_all", "windowed", {"policy": "mac", "past": 4, "stride": 3, "remember": "all"}
    ),
    PolicySpec("mac_chunk", "windowed", {"policy": "mac", "chunk_size": 4}),
    PolicySpec("mac_chunk_commit", "windowed", {"policy": "mac", "chunk_size": 4, "commit": 1}),
)

ABLATION = Suite(
    name="ablation",
    question="Which of MAC's choices matter under partial control by held-out operators?",
    goal="To know what to leave out.",
    data="robust",
    entrants=(BC, MIXTURE_BC_CONDITIONED, MAC, *RULES, *FILLS, *WINDOWS),
    blocks=(
        Block("held-out operators", (STUBBORN,), (0, 1, 3, 5)),
        Block("held-out operators that resynchronise", (RESYNC,), (0, 1, 3, 5), share=0.2),
    ),
    size=Size(folds=5, seeds=1, episodes=250),
)
