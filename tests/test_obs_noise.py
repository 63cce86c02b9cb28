"""Noise on training observations: any policy sees it, labels and held-out episodes do not."""

import json

import numpy as np
import pytest
import torch
from training_runs import demonstrations

from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import Demonstrations, Episode
from mac_control.errors import InputError
from mac_control.policies import policy_class
from mac_control.training import TrainConfig, new_policy
from mac_control.training.run import Run


def batch(name, data, tmp_path, noise=0.0, policy=None, **options):
    config = TrainConfig(steps=8, batch_size=5000, obs_noise=noise, **options)
    return Run(name, data, tmp_path, (0,), policy, config)


@pytest.mark.parametrize("name", ["bc", "mixture_bc", "ibc", "mac"])
def test_observations_are_disturbed_and_actions_are_not(name, tmp_path):
    run, plain = (batch(name, demonstrations(), tmp_path, noise) for noise in (0.3, 0.0))
    drawn, before = run.draw(0), plain.draw(0)
    assert torch.equal(drawn["action"], before["action"])
    added = (drawn["obs"] - before["obs"]) / run.policies[0].obs_std
    torch.testing.assert_close(added.std(0), torch.full((4,), 0.3), atol=0.02, rtol=0)


def test_every_frame_of_a_window_is_disturbed(tmp_path):
    config = policy_class("windowed").Config("bc", {"width": 8}, n_obs_steps=3)
    run = batch("windowed", demonstrations(), tmp_path, 0.5, config)
    plain = batch("windowed", demonstrations(), tmp_path, 0.0, config)
    added = (run.draw(0)["obs"] - plain.draw(0)["obs"]) / run.policies[0].inner.obs_std
    assert added.shape[1] == 12 and (added.std(0) - 0.5).abs().max() < 0.05


def test_what_the_demonstrator_was_up_to_is_told_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    data = Demonstrations(
        [
            Episode(rng.normal(size=(40, 2)), rng.uniform(-1, 1, (40, 3)), subtasks=[name] * 40)
            for name in ("left", "right")
        ]
    )
    config = policy_class("intent").Config(policy="mixture_bc", options={"width": 8})
    obs = batch("intent", data, tmp_path, 1.0, config).draw(0)["obs"]
    assert obs[:, 2:].unique().tolist() == [0.0, 1.0]
    assert obs[:, :2].std() > 1.2


def test_held_out_episodes_are_rated_as_they_are(tmp_path):
    losses = [
        batch("bc", demonstrations(), tmp_path, noise, validation=0.3).validate()
        for noise in (0.0, 5.0)
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_a_spread_that_is_none_is_refused(value):
    with pytest.raises(InputError, match=f"obs_noise: expected at least 0, got {value}"):
        TrainConfig(obs_noise=value)


@pytest.mark.parametrize("name", ["mac", "windowed"])
def test_a_checkpoint_that_has_it_among_macs_settings_is_read(name, tmp_path):
    options = {"width": 16, "obs_width": 16}
    config = policy_class(name).Config(*(("mac", options) if name == "windowed" else ()))
    save_policy(tmp_path, new_policy(name, demonstrations(), 0, config))
    record = json.loads((tmp_path / "policy.json").read_text())
    (record["config"]["options"] if name == "windowed" else record["config"])["obs_noise"] = 0.1
    (tmp_path / "policy.json").write_text(json.dumps(record))
    assert load_policy(tmp_path).act(np.zeros(4)).shape == (3,)
