"""Policies: each answers `act(obs, partial) -> action`; those that learn have a name."""

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from mac_control.errors import InputError, did_you_mean
from mac_control.policies.base import Policy

if TYPE_CHECKING:
    from mac_control.policies.learned import LearnedPolicy
    from mac_control.policies.mac import MacConfig, MacPolicy

# Imported when first asked for: a policy need not be one that is made of torch.
_WHERE = {"LearnedPolicy": "learned", "MacConfig": "mac", "MacPolicy": "mac"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


#: Name -> `module:Class` of the policies that learn. Others join by the entry-point group
#: `mac_control.policies`.
KINDS = {
    "bc": "mac_control.policies.bc:BC",
    "ibc": "mac_control.policies.ibc:IBC",
    "mac": "mac_control.policies.mac:MacPolicy",
    "diffusion": "mac_control.policies.diffusion:Diffusion",
    "mixture_bc": "mac_control.policies.mixture_bc:MixtureBC",
    "intent": "mac_control.policies.intent:Intent",
    "recall": "mac_control.policies.recall:Recall",
    "windowed": "mac_control.policies.windowed:Windowed",
}


def policy_class(name: str) -> "type[LearnedPolicy]":
    """The class of the learned policy of this name.

    Raises:
        InputError: an unknown name.

    Example:
        >>> policy_class("bc").name
        'bc'
    """
    if name in KINDS:
        module, _, cls = KINDS[name].partition(":")
        kind: type[LearnedPolicy] = getattr(import_module(module), cls)
        return kind
    others = {entry.name: entry for entry in entry_points(group="mac_control.policies")}
    if name not in others:
        names = [*KINDS, *others]
        raise InputError(
            f"policy: expected one of {', '.join(names)}, got {name!r}{did_you_mean(name, names)}"
        )
    found: type[LearnedPolicy] = others[name].load()
    return found


__all__ = ["KINDS", "LearnedPolicy", "MacConfig", "MacPolicy", "Policy", "policy_class"]
