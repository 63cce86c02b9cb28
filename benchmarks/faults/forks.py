"""Forks of this process that may be killed, and what remains of them."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path


def fork(action: Callable[[Callable[[bytes], None]], None], log: Path) -> tuple[int, int]:
    """Run `action(tell)` in a fork, in its own process group; returns its pid and its messages."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    status = 1
    try:
        os.setsid()
        redirect(log)
        action(lambda text: os.write(write, text) and None)
        status = 0
    except SystemExit as end:
        status = int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(status)


def computed(pid: int) -> float:
    """CPU time of a process [s]; larger than any where it is gone."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid of Linux
    except OSError:
        return float("inf")


def over(pid: int) -> bool:
    """Whether a child has ended; it can still be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def status_of(pid: int, patience: float) -> int:
    """Wait for a child to end; returns its status.

    Raises:
        TimeoutError: it took longer than this [s], and was killed.
    """
    end = time.monotonic() + patience
    while not over(pid):
        if time.monotonic() > end:
            kill(pid, group=True)
            raise TimeoutError
        time.sleep(0.002)
    return os.waitpid(pid, 0)[1]


def kill(pid: int, group: bool) -> bool:
    """Kill and wait; returns whether it was still running."""
    ended, _ = os.waitpid(pid, os.WNOHANG)
    if ended:
        return False
    try:
        (os.killpg if group else os.kill)(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no process group yet
        os.kill(pid, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def workers_of(pid: int) -> list[int]:
    """Spawned workers of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [c for c in map(int, children) if "spawn_main" in _command(c)]


def group_of(pid: int) -> list[int]:
    """The remaining processes of a group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def last_line(log: Path) -> str:
    """The last message of a fork."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it said nothing"


def redirect(log: Path) -> None:
    """Redirect what this process prints to a file from now on."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)


class quiet:
    """Redirect what is printed within the block to a file."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def __enter__(self) -> None:
        sys.stdout.flush()
        self.before = os.dup(1), os.dup(2)
        redirect(self.log)

    def __exit__(self, *exception: object) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, file in enumerate(self.before, start=1):
            os.dup2(file, number)
            os.close(file)
