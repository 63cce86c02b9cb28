"""Commands as a user types them. Those of `mac-control` that follow each other share one process,
which loads what they need once."""

import itertools
import json
import os
import shlex
import subprocess
import sys

#: Runs the lines of its input as the console command does; says what each said and returned.
RUN = """
import contextlib, io, json, shlex, sys
from mac_control.cli import main
for line in sys.stdin.read().splitlines():
    sys.argv, said, code = shlex.split(line), io.StringIO(), 0
    with contextlib.redirect_stdout(said):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([line, said.getvalue(), code]), flush=True)
"""


def type_commands(lines, cwd, environment=None):
    """What each line prints; one that fails is an error."""
    said = {}
    environment = environment or {**os.environ, "OMP_NUM_THREADS": "1"}
    options = {"cwd": cwd, "env": environment, "capture_output": True, "text": True}
    for ours, part in itertools.groupby(lines, lambda line: shlex.split(line)[0] == "mac-control"):
        part = list(part)
        if ours:
            done = subprocess.run([sys.executable, "-c", RUN], input="\n".join(part), **options)
            found = [json.loads(line) for line in done.stdout.splitlines()]
            assert done.returncode == 0 and len(found) == len(part), done.stdout + done.stderr
        else:
            ran = [(line, subprocess.run(line, shell=True, **options)) for line in part]
            found = [(line, done.stdout, done.returncode) for line, done in ran]
            done = ran[-1][1]
        for line, out, code in found:
            assert code == 0, f"{line}\n{out}\n{done.stderr}"
            said[line] = out
    return said
