"""The benchmarks of the first minutes and of the suite itself measure what they say."""

import os

import pytest

from benchmarks import first_minutes, suite_runs
from mac_control.errors import MacControlError
from mac_control.parallel import cores


def test_the_way_of_a_new_user_is_the_readmes(driving):
    install, drive = first_minutes.readme_commands(first_minutes.ROOT)[:2]
    assert install[0].startswith("python3 -m venv") and install[1].startswith("pip install")
    assert drive == ["mac-control teleoperate"]
    with driving() as (cockpit, loop):
        loop.post("pause")
        first_minutes.drive_as_page(cockpit.url)
        assert not loop.paused
        rows = [{"clone": 1.0, "install": 60.0, "page": 5.0, "drive": 0.25, "load": 1.0}] * 2
        said = first_minutes.report(rows, first_minutes.machine())
    assert "Once it is installed, 5 s (5 s at most in 2 runs)" in said
    assert "| install |" in said and "| 60.0 | 60.0, 60.0 |" in said


SUITE = """
import pytest

def test_that_passes():
    assert True

def test_that_fails():
    assert 1 == 2

def test_that_needs_more():
    pytest.skip("needs more")
"""


def test_a_run_of_a_suite_is_counted(tmp_path):
    (tmp_path / "test_small.py").write_text(SUITE)
    found = suite_runs.run_suite(os.name == "posix", tmp_path, ("-p", "no:cacheprovider"))
    assert found["seconds"] > 0 and found["load"] >= 0
    found |= {"seconds": 3.0, "load": 2.5}
    assert found == {"passed": 1, "failed": 1, "skipped": 1, "seconds": 3.0, "load": 2.5,
                     "failures": ["test_small::test_that_fails"],
                     "said": ["assert 1 == 2"]}  # fmt: skip
    rows = [{"commit": "abc", "state": "full", "data": True, "cores": 2, **found}]
    said = suite_runs.report(rows * 2)
    assert "2 of 2 runs had a failure; the last 0 had none" in said
    after = suite_runs.report([*rows, {**rows[0], "failed": 0, "failures": []}])
    assert "1 of 2 runs had a failure; the last 1 had none" in after
    assert "| full | yes | 2 | 1 | 2 | 2 | 3 | 1 | 2.5 to 2.5 | 3 s |" in said
    assert "| abc | 2 | 2 |" in said
    assert said.count("`abc`, full, failed: test_small::test_that_fails") == 2


def test_a_run_that_collects_nothing_is_no_run(tmp_path):
    with pytest.raises(MacControlError, match="pytest: expected a report"):
        suite_runs.run_suite(False, tmp_path, ("-p", "no:cacheprovider", "no-such-folder"))


def test_a_loaded_machine_is_busy_only_as_long_as_asked():
    with suite_runs.burners(cores()) as busy:
        assert [process.poll() for process in busy] == [None] * cores()
    assert all(process.poll() is not None for process in busy)
