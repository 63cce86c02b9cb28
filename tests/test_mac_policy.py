"""MAC as a policy: it conditions on what is given, keeps it, and knows how likely it was."""

from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from mac_control.demonstrations.table import Steps
from mac_control.errors import InputError
from mac_control.partial import PartialAction
from mac_control.policies import MacConfig, MacPolicy
from mac_control.policies.trusted import trusting

LOW, HIGH = np.array([-2.0, 0.0, -1.0]), np.array([2.0, 1.0, 1.0])
SMALL = MacConfig(width=32, layers=1, obs_width=32, obs_layers=1, components=3)


def policy(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return MacPolicy(config, np.zeros(2), np.ones(2), LOW, HIGH)


@pytest.fixture(scope="module")
def two_ways():
    """Trained where all dimensions go up together or down together, with the same chance."""
    rng = np.random.default_rng(0)
    side = rng.choice([-0.6, 0.6], size=(2000, 1))
    unit = torch.tensor(side + 0.05 * rng.standard_normal((2000, 3))).float()
    mac = policy()
    action, obs = mac.from_unit(unit), torch.tensor(rng.standard_normal((2000, 2))).float()
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(mac.parameters(), lr=3e-3)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(300):
        rows = torch.randint(2000, (64,), generator=generator)
        optimizer.zero_grad()
        steps = Steps(obs[rows], action[rows], action[rows], action[rows] < 9)
        mac.loss(mac.draw(steps, generator)).backward()
        optimizer.step()
    torch.set_num_threads(threads)
    return mac


def unit(action):
    return 2 * (np.asarray(action) - LOW) / (HIGH - LOW) - 1


def test_what_is_given_decides_the_rest(two_ways):
    for side in (-0.6, 0.6):
        for dim in range(3):
            given = np.arange(3) == dim
            values = (LOW + (side + 1) / 2 * (HIGH - LOW)).astype(np.float32)
            for fill in ("mean", "mode", "sample"):
                two_ways.config = replace(SMALL, decoding=fill)
                two_ways.reset(0)
                action = two_ways.act(np.zeros(2), PartialAction(values, given))
                assert action[dim] == values[dim]
                assert unit(action) == pytest.approx([side] * 3, abs=0.3)


def test_samples_take_both_ways_whole(two_ways):
    two_ways.config = replace(SMALL, decoding="sample")
    two_ways.reset(0)
    drawn = unit(two_ways.act(np.zeros((400, 2))))
    up = (drawn > 0).sum(1)
    assert np.isin(up, (0, 3)).mean() > 0.97
    assert 0.35 < (up == 3).mean() < 0.65


def test_likelihood_integrates_to_one_in_action_units(two_ways):
    grid = np.linspace(0, 1, 4001, dtype=np.float32)
    values = np.zeros((4001, 3), np.float32)
    values[:, 1] = grid
    given = np.tile([False, True, False], (4001, 1))
    log_prob = two_ways.log_prob(np.zeros((4001, 2)), PartialAction(values, given))
    with pytest.raises(InputError, match=r"partial: expected shape \(3, 3\), a row for each obs"):
        two_ways.log_prob(np.zeros((3, 2)), PartialAction(values[0], given[0]))
    assert np.exp(log_prob).sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=0.03)


def test_likelihood_tells_what_fits_from_what_does_not(two_ways):
    together = PartialAction([1.2, 0.8, 0.6], [True, True, False])
    apart = PartialAction([1.2, 0.2, 0.6], [True, True, False])
    fits, does_not, nothing = (
        two_ways.log_prob(np.zeros(2), p) for p in (together, apart, PartialAction.nothing(3))
    )
    assert fits > does_not + 2
    assert nothing == 0


def test_a_seed_decides_what_is_sampled():
    mac = policy(replace(SMALL, decoding="sample", order="random"))
    obs = np.zeros((5, 2))
    actions = []
    for seed in (3, 3, 4):
        mac.reset(seed)
        actions.append(mac.act(obs))
    assert (actions[0] == actions[1]).all() and (actions[0] != actions[2]).any()


def test_given_is_what_was_executed_and_the_targets_are_what_the_expert_does():
    """Executed values of dimensions that are unknown have no part in the loss."""
    mac = policy(replace(SMALL, masks=4))
    generator = torch.Generator().manual_seed(0)
    action, executed = torch.rand(6, 3), torch.rand(6, 3)
    batch = mac.draw(Steps(torch.randn(6, 2), action, executed, action == action), generator)
    known = batch["rank"] == 0
    for parameter in mac.parameters():
        parameter.data.normal_(generator=generator).mul_(0.3)
    for key, seen in (("executed", known.any(1)), ("action", (~known).any(1))):
        value = batch[key].clone().requires_grad_()
        mac.loss({**batch, key: value}).backward()
        inside = (value > torch.tensor(LOW)) & (value < torch.tensor(HIGH))
        assert torch.equal((value.grad != 0)[inside], seen[inside])


