"""Every Python block of the README and of the documentation runs, each in an empty folder."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: Pages whose blocks need what only another test makes, and that run there.
ELSEWHERE = {"export.md": "test_export.py", "density.md": "test_density_model.py"}
PAGES = [p for p in sorted((ROOT / "docs").glob("*.md")) if p.name not in ELSEWHERE]
PAGES = [ROOT / "README.md", *PAGES]
BLOCKS = [
    pytest.param(page, block, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]


@pytest.mark.parametrize(("page", "block"), BLOCKS)
def test_the_block_runs(page, block, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, page.name, "exec"), {"__name__": "readme"})
