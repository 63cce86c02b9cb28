"""What a `MacPolicy` is made of."""

from __future__ import annotations

from dataclasses import dataclass

from mac_control.engine.mixtures import HEADS
from mac_control.errors import InputError
from mac_control.ranges import expect_at_least

DECODINGS = ("mean", "mode", "sample")
MASK_DISTRIBUTIONS = ("evidence", "operator", "marginal", "any-order")


@dataclass(frozen=True)
class MacConfig:
    """What a `MacPolicy` is made of, as JSON values."""

    network: str = "mlp"
    """`mlp` (least latency) or `transformer`."""
    width: int = 128
    """Width of the part of the network that sees what is known."""
    layers: int = 1
    """Number of its residual blocks."""
    obs_width: int = 256
    """Width of the part that sees the observation alone (`mlp`)."""
    obs_layers: int = 1
    """Number of its residual blocks (`mlp`)."""
    ordered: bool = False
    """Whether known values attend to each other before they are read (`transformer`). Train it with
    `targets="path"`: the other targets show known values at once, acting one after another."""
    head: str = "gaussian"
    """`gaussian`: mixture of Gaussians; `logistic`: discretised logistics, mass at both ends."""
    components: int = 5
    """Components of the mixture."""
    min_scale: float = 0.02
    """Least width of a component, in units of half the action box."""
    masks: int = 2
    """Known sets trained per sample and step."""
    mask_distribution: str = "evidence"
    """Conditionals trained: given `evidence` of any size, then a prefix of the rest; given what an
    `operator` gives (`num_given`), then a prefix; `marginal` queries; `any-order`, the baseline."""
    nothing: float = 0.25
    """Share of the paths in which nothing is given, in training: autonomy (`evidence`)."""
    num_given: tuple[int, ...] = (0, 1, 2, 3, 5, 7)
    """How many dimensions operators give, equally often (`operator`)."""
    targets: str = "all"
    """`all`: every unknown dimension is a target of each known set; `next`: the path's next one;
    `path`: each dimension of the path in turn, which takes one pass with the `transformer` only."""
    given_noise: float = 0.0
    """Largest standard deviation of Gaussian noise on what is known in training, in units of half
    the action box: for operators whose values differ from the demonstrators'."""
    decoding: str = "mean"
    """How dimensions are filled in: `mean`, `mode` or `sample` of one conditional at a time."""
    order: str = "natural"
    """Order of filling in: `natural`, `random` or `certain` (the most certain first)."""
    blocks: int = 0
    """Number of blocks; the dimensions of a block are filled in at once, from what is known before
    it; 0: one dimension after another. Faster with many dimensions, but actions are less likely:
    dimensions of a block are taken to be independent. Needs `order="natural"`; soft commands are
    weighed one by one."""
    block_sizes: tuple[int, ...] = ()
    """Dimensions of each block, in natural order; training finds sizes that lose little."""
    temperature: float = 1.0
    """Temperature of `decoding="sample"`; below 1 concentrates."""
    particles: int = 8
    """Particles that weigh several soft commands together; 1: none, commands are weighed in
    turn."""

    def __post_init__(self) -> None:
        for name, names in (
            ("network", ("mlp", "transformer")),
            ("head", tuple(HEADS)),
            ("targets", ("all", "next", "path")),
            ("mask_distribution", MASK_DISTRIBUTIONS),
            ("decoding", DECODINGS),
            ("order", ("natural", "random", "certain")),
        ):
            if getattr(self, name) not in names:
                raise InputError(
                    f"{name}: expected one of {', '.join(names)}, got {getattr(self, name)!r}"
                )
        if not self.num_given or min(self.num_given) < 0:
            raise InputError(f"num_given: expected numbers of dimensions, got {self.num_given}")
        object.__setattr__(self, "block_sizes", tuple(self.block_sizes))
        if self.blocks < 0 or (self.blocks and self.order != "natural"):
            raise InputError(
                "blocks: expected 0, or a number with order='natural', got "
                f"{self.blocks} with {self.order!r}"
            )
        counts = ("width", "layers", "obs_width", "components", "masks", "particles")
        least = dict.fromkeys(counts, 1) | {"obs_layers": 0, "temperature": 0, "given_noise": 0}
        expect_at_least(self, least)
        if not 0 <= self.nothing <= 1:
            raise InputError(f"nothing: expected a share in [0, 1], got {self.nothing}")

    def expect_dims(self, dim: int) -> None:
        """Raise an InputError where operators would give all of `dim` dimensions, always."""
        if self.mask_distribution == "operator" and min(self.num_given) >= dim:
            raise InputError(f"num_given: expected a number below {dim}, got {self.num_given}")
