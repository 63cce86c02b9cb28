"""Which known sets each rule of MAC trains on."""

import numpy as np
import pytest
import torch

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.policies import MacConfig, MacPolicy

D, B = 4, 4000


def drawn(**options):
    """Known and target masks `(N, D)` of a training batch."""
    box = np.ones(D)
    config = MacConfig(width=8, obs_width=8, masks=1, **options)
    policy = MacPolicy(config, np.zeros(2), np.ones(2), -box, box)
    obs, action = torch.zeros(B, 2), torch.zeros(B, D)
    steps = Steps(obs, action, action, action == action)
    rank = policy.draw(steps, torch.Generator().manual_seed(0))["rank"][:, 0]
    return rank == 0, rank == 1


def test_the_baseline_knows_sets_of_every_size_equally_often():
    known, target = drawn(mask_distribution="any-order")
    assert np.bincount(known.sum(1), minlength=D) / B == pytest.approx([1 / D] * D, abs=0.03)
    assert known.float().mean(0).numpy() == pytest.approx([(D - 1) / 2 / D] * D, abs=0.03)
    assert (target == ~known).all()


def test_marginals_are_asked_in_natural_order():
    known, target = drawn(mask_distribution="marginal", targets="next")
    asked_at = target.float().argmax(1)
    known_at = torch.where(known, torch.arange(D), -1).amax(1)
    assert (target.sum(1) == 1).all() and (known_at < asked_at).all()
    # Size t uniform in 1..D, a step of t uniform: nothing known in a share of mean 1/t.
    assert (~known.any(1)).float().mean() == pytest.approx(np.mean(1 / np.arange(1, 5)), abs=0.03)


def test_an_operator_gives_so_many_dimensions_and_a_prefix_follows():
    known, _ = drawn(mask_distribution="operator", num_given=(0,))
    prefixes = torch.arange(D) < known.sum(1, keepdim=True)
    assert torch.equal(known, prefixes)  # nothing given: a prefix in natural order
    known, _ = drawn(mask_distribution="operator", num_given=(3,))
    assert (known.sum(1) == 3).all()
    known, _ = drawn(mask_distribution="operator", num_given=(1, 9))  # 9 of 4 leaves nothing to ask
    assert (known.sum(1) >= 1).all()


def test_autonomy_is_trained_as_often_as_asked():
    alone = [
        drawn(mask_distribution="evidence", nothing=share)[0].any(1).float().mean()
        for share in (0, 0.9)
    ]
    assert alone[1] < alone[0]


@pytest.mark.parametrize(
    "options", [{"mask_distribution": "slide"}, {"num_given": ()}, {"num_given": (-1,)}]
)
def test_rules_that_cannot_be(options):
    with pytest.raises(InputError, match=next(iter(options))):
        MacConfig(**options)


def test_an_operator_who_gives_all_leaves_nothing_to_train():
    with pytest.raises(InputError, match="num_given"):
        drawn(mask_distribution="operator", num_given=(4,))