@pytest.mark.parametrize("network", ["mlp", "transformer"])
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("head", ["gaussian", "logistic"])
def test_every_kind_learns_under_autocast_and_answers(network, ordered, head):
    config = MacConfig(
        network=network, ordered=ordered, head=head, width=16, layers=1, obs_width=16, masks=2
    )
    mac = policy(config)
    generator = torch.Generator().manual_seed(0)
    action = mac.from_unit(torch.rand(8, 3, generator=generator) * 2 - 1)
    obs = torch.randn(8, 2, generator=generator)
    batch = mac.draw(Steps(obs, action, action, action == action), generator)
    with torch.autocast("cpu", torch.bfloat16):
        loss = mac.loss(batch)
    loss.backward()
    assert loss.dtype == torch.float32 and torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in mac.parameters() if p.grad is not None)
    for order in ("natural", "random", "certain"):
        mac.config = replace(config, order=order)
        action = mac.act(np.zeros((4, 2)))
        assert ((action >= mac.low) & (action <= mac.high)).all()


def test_settings_are_json_and_wrong_ones_are_named():
    assert MacConfig(**asdict(SMALL)) == SMALL
    for wrong in ({"network": "cnn"}, {"decoding": "median"}, {"order": "best"}, {"masks": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            MacConfig(**wrong)
    for name, bad in (
        *(("temperature", each) for each in (-1.0, np.nan, np.inf)),
        *(("given_noise", each) for each in (-0.1, np.nan, np.inf)),
        *(("nothing", each) for each in (-0.1, 1.1, np.nan)),
        ("obs_layers", -1),
    ):
        with pytest.raises(InputError, match=f"{name}: expected .*, got {bad}"):
            MacConfig(**{name: bad})
    policy(MacConfig(temperature=0.0, given_noise=0.0, nothing=1.0, obs_layers=0))


def test_only_what_an_operator_gave_is_a_condition_and_all_else_is_what_the_expert_does():
    mac = policy(replace(SMALL, masks=64, targets="next"))
    generator = torch.Generator().manual_seed(0)
    action, executed = torch.rand(2, 3), torch.rand(2, 3)
    gave = torch.tensor([[True, False, False], [True, True, True]])
    batch = mac.draw(Steps(torch.randn(2, 2), action, executed, gave), generator)
    assert torch.equal(batch["executed"], torch.where(gave, executed, action))
    known = batch["rank"] == 0
    # The path asks for the rest in order: dimension 2 is known first to nobody.
    assert known[0, :, 0].any() and not (known[0, :, 2] & ~known[0, :, 1]).any()
    assert (known[1, :, 2] & ~known[1, :, 1]).any()  # where everything may be given, it is


def test_a_soft_command_beyond_the_box_is_as_unlikely_as_an_exact_one():
    torch.manual_seed(0)
    policy = MacPolicy(MacConfig(width=16), np.zeros(3), np.ones(3), -np.ones(2), np.ones(2))
    obs = np.zeros(3)
    for value in (0.9, 1.5, 3.0):
        exact = policy.log_prob(obs, PartialAction([value, 0], [True, False]))
        soft = policy.log_prob(obs, PartialAction([value, 0], [True, False], 1e-4))
        assert soft == pytest.approx(exact, abs=1e-2)


def test_a_likelihood_takes_rows_of_the_policys_size_only():
    policy = MacPolicy(MacConfig(width=16), np.zeros(3), np.ones(3), -np.ones(4), np.ones(4))
    command = PartialAction.everything(np.zeros((2, 4)))
    for ask in (policy.log_prob, policy.uncertainty):
        with pytest.raises(InputError, match="obs: expected 3 entries, got 1"):
            ask(np.zeros((2, 1)), command)
        with pytest.raises(InputError, match="partial: expected 4 dimensions, got 1"):
            ask(np.zeros((2, 3)), PartialAction.everything(np.zeros((2, 1))))
    obs, action = np.zeros(3), np.array([0.1, 0.2, -0.1, 0.0])
    given = np.array([True, False, True, False])
    one = policy.conditional_log_prob(obs, action, given)
    assert one == pytest.approx(
        policy.conditional_log_prob(obs[None], action[None], given[None])[0]
    )
    for wrapper in (trusting(policy, 0.1), trusting(policy, "adaptive")):
        assert wrapper.conditional_log_prob(obs, action, given) == one


@pytest.mark.parametrize("network", ["mlp", "transformer"])
def test_a_policy_without_observations_is_a_density_of_actions(network):
    torch.manual_seed(0)
    none, config = np.zeros(0), MacConfig(width=8, obs_width=8, network=network)
    own = MacPolicy(config, none, none, -np.ones(2), np.ones(2))
    partial = PartialAction([0.3, 0.0], [True, False])
    action = own.act(none, partial)
    assert action[0] == np.float32(0.3) and abs(action[1]) <= 1
    rows = own.complete_rows(none[None], partial.batched())[0]
    np.testing.assert_allclose(action, rows, atol=1e-5)
    steps = Steps(*(torch.zeros(6, n) for n in (0, 2, 2)), torch.ones(6, 2, dtype=torch.bool), None)
    assert torch.isfinite(own.loss(own.draw(steps, torch.Generator().manual_seed(0))))
    assert np.isfinite(own.log_prob(none, PartialAction.everything([0.3, 0.1])))
    assert own.uncertainty(none, PartialAction.nothing(2)).shape == (2,)
    assert own.sample(np.zeros((0, 0)), PartialAction.nothing(0, 2)).shape == (0, 2)
