"""Every command on a page, and in the scripts behind results, is one that the verbs understand."""

import re
import shlex
from pathlib import Path
from unittest.mock import patch

import pytest
import tyro

from mac_control.cli import VERBS, run_named

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "results").glob("*/README.md")),
    *sorted((ROOT / "results").glob("*/run.sh")),
]


def commands(page):
    """Lines that begin with the command, continued ones joined; those with variables left out."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(r"^(?:    )?(?:MAC_\w+=\S+ )?mac-control ([^\n`]*)", text, flags=re.M)
    return [line for line in found if not re.search(r"[$…<>|]|NAME|VERB|FOLDER|CHECKPOINT", line)]


CASES = [
    pytest.param(line, id=f"{page.parent.name}-{page.stem}-{i}")
    for page in PAGES
    for i, line in enumerate(dict.fromkeys(commands(page)))
]


@pytest.mark.parametrize("line", CASES)
def test_the_command_is_understood(line, capsys):
    def parsed(main, argv, prog=None, parse=None):
        if parse is not None:
            parse(argv, prog)
        else:
            tyro.cli(main.__globals__["Args"], prog=prog, args=argv)
        raise SystemExit(0)

    with patch("mac_control.cli.run", parsed), pytest.raises(SystemExit) as status:
        run_named("mac_control.scripts", VERBS, "mac-control", shlex.split(line, comments=True))
    assert status.value.code == 0, f"mac-control {line}\n{capsys.readouterr().err}"
