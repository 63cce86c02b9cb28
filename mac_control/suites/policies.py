"""The entrants: policies that several suites compare."""

from collections.abc import Iterable
from dataclasses import replace

from mac_control.suites.suite import PolicySpec

BC = PolicySpec("bc", "bc")
MIXTURE_BC = PolicySpec("mixture_bc", "mixture_bc")
#: The same network as `mixture_bc`, but it also weighs its components by the given dimensions.
MIXTURE_BC_CONDITIONED = PolicySpec("mixture_bc_conditioned", "mixture_bc", {"condition": True})
#: The better of the two samplers, with the learning rate that the search found.
IBC = PolicySpec("ibc", "ibc", {"sampler": "langevin"}, {"lr": 2.2e-3})
IBC_DFO = PolicySpec("ibc_dfo", "ibc", {"sampler": "dfo"})
DIFFUSION = PolicySpec("diffusion", "diffusion", {"resample": 3})
#: Denoises a command in one step, after filling in the free dimensions in as many steps as its
#: teacher.
CONSISTENCY = PolicySpec("consistency", "consistency", {"jumps": 10}, teacher="diffusion")
MAC = PolicySpec("mac", "mac")
#: The same weights; fills in samples in place of means.
MAC_SAMPLE = PolicySpec("mac_sample", "mac", {"decoding": "sample"}, weights="mac")

#: Plans of four steps; in the second of each pair, the last four plans are averaged. Trained for
#: longer, MAC overfits them to few demonstrations.
BC_CHUNK = PolicySpec("bc_chunk", "windowed", {"policy": "bc", "chunk_size": 4})
MAC_CHUNK = PolicySpec("mac_chunk", "windowed", {"policy": "mac", "chunk_size": 4}, {"steps": 4000})
BC_AVERAGED, MAC_AVERAGED = (
    replace(
        entrant,
        label=f"{entrant.config['policy']}_averaged",
        config={**entrant.config, "temporal_ensemble_coeff": 0.1},
        weights=entrant.label,
    )
    for entrant in (BC_CHUNK, MAC_CHUNK)
)

#: MAC and the mixture density with a belief over the operator's intent.
MIXTURE_BC_INTENT = PolicySpec(
    "mixture_bc_intent", "intent", {"policy": "mixture_bc", "options": {"condition": True}}
)
MAC_INTENT = PolicySpec("mac_intent", "intent", {"policy": "mac"})

#: Policies with a memory of the demonstrations that they learnt from.
RECALL = tuple(
    PolicySpec(
        f"{entrant.label}_recall", "retrieval", {"policy": entrant.policy}, weights=entrant.label
    )
    for entrant in (BC, DIFFUSION, MAC)
)
BC_RECALL, DIFFUSION_RECALL, MAC_RECALL = RECALL

#: One of each kind that conditions on the given dimensions, or does not.
MAIN = (BC, MIXTURE_BC_CONDITIONED, IBC, DIFFUSION, MAC)


def timed(entrants: Iterable[PolicySpec], **steps: int) -> tuple[PolicySpec, ...]:
    """The entrants, each trained for its kind's number of steps, chosen to take the same time."""

    def trained(entrant: PolicySpec) -> PolicySpec:
        kind = entrant.config.get("policy", entrant.policy)  # the wrapped one
        return replace(entrant, training={**entrant.training, "steps": steps[kind]})

    return tuple(map(trained, entrants))


def minute(entrants: Iterable[PolicySpec]) -> tuple[PolicySpec, ...]:
    """The entrants, each trained in the kitchen for a minute on one core in bfloat16."""
    steps = {"bc": 32000, "mixture_bc": 22000, "ibc": 1500, "diffusion": 25000, "mac": 12000}
    return timed(entrants, **steps, consistency=16000)  # after its teacher's minute
