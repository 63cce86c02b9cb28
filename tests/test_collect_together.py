"""Collecting with any operator: alone, with a policy, with a teacher."""

import shutil

import numpy as np
import pytest
import torch

from mac_control import InputError
from mac_control.checkpoint import save_policy
from mac_control.checkpoint_record import policy_record
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.load import builtin_path
from mac_control.envs import make_kitchen
from mac_control.errors import DataError, MacControlError
from mac_control.operators import Operator
from mac_control.partial import PartialAction
from mac_control.policies.bc import BC
from mac_control.policies.mac import MacConfig, MacPolicy
from mac_control.scripts.collect import Args, main


def test_an_operator_and_a_policy_collect_together(tmp_path):
    out = tmp_path / "shared"
    driver = "expert:order=tasks+group:base:gripper"
    main(Args(out=str(out), operator=driver, policy="builtin", episodes=2, workers=1))
    made = load_demonstrations(out)
    assert len(made) == 2 and min(episode.rewards.sum() for episode in made) >= 3
    for episode in made:
        # What the operator gave is recorded: in training no other dimension is given.
        assert (episode.given == np.isin(np.arange(9), [0, 1, 2, 7, 8])).all()
        assert np.array_equal(episode.executed, episode.actions)
    again = tmp_path / "again"
    main(Args(out=str(again), operator=driver, policy="builtin", episodes=2, workers=2))
    for one, other in zip(made, load_demonstrations(again), strict=True):
        assert np.array_equal(one.actions, other.actions)


