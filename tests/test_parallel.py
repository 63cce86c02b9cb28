"""Work that fans out gives the same results, whatever happens to the workers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mac_control import InputError, MacControlError
from mac_control.parallel import run_many


def square(x: int) -> int:
    return x * x


def begin(marker: str) -> int:
    """How often it was begun; one called `dies` takes its worker with it the first time."""
    path = Path(marker)
    with open(path, "a") as file:
        file.write("x")
    if path.name == "dies" and path.read_text() == "x":
        os.kill(os.getpid(), signal.SIGKILL)
    return len(path.read_text())


def die(item: int) -> None:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def threads_of_torch(_: int) -> tuple[bool, int]:
    """Whether torch was there already, and how many threads it computes with."""
    loaded = "torch" in sys.modules
    import torch

    return loaded, torch.get_num_threads()


def test_results_do_not_depend_on_the_number_of_workers():
    items = list(range(7))
    assert dict(run_many(square, items, 1)) == dict(run_many(square, items, 2))


def test_a_worker_computes_with_one_thread_and_loads_torch_only_where_it_is_used(monkeypatch):
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # workers say so by themselves
        monkeypatch.delenv(name, raising=False)
    found = dict(run_many(threads_of_torch, [0, 1], 2))
    assert list(found.values()) == [(False, 1)] * 2


def test_the_work_of_a_worker_that_dies_is_done_again_and_no_other(tmp_path):
    markers = [str(tmp_path / name) for name in ("a", "dies", "b", "c")]
    assert dict(run_many(begin, markers, 2)) == {0: 1, 1: 2, 2: 1, 3: 1}


def test_an_item_whose_workers_die_again_and_again_is_named():
    with pytest.raises(MacControlError, match=r"item 1: its workers died 3 times .*: 1"):
        list(run_many(die, [0, 1], 2))


def report_and_wait(folder: str) -> None:
    Path(folder, str(os.getpid())).touch()
    time.sleep(600)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from test_parallel import *; list(run_many(report_and_wait, [sys.argv[2]] * 2, 2))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, Path(__file__).parent, tmp_path])
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(alive(int(path.name)) for path in tmp_path.iterdir()))


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(condition) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.02)
    raise TimeoutError("not true after 120 s")


def test_no_workers_is_refused():
    with pytest.raises(InputError, match="workers: expected at least 1, got 0"):
        list(run_many(square, [1], 0))


VERB = """
import signal, sys; sys.path.insert(0, sys.argv[1])
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for background jobs
from dataclasses import dataclass
from mac_control.cli import run
from mac_control.parallel import run_many
from test_parallel import report_and_wait

@dataclass
class Args:
    folder: str

def main(args: Args) -> int:
    print("begun", flush=True)
    return len(list(run_many(report_and_wait, [args.folder] * 2, 2)))

run(main, ["--folder", sys.argv[2]])
"""


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("begun", [False, True])
def test_a_verb_that_is_told_to_end_takes_its_workers_along(tmp_path, sent, status, begun):
    verb = subprocess.Popen(
        [sys.executable, "-c", VERB, Path(__file__).parent, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert verb.stdout.readline() == "begun\n"
    if begun:
        wait_until(lambda: len(list(tmp_path.iterdir())) == 2)
    else:
        time.sleep(0.5)  # workers are about to start
    os.killpg(verb.pid, sent)  # as a terminal does
    _, said = verb.communicate(timeout=120)
    assert (verb.returncode, said) == (status, "interrupted\n" if sent == signal.SIGINT else "")
    assert not any(alive(int(path.name)) for path in tmp_path.iterdir())
