"""Export: the file answers as torch does, on any mask, without torch, or it is not there."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given as cases
from hypothesis import settings
from hypothesis import strategies as st

from mac_control import CheckpointError, InputError, MacControlError, PartialAction, load_policy
from mac_control.checkpoint import save_policy
from mac_control.demonstrations import load_demonstrations
from mac_control.parallel import one_thread
from mac_control.policies import MacConfig, policy_class
from mac_control.policies.bc import BC
from mac_control.policies.onnx import TOLERANCE, OnnxPolicy, answers, difference
from mac_control.training import new_policy

pytest.importorskip("onnx")
from mac_control import export

DOCS = (Path(__file__).parent.parent / "docs" / "export.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
#: Put before a program: importing these is an error.
BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocker())
"""


def shaken(policy):
    """The policy as if it were trained: no weight is 0 as in the beginning."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return policy.eval()


#: Exporting takes time for each step and layer.
SMALL = {"width": 8, "layers": 1, "components": 2}


def small(name, dim=2, **config):
    low, high = -np.linspace(0.5, 2, dim), np.linspace(0.7, 1, dim)
    cls = policy_class(name)
    return shaken(cls(cls.Config(**config), np.full(4, 0.3), np.full(4, 0.7), low, high))


@pytest.fixture(scope="module", autouse=True)
def one_core():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def mac():
    """A MAC of the default size, normalised for the kitchen."""
    return shaken(new_policy("mac", load_demonstrations("builtin"), seed=0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, mac):
    """A folder with mac.onnx, exported from a checkpoint by the command."""
    folder = tmp_path_factory.mktemp("export")
    save_policy(folder / "mac", mac, training={"seed": 3}, data={"tasks": ["kettle"]})
    from mac_control.scripts.export import Args, main

    main(Args(folder / "mac", folder / "mac.onnx"))
    return folder


@pytest.fixture(scope="module")
def exported(folder):
    return OnnxPolicy(folder / "mac.onnx")


class Raw(NamedTuple):
    """What a robot's computer hands to the graph: not checked."""

    values: np.ndarray
    given: np.ndarray


@settings(max_examples=60)
@cases(seed=st.integers(0, 2**32 - 1), batch=st.integers(1, 40), share=st.floats(0, 1))
def test_any_mask_gives_what_torch_gives(mac, exported, seed, batch, share):
    rng = np.random.default_rng(seed)
    obs = rng.normal(0, 3, (batch, 30))
    mask = rng.random((batch, 9)) < share
    partial = PartialAction(rng.normal(0, 1, (batch, 9)), mask)  # some beyond the box
    found, wanted = exported.act(obs, partial), mac.act(obs, partial)
    assert difference(found, wanted, mac.low, mac.high).max() <= TOLERANCE
    assert np.array_equal(found[mask], np.clip(partial.values, -1, 1)[mask])


def test_the_graph_itself_clips_and_hides_what_is_not_given(mac, exported):
    obs, values = np.zeros((2, 30), np.float32), np.full((2, 9), 7, np.float32)
    mask = np.array([[True] + [False] * 8] * 2)
    values[1, 1:] = np.nan
    # One by one: in a batch, last bits may depend on the row.
    first, second = (
        exported.complete(obs[[row]], Raw(values[[row]], mask[[row]]))[0] for row in range(2)
    )
    assert np.array_equal(first, second)
    assert first[0] == 1 and np.isfinite(second).all()


@pytest.mark.parametrize("source", ["builtin", "kitchen"])
def test_observations_of_demonstrations_give_what_torch_gives(mac, exported, source, request):
    if source == "kitchen":
        source = request.getfixturevalue("kitchen_complete")
    data = load_demonstrations(str(source))
    rng = np.random.default_rng(0)
    rows = rng.choice(len(data.observations), 1000)
    mask = rng.random((1000, 9)) < rng.random((1000, 1))
    partial = PartialAction(data.actions[rows], mask)
    found, wanted = (p.act(data.observations[rows], partial) for p in (exported, mac))
    assert difference(found, wanted, mac.low, mac.high).max() <= TOLERANCE


@pytest.mark.parametrize(
    "policy",
    [
        small("mac", **SMALL, network="transformer", ordered=True, decoding="mode"),
        small("mac", **SMALL, obs_width=8, head="logistic", order="certain"),
        small("mixture_bc", width=8, condition=True),
        small("bc", width=8),
    ],
    ids=["transformer-mode", "logistic-certain", "mixture_bc", "bc"],
)
def test_every_kind_gives_what_torch_gives(policy, tmp_path):
    file = export.export_policy(policy, tmp_path)
    exported = OnnxPolicy(file)
    assert file == tmp_path / "policy.onnx"
    rng = np.random.default_rng(1)
    obs, mask = rng.normal(0, 1, (200, 4)), rng.random((200, 2)) < 0.4
    partial = PartialAction(rng.uniform(-2, 2, mask.shape), mask)
    found, wanted = exported.act(obs, partial), policy.act(obs, partial)
    far = difference(found, wanted, policy.low, policy.high) > TOLERANCE
    assert far.mean() <= export.TIES
    assert np.array_equal(found[mask], wanted[mask])


