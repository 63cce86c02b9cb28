"""Fixtures that several tests share."""

import os
from pathlib import Path

import hypothesis
import pytest

# No test asserts a time; on a checkout under test the cases are the same in every run.
hypothesis.settings.register_profile("ours", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("ours")

KITCHEN_COMPLETE = "mini_kitchen_microwave_kettle_light_slider-v0.hdf5"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real data that MAC_CONTROL_DATA names; skips where there is none."""
    if not (folder := os.environ.get("MAC_CONTROL_DATA")):
        pytest.skip("needs real data: MAC_CONTROL_DATA names no folder")
    return Path(folder)


@pytest.fixture(scope="session")
def kitchen_complete(data_folder: Path) -> Path:
    """The 19 human demonstrations of kitchen-complete-v0, D4RL's own file."""
    if not (path := data_folder / KITCHEN_COMPLETE).exists():
        pytest.skip(f"needs {KITCHEN_COMPLETE} in the folder that MAC_CONTROL_DATA names")
    return path
