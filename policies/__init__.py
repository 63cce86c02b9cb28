"""Policies: each answers `act(obs, partial) -> action`; those that learn have a name."""

from typing import TYPE_CHECKING

from mac_control.errors import InputError
from mac_control.lazy import lazily
from mac_control.plugins import POLICIES
from mac_control.policies.base import Policy

if TYPE_CHECKING:
    from mac_control.policies.learned import LearnedPolicy
    from mac_control.policies.mac import MacPolicy
    from mac_control.policies.mac_config import MacConfig
    from mac_control.policies.zero import ZeroPolicy

# Imported on first use: not every policy needs torch.
__getattr__ = lazily(
    __name__,
    {
        "LearnedPolicy": "learned",
        "MacConfig": "mac_config",
        "MacPolicy": "mac",
        "ZeroPolicy": "zero",
    },
)

#: Former names of policies, in old checkpoints.
FORMER_NAMES = {"recall": "retrieval"}


def policy_class(name: str) -> "type[LearnedPolicy]":
    """The class of the learned policy of this name, in the group `mac_control.policies`.

    Raises:
        InputError: an unknown name, or something other than a class of learned policies.

    Example:
        >>> policy_class("bc").name
        'bc'
    """
    from mac_control.policies.learned import LearnedPolicy

    found = POLICIES.load(FORMER_NAMES.get(name, name))
    if not (isinstance(found, type) and issubclass(found, LearnedPolicy)):
        raise InputError(f"policy {name!r}: expected a LearnedPolicy, got {found!r:.100}")
    return found


__all__ = ["LearnedPolicy", "MacConfig", "MacPolicy", "Policy", "ZeroPolicy", "policy_class"]
