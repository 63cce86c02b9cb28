"""Export of a policy to one ONNX file that runs without torch, including the fill-in loop."""

from __future__ import annotations

import copy
import dataclasses
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mac_control.errors import InputError, MacControlError
from mac_control.files import atomic_path
from mac_control.partial import PartialAction
from mac_control.policies import LearnedPolicy
from mac_control.policies.onnx import FORMAT, TOLERANCE, VERSION, answers, difference, file_of

#: For ONNX Runtime 1.14 (2023) and later, as robot computers are not updated often.
OPSET = 18
#: Random inputs on which the file is compared with torch, and how many of them it keeps.
QUESTIONS, KEPT = 512, 4
#: Share of inputs that may differ: between equal modes or entropies, rounding decides.
TIES = 0.01


class Act(nn.Module):
    """`Policy.act` as one graph: `(B, O)`, `(B, D)`, `(B, D)` boolean -> `(B, D)`."""

    def __init__(self, policy: LearnedPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, obs: Tensor, values: Tensor, given: Tensor) -> Tensor:
        """The whole action; given entries bit for bit, clipped to the action box."""
        low, high = self.policy.action_low, self.policy.action_high
        # Selected, not multiplied: whatever a free entry holds (a NaN, say) must not spread.
        kept = values if self.policy.guessed_box else values.maximum(low).minimum(high)
        values = torch.where(given, kept, 0.0)
        action = self.policy.graph(obs, values, given)
        # An observation that is not finite gets NaN, which the robot's program can check for.
        action = torch.where(obs.isfinite().all(-1, keepdim=True), action, torch.nan)
        return torch.where(given, values, action.maximum(low).minimum(high))


def export_policy(
    policy: LearnedPolicy, out: str | Path, decoding: str | None = None, order: str | None = None
) -> Path:
    """Write a policy as a file for :class:`OnnxPolicy` and any ONNX Runtime; returns the path.

    Inputs are `obs` `(B, O)`, `values` `(B, D)` and `given` `(B, D)` boolean, the output is
    `action` `(B, D)`; the metadata hold JSON: action box, configuration, training, versions, the
    checkpoint's checksum. The file is compared with torch on random inputs before it is written.

    Args:
        policy: one that neither draws at random nor is stateful.
        out: a file that ends in .onnx, or a folder for `policy.onnx`.
        decoding, order: in place of the policy's own, for a `MacPolicy`.

    Raises:
        InputError: a policy that cannot be exported, or a package that is missing.
        MacControlError: the exported file's answers differ from torch's; nothing is written.
    """
    changes = {k: v for k, v in {"decoding": decoding, "order": order}.items() if v is not None}
    fields = {field.name for field in dataclasses.fields(policy.config)}
    if unknown := changes.keys() - fields:
        raise InputError(f"{min(unknown)}: expected none with the policy {policy.name}")
    policy = copy.deepcopy(policy).cpu().float().eval()
    policy.config = dataclasses.replace(policy.config, **changes)
    model = _model(policy)
    asked = _questions(policy)
    answer = policy.act(asked[0], PartialAction(*asked[1:]))
    inputs = dict(zip(("obs", "values", "given"), asked, strict=True))
    probe = {name: part[:KEPT].tolist() for name, part in {**inputs, "action": answer}.items()}
    record = {**_record(policy), "probe": probe}
    for name, value in record.items():
        model.metadata_props.add(key=name, value=json.dumps(value, allow_nan=False))
    content, file = model.SerializeToString(), file_of(out)
    found = answers(content, *asked)
    wrong = ~(difference(found, answer, policy.low, policy.high) <= TOLERANCE)
    if wrong.mean() > TIES or not np.array_equal(found[asked[2]], answer[asked[2]]):
        raise MacControlError(
            f"{file}: expected the answers of torch, got others to {wrong.mean():.0%} of "
            f"{QUESTIONS} random questions; nothing is written"
        )
    with atomic_path(file) as temporary:
        temporary.write_bytes(content)
    return file


def _model(policy: LearnedPolicy) -> Any:
    """The graph as a protobuf, without paths of this machine."""
    try:
        import onnx
        import onnxscript  # noqa: F401 - the exporter needs it
    except ImportError as error:
        raise InputError(
            f"format: expected the package {error.name} for onnx, got none; "
            "pip install 'mac-control[onnx]'"
        ) from error
    batch = torch.export.Dim("batch")
    example = tuple(map(torch.from_numpy, _questions(policy, 2)))
    Act(policy)(*example)  # raises the policy's own error where it cannot be exported
    with _quiet():
        program = torch.onnx.export(
            Act(policy),
            example,
            input_names=["obs", "values", "given"],
            output_names=["action"],
            dynamic_shapes=({0: batch},) * 3,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.checker.check_model(model)
    return model


def _record(policy: LearnedPolicy) -> dict[str, Any]:
    """The file's metadata: JSON values."""
    checkpoint = getattr(policy, "checkpoint", {})
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": policy.name,
        "config": dataclasses.asdict(policy.config),
        "obs_dim": policy.obs_dim,
        "action_dim": policy.action_dim,
        "low": policy.low.tolist(),
        "high": policy.high.tolist(),
        "guessed_box": policy.guessed_box,
        "robot": policy.robot.to_json() if policy.robot is not None else None,
        **{name: checkpoint.get(name, {}) for name in ("training", "data", "weights")},
        "made_with": {name: version(name) for name in ("mac-control", "torch", "onnx")},
    }


def _questions(policy: LearnedPolicy, count: int = QUESTIONS) -> tuple[np.ndarray, ...]:
    """Inputs: observations as in training, masks of every size; the first gives nothing."""
    rng = np.random.default_rng(0)
    mean, std = policy.obs_mean.numpy(), policy.obs_std.numpy()
    obs = rng.normal(mean, std, (count, policy.obs_dim)).astype(np.float32)
    given = rng.random((count, policy.action_dim)) < np.linspace(0, 1, count)[:, None]
    values = rng.uniform(policy.low, policy.high, given.shape).astype(np.float32)
    values = np.clip(values, policy.low, policy.high)
    return obs, np.where(given, values, np.float32(0)), given


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter's warnings about packages it does not need, and about its internals."""
    import logging

    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