@pytest.mark.parametrize("order", ["natural", "certain"])
def test_an_observation_that_is_not_finite_has_no_action(order, tmp_path):
    from mac_control.export import export_policy

    file = export_policy(small("mac", **SMALL, order=order), tmp_path / "p.onnx")
    obs = np.zeros((4, 4), np.float32)
    obs[1, 0], obs[2, 1], obs[3, 2] = np.nan, np.inf, -np.inf
    values = np.array([[0.25, 0.0]] * 4, np.float32)
    found = answers(file.read_bytes(), obs, values, values != 0)
    assert (found[:, 0] == 0.25).all() and np.isfinite(found[0]).all()
    assert np.isnan(found[1:, 1]).all()


def test_the_file_says_what_it_is(folder, mac, exported):
    about = exported.checkpoint
    weights = json.loads((folder / "mac" / "policy.json").read_text())["weights"]
    assert about["weights"] == weights
    assert about["training"] == {"seed": 3} and about["data"] == {"tasks": ["kettle"]}
    assert MacConfig(**{**about["config"], "num_given": (0,)}) == MacConfig(num_given=(0,))
    assert about["made_with"]["torch"] == torch.__version__
    assert np.array_equal(exported.high, mac.high) and exported.obs_dim == 30
    assert str(Path(export.__file__).parent).encode() not in (folder / "mac.onnx").read_bytes()


def test_it_is_a_policy_for_every_verb(folder, tmp_path, capsys):
    from mac_control.scripts.rollout import Args, main

    main(Args(policy=str(folder / "mac.onnx"), episodes=1, episode_steps=2))
    assert "mean subtasks" in capsys.readouterr().out
    again = pickle.loads(pickle.dumps(load_policy(folder / "mac.onnx")))
    assert np.array_equal(again.act(np.ones(30)), load_policy(folder / "mac.onnx").act(np.ones(30)))


def test_the_example_runs_without_torch(folder):
    assert len(BLOCKS) == 2 and len(BLOCKS[0].splitlines()) <= 40
    for block, blocked in zip(BLOCKS, [("torch", "mac_control"), ("torch",)], strict=True):
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED.format(names=blocked) + block],
            cwd=folder, capture_output=True, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (small("ibc", width=8), "got ibc"),
        (small("mac", width=8, decoding="sample"), "got sample and natural"),
        (small("mac", width=8, order="random"), "got mean and random"),
    ],
    ids=["ibc", "sample", "random"],
)
def test_what_cannot_be_exported_says_so(policy, words, tmp_path):
    with pytest.raises(InputError, match=words):
        export.export_policy(policy, tmp_path / "out.onnx")
    assert not list(tmp_path.iterdir())


def test_fill_is_an_option_of_mac_alone(tmp_path):
    with pytest.raises(InputError, match="decoding: expected none with the policy bc"):
        export.export_policy(small("bc", width=8), tmp_path, decoding="mode")


class Liar(BC):
    """Answers otherwise than its graph."""

    def complete(self, obs, partial):
        return super().complete(obs, partial) + 0.01


def test_a_file_that_answers_otherwise_is_not_kept(tmp_path):
    policy = shaken(Liar(BC.Config(width=8), np.zeros(4), np.ones(4), -np.ones(3), np.ones(3)))
    with pytest.raises(MacControlError, match="expected the answers of torch"):
        export.export_policy(policy, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_refused(folder, tmp_path):
    content = (folder / "mac.onnx").read_bytes()
    import onnx

    model = onnx.load_from_string(content)
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    tensor.raw_data = tensor.raw_data[::-1]
    newer = onnx.load_from_string(content)
    next(p for p in newer.metadata_props if p.key == "version").value = "99"
    foreign = onnx.load_from_string(content)
    del foreign.metadata_props[:]
    for found, words in (
        (None, "mac-control export writes one"),
        (b"", "expected ONNX"),
        (content[: len(content) // 2], "expected ONNX"),
        (b"\x80\x04" + bytes(1000), "expected ONNX"),
        (model.SerializeToString(), "expected the answers that torch gave"),
        (newer.SerializeToString(), "expected version 1 or older, got 99"),
        (foreign.SerializeToString(), "that mac-control exported"),
    ):
        if found is not None:
            (tmp_path / "policy.onnx").write_bytes(found)
        with pytest.raises(CheckpointError, match=words):
            OnnxPolicy(tmp_path)
