"""An option that nothing would look at is refused, and what would drive nothing is said."""

import pytest

from mac_control.cli import main
from mac_control.teleop.device import Device, DeviceState


class Stick(Device):
    """Two axes, x and y."""

    def connect(self):
        pass

    def read(self):
        return DeviceState({"x": 0.0, "y": 0.0})


DRIVE = f"teleoperate --device {__name__}:Stick --no-cockpit --steps 1"
SHOW = "devices --show network:port=0"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (f"{DRIVE} --keep-all", "keep_all: expected with --record, got it alone"),
        (f"{DRIVE} --keep-failed", "keep_failed: expected with --record"),
        (f"{DRIVE} --task wave", "task: expected with --record"),
        (f"{DRIVE} --record-as lerobot", "record_as: expected with --record"),
        (f"{DRIVE} --more-policies builtin", "more_policies: expected without --no-cockpit"),
        (f"{DRIVE} --phone", "phone: expected without --no-cockpit"),
        (f"{DRIVE} --host 0.0.0.0", "host: expected without --no-cockpit"),
        (f"{DRIVE} --start", "start: expected without --no-cockpit"),
        (f"{DRIVE} --conflict latest", "conflict: expected with several devices"),
        ("teleoperate --port 0 --steps 1 --remote", "remote: expected with --host 0.0.0.0"),
        ("teleoperate --port 0 --steps 1 --mapping a.toml", "mapping: expected with --device"),
        (f"{DRIVE} --steps 0", "steps: expected at least 1, got 0"),
        (f"{DRIVE} --steps -1", "steps: expected at least 1, got -1"),
        (f"{DRIVE} --mapping empty.toml", "mapping empty.toml: expected some of axis, button"),
        (
            "teleoperate --port 0 --steps 1 --more-policies nowhere",
            "nowhere: expected a checkpoint",
        ),
        (
            "teleoperate --port 0 --steps 1 --more-policies small",
            "policy: expected the environment",
        ),
        (
            "rollout --policy builtin --given 3",
            "num_given: expected with --operator other than nobody",
        ),
        ("rollout --policy builtin --dims 0,1", "dims: expected with --operator other than nobody"),
        (
            "rollout --policy builtin --operator random --proxy builtin",
            "proxy: expected with --operator proxy, got",
        ),
        ("evaluate --policies builtin --given 3 --out o", "num_given: expected with --operators"),
        ("evaluate --policies builtin --trust 0.1 --out o", "trust: expected with --operators"),
        (
            "evaluate --policies builtin --operators random --proxy builtin --out o",
            "proxy: expected with --operators proxy",
        ),
        ("doctor --robot arm.toml", "robot: expected with --env"),
        ("demo --episodes 0 --out o", "episodes: expected at least 1, got 0"),
        (
            "train --data builtin --steps 2 --seed 99999999999999999999 --out o",
            "seeds: expected a whole number below 2^63, got 99999999999999999999",
        ),
        (
            "train --data builtin --steps 2 --intervention-weight 3 --out o",
            "intervention_weight: expected data with steps that an operator drove in part",
        ),
        (
            "rollout --policy builtin --env kitchen:taks=mixed",
            "kitchen: expected options out of tasks, obs, max_episode_steps",
        ),
        (
            "rollout --policy builtin --env kitchen:init_noise=nan",
            "init_noise: expected a finite number of at least 0, got 'nan'",
        ),
        (
            "rollout --policy builtin --operator random+k",
            "operator 'k': expected k, got none; give it as in k:VALUE",
        ),
        (
            "collect --env Reacher-v5 --episodes 1 --out o",
            "operator expert: expected the environment kitchen",
        ),
        (
            "data check --data mappings",
            "'mappings': expected an HDF5 file, a Minari id or folder, an .npz",
        ),
        ("doctor --episode-steps 5", "episode_steps: expected with --env"),
        ("rollout --policy builtin --data builtin", "data: expected only with an operator who"),
        (
            "practice --operators expert --data builtin --out practised",
            "data: expected only with an operator who follows demonstrations",
        ),
        (
            "practice --operators expert --unwanted 1 --out practised",
            "unwanted: expected with --score goal_rewards, got it alone",
        ),
        (
            "train --data builtin --address 10.0.0.1:6379 --out trained",
            "address: expected with --backend ray, got it alone",
        ),
        ("devices --seconds 1", "seconds: expected with --show, got it alone"),
        ("devices --options index=1", "options: expected with --show, got it alone"),
        (f"{SHOW} --seconds -1", "seconds: expected a time of at least 0 s, got -1.0"),
        (f"{SHOW} --seconds nan", "seconds: expected a time of at least 0 s, got nan"),
        (
            "density evaluate --models m --data d --orders",
            "orders: expected at least one, got none",
        ),
    ],
)
def test_an_option_that_is_not_looked_at_is_refused(command, reason, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["mac-control", *command.split()])
    before = sorted(folder.iterdir())
    with pytest.raises(SystemExit) as status:
        main()
    error = capsys.readouterr().err
    assert status.value.code == 2 and f"error: {reason}" in error, error
    assert sorted(folder.iterdir()) == before


def test_a_mapping_of_axes_that_a_device_lacks_is_told(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", ["mac-control", *f"{DRIVE} --mapping other.toml".split()])
    with pytest.raises(SystemExit) as status:
        main()
    said = capsys.readouterr().err
    assert status.value.code == 0, said
    assert f"some of the axes of {__name__}:Stick, x, y, got left, right: it drives nothing" in said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two mappings, and a policy of another robot."""
    import numpy as np

    from mac_control.checkpoint import save_policy
    from mac_control.policies import MacConfig, MacPolicy

    folder = tmp_path_factory.mktemp("here")
    (folder / "empty.toml").write_text("")
    rows = [
        f'[[axis]]\naxis = "{name}"\ndim = {dim}\n' for dim, name in enumerate(("left", "right"))
    ]
    (folder / "other.toml").write_text("".join(rows))
    box = np.ones(2)
    save_policy(folder / "small", MacPolicy(MacConfig(), np.zeros(4), np.ones(4), -box, box))
    return folder