def test_a_teacher_says_what_it_would_do_where_operator_and_policy_come_to(tmp_path):
    driver, teacher = "expert:order=tasks+noisy:std=0.05+k:3", "expert:order=tasks"
    settings = {"operator": driver, "policy": "builtin", "episodes": 1, "workers": 1}
    made = []
    for name, extra in (("alone", {}), ("taught", {"teacher": teacher})):
        main(Args(out=str(tmp_path / name), **settings, **extra))
        made.append(load_demonstrations(tmp_path / name)[0])
    alone, taught = made
    assert np.array_equal(taught.executed, alone.actions)  # the teacher moves nothing
    assert np.array_equal(taught.given, alone.given)
    assert not np.allclose(taught.actions, taught.executed, atol=0.1)
    # The operator is the same expert, but for its noise of 0.05.
    off = (taught.actions - taught.executed)[taught.given]
    assert 0.02 < off.std() < 0.08 and np.abs(off).max() < 0.3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"teacher": "expert:order=tasks"}, "teacher: expected a policy too"),
        ({"teacher": "expert+k:3", "policy": "builtin"}, "that gives every dimension, got one"),
        ({"teacher": "nosuch", "policy": "builtin"}, "teacher: operator: expected one of"),
        (
            {"data": "builtin", "policy": "builtin"},
            "data: expected only with an operator",
        ),
        ({"min_reward": np.nan, "policy": "builtin"}, "min_reward: expected a finite number"),
        ({"orders": "play", "policy": "builtin"}, "orders: expected only of the kitchen's expert"),
        (
            {"noise": 0.9, "policy": "builtin"},
            "noise: expected only where no policy drives",
        ),
    ],
)
def test_a_teacher_that_does_not_fit_is_said(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        main(Args(out=str(tmp_path / "some"), operator="expert+k:3", episodes=1, **options))


def test_with_a_teacher_the_policy_drives_and_every_episode_is_kept(tmp_path):
    settings = {"policy": "builtin", "episodes": 1, "workers": 1, "episode_steps": 20}
    with pytest.raises(DataError, match="ask for a lower min_reward"):
        main(Args(out=str(tmp_path / "some"), **settings))
    main(Args(out=str(tmp_path / "some"), teacher="expert", **settings))  # that name is free
    (episode,) = load_demonstrations(tmp_path / "some")
    assert len(episode) == 20 and not episode.given.any()


def test_trackers_collect_what_they_follow(tmp_path):
    settings = {"policy": "builtin", "episodes": 1, "workers": 1, "episode_steps": 30}
    settings |= {"data": "builtin", "operator": "tracker+k:3", "teacher": "tracker"}
    main(Args(out=str(tmp_path / "taught"), **settings))
    (taught,) = load_demonstrations(tmp_path / "taught")
    assert (taught.given.sum(axis=1) == 3).all()
    # Operator and teacher follow the same demonstration.
    assert np.array_equal(taught.actions[taught.given], taught.executed[taught.given])
    # The same data wherever they lie; others would be another data set.
    shutil.copy(builtin_path(), tmp_path / "moved.hdf5")
    main(Args(out=str(tmp_path / "taught"), **settings | {"data": str(tmp_path / "moved.hdf5")}))
    with pytest.raises(InputError, match="out: expected a name that is free"):
        main(Args(out=str(tmp_path / "taught"), **settings | {"data": str(tmp_path / "taught")}))
    with pytest.raises(InputError, match="data: expected only of operators who follow"):
        main(Args(out=str(tmp_path / "more"), data="builtin"))


class Failing(Operator):
    """A teacher that does what it is told not to."""

    def __init__(self, action_dim: int, how: str = "raises") -> None:
        self.how, self.dim = how, action_dim

    def read(self, obs):
        obs[:] = np.nan
        if self.how == "raises":
            raise RuntimeError("no light")
        return PartialAction.everything(np.zeros(self.dim + (self.how == "wide")))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raises", "teacher Failing, at step 0: RuntimeError: no light"),
        ("wide", r"teacher Failing, at step 0: .*expected.*9.*got.*10"),
        ("writes", None),
    ],
)
def test_a_teacher_that_fails_is_named_and_changes_nothing(tmp_path, how, said):
    settings = {"policy": "builtin", "episodes": 1, "workers": 1, "episode_steps": 5}
    teacher = f"{__name__}:Failing:how={how}"
    args = Args(out=str(tmp_path / how), teacher=teacher, **settings)
    if said is None:
        main(args)
        assert not load_demonstrations(tmp_path / how)[0].actions.any()
        return
    with pytest.raises(MacControlError, match=said):
        main(args)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"episode_steps": 20}, "episode_steps: expected only of operators other than"),
        ({"min_reward": 99.0}, "min_reward: expected only of operators other than"),
        ({"robot": "nope.toml", "env": "kitchen"}, "robot: expected only of operators other than"),
        ({"env": "kitchen:tasks=mixed"}, "env: expected the kitchen without options for"),
        ({"env": "Reacher-v5", "operator": "tracker"}, "data: expected 2 action dimensions"),
    ],
)
def test_what_would_be_ignored_or_does_not_fit_is_said(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        main(Args(out=str(tmp_path / "some"), episodes=1, workers=1, **options))
    assert not list(tmp_path.iterdir())


def test_the_environment_is_that_of_the_data(tmp_path):
    settings = {"operator": "tracker", "episodes": 1, "workers": 1, "min_reward": 0.0}
    kettle = {"env": "kitchen:tasks=kettle", "data": "builtin", "episode_steps": 5}
    main(Args(out=str(tmp_path / "one"), **settings, **kettle))
    main(Args(out=str(tmp_path / "two"), **settings, data=str(tmp_path / "one")))
    two = load_demonstrations(tmp_path / "two")
    assert two.tasks == ("kettle",) and len(two[0]) == 5


def test_an_operator_that_fails_is_named_before_anything_is_written(tmp_path):
    operator = f"{__name__}:Failing"
    with pytest.raises(MacControlError, match="operator Failing, at its first step: RuntimeError"):
        main(Args(out=str(tmp_path / "some"), operator=operator, episodes=1, workers=1))
    assert not list(tmp_path.iterdir())


def test_an_operator_of_some_dimensions_needs_a_policy(tmp_path):
    with pytest.raises(InputError, match=r"or a policy that fills in the rest, got expert\+k:3"):
        main(Args(out=str(tmp_path / "some"), operator="expert+k:3", episodes=1, workers=1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "nowhere"}, "expected a checkpoint folder"),
        ({"policy": "builtin", "env": "Reacher-v5", "operator": "nobody"}, "expected the environ"),
        ({"policy": "builtin", "operator": "expert+k:99"}, "expected a number of dimensions"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(options, said, tmp_path):
    with pytest.raises(MacControlError, match=said):
        main(Args(out=str(tmp_path / "shared"), episodes=1, workers=1, **options))
    assert not list(tmp_path.iterdir())


def test_another_policy_of_the_same_name_does_not_go_on_with_the_data_of_the_first(tmp_path):
    env, checkpoint = make_kitchen(), tmp_path / "policy"
    arguments = {"policy": str(checkpoint), "operator": "nobody", "min_reward": 0.0}
    args = Args(out=str(tmp_path / "data"), episodes=1, workers=1, episode_steps=5, **arguments)
    mac = {"width": 8, "obs_width": 8}
    torch.manual_seed(0)
    made = save_policy(checkpoint, MacPolicy.for_env(env, MacConfig(**mac)))
    main(args)
    weights = policy_record(made)["weights"]
    others = MacConfig(**mac, order="random"), MacConfig(**{**mac, "width": 16})
    for config, same in zip(others, (True, False), strict=True):
        torch.manual_seed(0)
        save_policy(checkpoint, MacPolicy.for_env(env, config))
        assert (policy_record(made)["weights"]["sha256"] == weights["sha256"]) is same
        with pytest.raises(InputError, match="a data set of the same settings"):
            main(args)
    env.close()


def test_weights_of_a_small_network_fill_in_too(tmp_path):
    rng, sizes = np.random.default_rng(0), {"w1": (8, 30), "w2": (8, 8), "w3": (9, 8)}
    arrays = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    arrays |= {f"b{name[1]}": np.zeros(size[0], np.float32) for name, size in sizes.items()}
    arrays |= {"in_shift": np.zeros(30), "in_scale": np.ones(30)}
    arrays |= {"out_shift": np.zeros(9), "out_scale": np.ones(9)}
    np.savez(tmp_path / "mlp.npz", **arrays)
    options = {"policy": str(tmp_path / "mlp.npz"), "operator": "nobody", "min_reward": 0.0}
    main(Args(out=str(tmp_path / "data"), episodes=1, workers=1, episode_steps=5, **options))
    assert len(load_demonstrations(tmp_path / "data")[0]) == 5


def test_an_exported_policy_fills_in_too(tmp_path):
    pytest.importorskip("onnx")
    from mac_control.export import export_policy

    env = make_kitchen()
    file = export_policy(BC.for_env(env, BC.Config(width=8)).eval(), tmp_path / "bc.onnx")
    env.close()
    options = {"policy": str(file), "operator": "expert+k:3", "min_reward": 0.0}
    main(Args(out=str(tmp_path / "data"), episodes=2, workers=2, episode_steps=5, **options))
    assert [each.given.sum() for each in load_demonstrations(tmp_path / "data")] == [15, 15]
