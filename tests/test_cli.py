"""Mistakes on the command line end in one sentence that says what to try next."""

import subprocess
import sys

import pytest

from mac_control.cli import main


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        ("trian", "did you mean 'train'?"),
        ("data chek", "did you mean 'check'?"),
        ("train --data none.hdf5 --out runs", "'mac-control data list' shows what there is"),
        (
            "train --data kitchen-mixed-v0 --out runs",
            "'mac-control data download kitchen-mixed-v0'",
        ),
        ("train --data builtin --policy mca --out runs", "did you mean 'mac'?"),
        ("rollout --policy runs/none", "'mac-control train --out FOLDER' makes one"),
        ("rollout --policy {mac} --operator traker", "did you mean 'tracker'?"),
        ("rollout --policy {mac} --operator nobody+nosy", "did you mean 'noisy'?"),
        ("evaluate --out runs", "--policies"),
        ("report runs/none", "'mac-control evaluate --out FOLDER' writes one"),
        ("devices --show gamepda", "did you mean 'gamepad'?"),
    ],
)
def test_a_mistake_ends_with_what_to_try(command, advice, mac, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAC_CONTROL_DATA", raising=False)
    monkeypatch.setattr(sys, "argv", ["mac-control", *command.format(mac=mac).split()])
    with pytest.raises(SystemExit) as status:
        main()
    error = capsys.readouterr().err
    assert status.value.code == 2 and error.startswith("error: ") and advice in error


@pytest.mark.parametrize(
    ("module", "command", "extra"),
    [
        ("optuna", "tune --trials 1 --out runs", "tune"),
        ("diffusers", "train --policy diffusion --data builtin --out runs", "diffusion"),
        ("viser", "teleoperate --steps 1", "cockpit"),
    ],
)
def test_a_missing_package_names_its_extra(module, command, extra, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # As if it were not installed, whatever another test has imported of it.
    for name in (module, *(n for n in sys.modules if n.startswith(f"{module}."))):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(sys, "argv", ["mac-control", *command.split()])
    with pytest.raises(SystemExit) as status:
        main()
    error = capsys.readouterr().err
    assert status.value.code == 2, error
    assert error.startswith("error: ") and f"pip install 'mac-control[{extra}]'" in error


def test_a_missing_package_that_a_module_begins_with_names_its_extra(tmp_path):
    code = (
        "import sys; sys.modules['mink'] = None; from mac_control.cli import main;"
        "sys.argv = ['mac-control', 'collect', '--episodes', '1', '--out', 'runs']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2 and "pip install 'mac-control[expert]'" in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def mac(tmp_path_factory):
    """A checkpoint of a policy that was never trained."""
    import numpy as np

    from mac_control.checkpoint import save_policy
    from mac_control.policies import MacConfig, MacPolicy

    policy = MacPolicy(MacConfig(width=8, layers=1), *np.eye(2, 30), -np.ones(9), np.ones(9))
    return save_policy(tmp_path_factory.mktemp("mac"), policy)
