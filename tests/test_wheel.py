"""The wheel holds every module, and puts nothing but mac_control/ into site-packages."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Import name -> folder of the checkout, for those that lie at the top level.
TOP_LEVEL = {
    "mac_control": "mac_control",
    "mac_control/envs": "envs",
    "mac_control/policies": "policies",
    "mac_control/scripts": "scripts",
}


def test_the_wheel_holds_every_module_and_nothing_else(tmp_path):
    source = tmp_path / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in tracked:  # a copy, so that building leaves nothing in the checkout
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    expected = {
        f"{package}/{path.relative_to(source / folder).as_posix()}"
        for package, folder in TOP_LEVEL.items()
        for path in (source / folder).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == expected
    assert {name.split("/")[0] for name in names} == {"mac_control"}
    assert "mac_control/py.typed" in names
    assert "mac_control/demonstrations/builtin/kitchen-complete-scripted.hdf5" in names


@pytest.mark.parametrize("plugin", sorted((ROOT / "plugins").iterdir()), ids=lambda p: p.name)
def test_a_plugin_is_a_wheel_that_lerobot_finds_by_its_name(tmp_path, plugin):
    source = tmp_path / plugin.name
    shutil.copytree(plugin, source, ignore=shutil.ignore_patterns("build", "*.egg-info", "__py*"))
    modules = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, source],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.name.startswith(("lerobot_policy_", "lerobot_robot_", "lerobot_teleoperator_"))
    assert {name for name in names if name.endswith(".py")} == modules
    (metadata,) = (name for name in names if name.endswith("/METADATA"))
    assert "Requires-Dist: lerobot" in zipfile.ZipFile(wheel).read(metadata).decode()


def test_no_module_has_two_names(tmp_path):
    # Where the checkout is not on the path, the installed mapping alone must find the modules.
    code = (
        "import mac_control, mac_control.envs, mac_control.policies, mac_control.scripts.data;"
        "import importlib.util as u;"
        "assert not any(u.find_spec(n) for n in ('envs', 'policies', 'scripts'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
