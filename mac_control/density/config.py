"""Settings of density models and of their training, with presets by kind of data."""

from __future__ import annotations

from dataclasses import dataclass

from mac_control.engine.paths import OBJECTIVES, Objective
from mac_control.errors import InputError
from mac_control.ranges import expect_at_least

KINDS = ("text", "images", "tables")
HEADS = ("categorical", "logistic", "gaussian")


@dataclass(frozen=True)
class DensityConfig:
    """Settings of a density model: all that its checkpoint needs besides weights."""

    kind: str
    """Kind of data: text, images or tables."""
    shape: tuple[int, ...]
    """Shape of one row: (250,) characters, (32, 32, 3) pixels, (D,) columns."""
    width: int = 128
    """Width of the transformer."""
    layers: int = 4
    """Layers of the transformer."""
    heads: int = 4
    """Attention heads."""
    ratio: int = 4
    """Width of its MLPs, as a multiple of `width`."""
    head: str = "categorical"
    """The conditionals: categorical (text, images), logistic (images) or gaussian (tables)."""
    components: int = 8
    """Components of a mixture."""
    bend: int = 0
    """Tables: components of the mixture that makes each column a standard normal; 0: none."""
    shrink: float = 0.02
    """Tables: share of its diagonal mixed into the covariance from which conditionals start."""
    ordered: bool = False
    """Tables: whether known values are read in the order of the path, not as a set."""
    objective: str = "mac"
    """Objective of training (`mac_control.engine.paths.OBJECTIVES`)."""
    queries: str = "evidence"
    """Queries to train for: joint, marginal or evidence."""
    order: str = "natural"
    """Order in which a query's variables are predicted: natural, spaced or random."""

    def __post_init__(self) -> None:
        Objective(self.objective, self.queries, self.order)
        if self.kind == "tables" and self.objective.endswith("-sets"):
            raise InputError(
                "objective: expected mac, ardm, no-redundancy or paper for a table, whose base "
                f"takes one variable after another, got {self.objective!r}"
            )
        allowed = {"text": HEADS[:1], "images": HEADS[:2], "tables": HEADS[2:]}
        if self.kind not in allowed:
            raise InputError(f"kind: expected one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.head not in allowed[self.kind]:
            names = " or ".join(allowed[self.kind])
            raise InputError(f"head: expected {names} for {self.kind}, got {self.head!r}")
        sizes = {n: getattr(self, n) for n in ("width", "layers", "heads", "ratio", "components")}
        for name, value in {**sizes, "shape": min(self.shape, default=0)}.items():
            if value < 1:
                raise InputError(f"{name}: expected at least 1, got {value}")
        if not 0 <= self.shrink <= 1:
            raise InputError(f"shrink: expected 0 to 1, got {self.shrink}")
        if self.bend < 0 or (self.bend and self.kind != "tables"):
            raise InputError(f"bend: expected 0, or more for a table, got {self.bend}")

    @property
    def path_objective(self) -> Objective:
        """How training paths are drawn."""
        return Objective(self.objective, self.queries, self.order)


@dataclass(frozen=True)
class DensityTraining:
    """How a density model is trained."""

    steps: int = 2000
    """Steps of the optimizer."""
    batch_size: int = 64
    """Rows of D variables in a step; paths of short queries are packed into the same number of
    variables."""
    groups: int = 4
    """Number of different path lengths in a step, where queries are marginals."""
    lr: float = 2e-3
    """Peak learning rate."""
    warmup: int = 100
    """Steps until the learning rate peaks; a cosine then lowers it to a hundredth."""
    weight_decay: float = 0.01
    """Weight decay of matrices."""
    clip: float = 1.0
    """Clip gradients to this L2 norm."""
    ema: float = 0.99
    """Decay of the averaged weights, which are saved."""
    keep: str = "last"
    """Weights to save: last, or best on validation rows."""
    check_every: int = 250
    """Steps between two validations."""
    check_rows: int = 64
    """Rows in a validation."""
    recompute: bool = False
    """Recompute activations in the backward pass: less memory, a third more time."""
    bf16: bool = False
    """Compute in bfloat16 where the device has it."""
    device: str = "cpu"
    """Device to train on: cpu, cuda, ..."""
    seed: int = 0
    """Seed of everything drawn at random."""
    save_seconds: float = 120.0
    """Time between two saves of the state [s]."""

    def __post_init__(self) -> None:
        least = {"steps": 1, "batch_size": 1, "groups": 1, "check_every": 1, "check_rows": 1}
        least |= {"lr": 0, "clip": 0, "warmup": 0, "weight_decay": 0, "save_seconds": 0}
        expect_at_least(self, least)
        for name in ("lr", "clip"):
            if getattr(self, name) == 0:
                raise InputError(f"{name}: expected more than 0, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**63:
            raise InputError(f"seed: expected a whole number from 0 to 2^63, got {self.seed}")
        if not 0 <= self.ema < 1:
            raise InputError(f"ema: expected 0 to below 1, got {self.ema}")
        if self.keep not in ("last", "best"):
            raise InputError(f"keep: expected last or best, got {self.keep!r}")


Preset = tuple[dict[str, object], dict[str, object]]

#: (kind, preset) -> settings of the model and of training that differ from the defaults.
#: `published`: text as in the paper's code (12 layers of 768, 12 heads, batches of 180, learning
#: rate 5e-4, windows of 250, spaced order); images with its batch and learning rate, on a
#: transformer of about as many weights as the paper's U-Net. The steps are ours: the paper's code
#: gives an upper limit of epochs only.
PRESETS: dict[tuple[str, str], Preset] = {
    ("text", "small"): ({"layers": 3}, {"batch_size": 32, "groups": 2, "lr": 3e-3}),
    ("text", "published"): (
        {"width": 768, "layers": 12, "heads": 12, "ratio": 4, "order": "spaced"},
        {
            "steps": 1_000_000,
            "batch_size": 180,
            "lr": 5e-4,
            "warmup": 5000,
            "ema": 0.9999,
            "bf16": True,
            "check_every": 5000,
        },
    ),
    ("images", "small"): (
        {"width": 96, "layers": 4, "head": "logistic", "components": 5},
        {"batch_size": 16, "groups": 2},
    ),
    ("images", "published"): (
        {
            "width": 512,
            "layers": 14,
            "heads": 8,
            "head": "logistic",
            "components": 30,
            "order": "spaced",
        },
        {
            "steps": 1_000_000,
            "batch_size": 24,
            "lr": 1e-4,
            "warmup": 5000,
            "ema": 0.9999,
            "bf16": True,
            "recompute": True,
            "check_every": 5000,
        },
    ),
    ("tables", "small"): (
        {"width": 64, "layers": 2, "head": "gaussian", "components": 8},
        {"batch_size": 128, "keep": "best", "ema": 0.98, "steps": 600, "lr": 3e-3, "clip": 5.0},
    ),
    ("tables", "published"): (
        {"width": 512, "layers": 4, "heads": 8, "head": "gaussian", "components": 20},
        {
            "steps": 400_000,
            "batch_size": 512,
            "lr": 5e-4,
            "warmup": 2000,
            "ema": 0.9999,
            "keep": "best",
            "check_every": 2000,
            "check_rows": 2000,
        },
    ),
}

__all__ = ["HEADS", "KINDS", "OBJECTIVES", "PRESETS", "DensityConfig", "DensityTraining"]
