"""What an evaluation consists of: which policy, which operator, how many given dimensions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mac_control.envs.name import EnvName
from mac_control.errors import InputError
from mac_control.loop.policies import EvalPolicy
from mac_control.operators.spec import operator_digest, parse, uses
from mac_control.options import numbers, only_with

#: Default numbers of given dimensions; any above the robot's `action_dim` are dropped.
NUM_GIVEN = (0, 1, 3, 5)


def given_numbers(text: str | None, action_dim: int, default: Sequence[int]) -> list[int]:
    """Numbers of given dimensions from the command line, or those of `default` that fit.

    Example:
        >>> given_numbers(None, 3, (0, 3, 5)), given_numbers("1,2", 3, ())
        ([0, 3], [1, 2])

    Raises:
        InputError: no numbers, or more than there are dimensions.
    """
    if text is None:
        return [count for count in default if count <= action_dim]
    found = numbers("num_given", text)
    expect_num_given(found, action_dim)
    return found


def expect_num_given(num_given: Sequence[int], action_dim: int) -> None:
    """Raise an InputError where a number is not between 0 and `action_dim`."""
    for count in num_given:
        if not 0 <= count <= action_dim:
            raise InputError(f"num_given: expected numbers from 0 to {action_dim}, got {count}")


@dataclass(frozen=True, eq=False)
class EvalCase:
    """One row of an evaluation: a policy, an operator, and how many dimensions it gives."""

    policy: EvalPolicy
    operator: str
    num_given: int
    proxy: EvalPolicy | None
    key: str | None  # checksum of what determines the row; None where that is not known

    @property
    def title(self) -> str:
        """The row's name within a sentence."""
        return f"{self.policy.name} with {self.operator} giving {self.num_given}"


def plan(
    policies: Sequence[EvalPolicy],
    operators: Sequence[str],
    num_given: Sequence[int],
    proxy_policies: Sequence[EvalPolicy],
    settings: Mapping[str, Any],
    env: tuple[EnvName | None, Mapping[str, Any]] = (None, {}),
) -> list[EvalCase]:
    """The cases, each once; `settings` holds everything else that the results depend on.

    `env` is what :meth:`EvalPolicy.env_for` gets.
    """
    if not operators:
        raise InputError("operators: expected at least one, got none")
    weights = {operator: operator_digest(operator) for operator in operators}
    cases = []
    for policy in policies:
        expect_num_given(num_given, policy.action_dim)
        wanted: dict[tuple[str, int], None] = {}  # an ordered set
        for operator in operators:
            for number in num_given:
                if source_of(operator) == "everything":
                    wanted[operator, policy.action_dim] = None
                else:
                    alone = number == 0 or source_of(operator) == "nobody"
                    wanted[("nobody", 0) if alone else (operator, number)] = None
        for operator, number in wanted:
            proxy = None
            needed = uses(operator, "policy", optional=False)
            if needed or (proxy_policies and uses(operator, "policy")):
                try:
                    proxy = _proxy_for(policy, proxy_policies)
                except InputError:
                    if needed:
                        raise
            where = {**settings, "env": str(policy.env_for(*env))}
            key = _key(policy, operator, weights.get(operator), number, proxy, where)
            cases.append(EvalCase(policy, operator, number, proxy, key))
    return cases


def source_of(operator: str) -> str:
    """The name of an operator without its arguments and wrappers."""
    return parse(operator)[0].name


def expect_used(
    operators: Sequence[str], option: str, driving: Sequence[str], proxy: str | None
) -> None:
    """Raise an InputError where options have no effect on any of the operators.

    `option` names the operators on the command line; `driving` are the options in use that only
    concern one who gives some dimensions.

    Example:
        >>> expect_used(("tracker", "nobody"), "--operators", ["trust"], proxy=None)
    """
    some = [operator for operator in operators if source_of(operator) != "nobody"]
    if driving and not some:
        raise InputError(
            f"{driving[0]}: expected with {option} other than nobody, got nobody; name one, or "
            f"leave {driving[0]} out"
        )
    if proxy is not None and not any(uses(operator, "policy") for operator in some):
        raise only_with("proxy", f"{option} proxy")


def called_bc(policies: Sequence[EvalPolicy]) -> list[EvalPolicy]:
    """The policies named `bc`: the default proxies."""
    return [entry for entry in policies if entry.name == "bc"]


def _proxy_for(policy: EvalPolicy, proxy_policies: Sequence[EvalPolicy]) -> EvalPolicy:
    if len(proxy_policies) == 1:
        return proxy_policies[0]
    for proxy in proxy_policies:
        if proxy.train_seed == policy.train_seed:
            return proxy
    raise InputError(
        f"proxies: expected one policy, or one with training seed {policy.train_seed} for "
        f"{policy.name!r}, got training seeds {[proxy.train_seed for proxy in proxy_policies]}"
    )


def _key(
    policy: EvalPolicy,
    operator: str,
    weights: str | None,
    num_given: int,
    proxy: EvalPolicy | None,
    settings: Mapping[str, Any],
) -> str | None:
    if policy.checksum is None or (proxy is not None and proxy.checksum is None):
        return None
    named: list[Any] = [
        policy.name,
        policy.train_seed,
        policy.checksum,
        policy.config,
        policy.tasks,
        operator,
        num_given,
    ]
    named += [(proxy.checksum, proxy.config) if proxy is not None else None, dict(settings)]
    if weights is not None:
        named.append(weights)
    text = json.dumps(named, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
