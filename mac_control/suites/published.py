"""The published comparison: raw demonstrations, a BC policy as the proxy operator."""

from dataclasses import replace

from mac_control.suites.policies import (
    BC,
    BC_AVERAGED,
    BC_CHUNK,
    DIFFUSION,
    IBC,
    IBC_DFO,
    MAC,
    MAC_AVERAGED,
    MAC_CHUNK,
    MIXTURE_BC,
    MIXTURE_BC_CONDITIONED,
    minute,
)
from mac_control.suites.suite import Block, Suite

#: Scale of the displacements with which `published-corrected` trains every policy [rad].
CORRECTIONS = 0.05

PUBLISHED = Suite(
    name="published",
    question="Trained on human demonstrations alone: does MAC act as well as BC and IBC, and "
    "better with a proxy operator?",
    goal="MAC alone at least 3.4 of 4; MAC with the proxy above BC, intervals disjoint.",
    data="raw",
    entrants=(
        *minute((BC, MIXTURE_BC, MIXTURE_BC_CONDITIONED, IBC, IBC_DFO, DIFFUSION, MAC)),
        BC_CHUNK,
        BC_AVERAGED,
        MAC_CHUNK,
        MAC_AVERAGED,
    ),
    blocks=(
        Block("alone", ("nobody",), (0,)),
        Block(
            "with a BC proxy operator",
            ("proxy",),
            (1, 3, 5),
            entrants=("mac", "diffusion", "mac_averaged"),
        ),
    ),
    proxy="bc",
)

PUBLISHED_CORRECTED = replace(
    PUBLISHED,
    name="published-corrected",
    question="The same, each policy, the proxy too, trained with corrective labels that need no "
    "simulator (mac-control train --corrections).",
    entrants=tuple(
        replace(entrant, training={**entrant.training, "corrections": CORRECTIONS})
        for entrant in PUBLISHED.entrants
    ),
)
