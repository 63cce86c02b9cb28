"""The search for settings: equal budgets, resumable, every space fits its policy."""

import json

import numpy as np
import pytest

from mac_control.demonstrations import Demonstrations, Episode, load_demonstrations
from mac_control.envs import make_env, robot_of
from mac_control.errors import DataError, InputError, MacControlError
from mac_control.policies import policy_class
from mac_control.policies.bc import BCConfig
from mac_control.suites import tuning
from mac_control.suites.tuning import tune
from mac_control.training import preset
from mac_control.training.timing import steps_in

#: Those that are searched for in the benchmarks, each with as many settings.
NAMES = ("bc", "mixture_bc", "ibc", "diffusion", "mac")


def test_every_space_fits_its_policy_and_is_as_large():
    spaces = {name: policy_class(name).search_space for name in NAMES}
    for name, space in spaces.items():
        for key, choices in space.items():
            for choice in choices:
                policy_class(name).Config(**{key: choice})
    assert {len(space) for space in spaces.values()} == {2}


def test_a_search_goes_on_where_it_stopped(tmp_path, kitchen_complete):
    data = load_demonstrations(kitchen_complete).select([0, 1])
    options = {"steps": 2, "episodes": 1, "num_given": (0,), "operator": "nobody", "workers": 1}
    first = tune("bc", data, tmp_path, trials=1, **options)
    both = tune("bc", data, tmp_path, trials=2, **options)
    assert len(both["trials"]) == 2 and both["trials"][0] == first["trials"][0]
    assert json.loads((tmp_path / "tuning.json").read_text()) == both
    assert set(both["best"]["settings"]) == {"width", "depth", "lr", "obs_noise"}
    with pytest.raises(InputError, match=r"same budget in .*, got another \(episodes\)"):
        tune("bc", data, tmp_path, trials=3, **{**options, "episodes": 2})
    with pytest.raises(InputError, match=r"got another \(data\)"):
        tune("bc", data.select([0]), tmp_path, trials=3, **options)
    with pytest.raises(InputError, match=r"seconds: expected without steps, got both, 9 and 2"):
        tune("bc", data, tmp_path, trials=3, seconds=9, **options)
    with pytest.raises(InputError, match=r"got another \(env\)"):
        tune("bc", data, tmp_path, trials=3, env_options={"max_episode_steps": 9}, **options)
    named = {"env_options": {"tasks": ("kettle", "microwave")}}
    for trials in (1, 2):  # tuples come back as lists
        tune("bc", data, tmp_path / "named", trials=trials, **named, **options)
    whole = tune("bc", data, tmp_path / "whole", trials=4, **options)
    four = tune("bc", data, tmp_path, trials=4, **options)  # the third time, and no setting twice
    assert four["trials"] == whole["trials"]
    config = policy_class("bc").Config()
    defaults = {"width": config.width, "depth": config.depth, "lr": 1e-3, "obs_noise": 0.0}
    assert first["trials"][0]["settings"] == defaults


def test_settings_that_do_not_train_are_one_trial(tmp_path, kitchen_complete, monkeypatch):
    data = load_demonstrations(kitchen_complete).select([0, 1])
    options = {"steps": 2, "episodes": 1, "num_given": (0,), "operator": "nobody", "workers": 1}
    real = tuning.train_many

    def diverges(jobs, **how):
        if jobs[0].out.name in ("trial-0", "trial-1"):
            raise MacControlError("the loss is nan")
        return real(jobs, **how)

    monkeypatch.setattr(tuning, "train_many", diverges)
    with pytest.raises(MacControlError, match="every trial failed, the last one with: the loss"):
        tune("bc", data, tmp_path, trials=1, **options)
    found = tune("bc", data, tmp_path, trials=3, **options)
    assert [t["value"] is None for t in found["trials"]] == [True, True, False]
    assert found["best"] == found["trials"][2] and "failed" not in found["best"]
    assert [t["failed"] for t in found["trials"][:2]] == ["the loss is nan"] * 2
    assert tune("bc", data, tmp_path, trials=3, **options) == found
    assert tune("bc", data, tmp_path / "whole", trials=3, **options)["trials"] == found["trials"]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"budget": {}, "trials": [{}]}', '{"budget": {}, "trials": {}}']
)
def test_a_damaged_search_is_named_with_what_to_do(tmp_path, kitchen_complete, content):
    (tmp_path / "tuning.json").write_text(content)
    with pytest.raises(DataError, match=r"tuning\.json: expected a search .*; remove it, or take"):
        tune("bc", load_demonstrations(kitchen_complete), tmp_path)
    assert (tmp_path / "tuning.json").read_text() == content


def test_the_score_may_be_the_share_of_successes(tmp_path, kitchen_complete):
    data = load_demonstrations(kitchen_complete).select([0, 1])
    options = {"steps": 3, "episodes": 2, "num_given": (0,), "operator": "nobody", "workers": 1}
    found = tune("mac", data, tmp_path, trials=1, score="successes", **options)
    assert found["budget"]["steps"] == 3 and found["budget"]["score"] == "successes"
    assert found["best"]["value"] == 0.0


def test_successes_of_an_environment_that_reports_none(tmp_path):
    env = make_env("Reacher-v5", max_episode_steps=4)
    data = Demonstrations([Episode(np.zeros((4, 10)), np.zeros((4, 2)))], (), {}, robot_of(env))
    options = {"steps": 3, "episodes": 1, "num_given": (0,), "operator": "nobody", "workers": 1}
    with pytest.raises(InputError, match="score: expected an environment that reports successes"):
        tune("bc", data, tmp_path, trials=1, score="successes", env="Reacher-v5", **options)


def test_a_wide_network_has_fewer_steps_in_the_same_time(tmp_path, kitchen_complete):
    data = load_demonstrations(kitchen_complete).select([0, 1])
    steps = [
        steps_in(1.0, "bc", data, tmp_path, BCConfig(width=width), preset("bc"))[0]
        for width in (16, 2048)
    ]
    assert steps[0] > 2 * steps[1] > 2
    options = {"seconds": 0.01, "episodes": 1, "num_given": (0,), "operator": "nobody"}
    found = tune("bc", data, tmp_path, trials=1, workers=1, **options)
    assert found["budget"]["seconds"] == 0.01 and 1 <= found["trials"][0]["steps"] < 1000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"score": "luck"}, "score: expected one of rewards"),
        ({"seconds": -1.0}, "seconds: expected"),
        ({"trials": 0}, "trials: expected at least 1, got 0"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
        ({"operator": "trackr"}, "operator: expected one of .* did you mean 'tracker'"),
        ({"operator": "tracker+noisy:strength=1"}, "operator 'noisy': expected arguments out of"),
        ({"num_given": (3, 10)}, "num_given: expected numbers from 0 to 9, got 10"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_any_training(
    tmp_path, kitchen_complete, options, said
):
    with pytest.raises(InputError, match=said):
        tune("bc", load_demonstrations(kitchen_complete), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_policy_without_a_space(tmp_path, kitchen_complete):
    with pytest.raises(InputError, match="policy: expected one of bc"):
        tune("oracle", load_demonstrations(kitchen_complete), tmp_path)
