"""What mkdocs is told besides mkdocs.yml: pages that are made, not written."""

from __future__ import annotations

import ast
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import architecture
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = architecture.ROOT
#: Page -> file of the checkout that it shows as it is.
SHOWN = {"index.md": "README.md", "CONTRIBUTING.md": "CONTRIBUTING.md"}
SHOWN |= {name: name for name in ("CHANGELOG.md", "CITATION.cff")}
#: Endings of files in results/ that pages show or link to.
EVIDENCE = (".md", ".png", ".svg", ".json", ".csv", ".sh")

_sources = tempfile.TemporaryDirectory(prefix="mac-control-docs-")


@event_priority(100)  # before mkdocstrings reads its options
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Point griffe at the sources, and put the pages that are made into the navigation."""
    merged = Path(_sources.name) / "mac_control"
    shutil.rmtree(merged, ignore_errors=True)
    python = {"ignore": shutil.ignore_patterns("*.pyc", "*.hdf5", "__pycache__")}
    shutil.copytree(ROOT / "mac_control", merged, **python)
    for name in architecture.MAPPED:  # as setuptools maps them
        shutil.copytree(ROOT / name, merged / name, **python)
    handler = config.plugins["mkdocstrings"].config.handlers["python"]
    handler["paths"] = [_sources.name]

    (guides,) = (entry["How to"] for entry in config.nav if "How to" in entry)
    named = {page for guide in guides for page in guide.values()}
    named |= {page for entry in config.nav for page in entry.values() if isinstance(page, str)}
    guides += [p.name for p in sorted((ROOT / "docs").glob("*.md")) if p.name not in named]
    config.nav += [
        {"Evidence": [{_title(p): p.relative_to(ROOT).as_posix()} for p in _evidence(".md")]},
        {"Reference": [{name: page} for name, page in _reference().items()]},
        {"Project": [{"Contributing": "CONTRIBUTING.md"}, {"Changes": "CHANGELOG.md"}]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that do not lie in docs/."""
    for page, source in SHOWN.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for path in _evidence(*EVIDENCE):
        name = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, name, abs_src_path=str(path)))
    for name, page in _reference().items():
        files.append(File.generated(config, page, content=_reference_page(name)))
    files.append(File.generated(config, "architecture.svg", content=architecture.draw()))
    files.append(File.generated(config, "lattice.svg", content=_lattice()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links that are right in the checkout become right in the site, where docs/ is the root."""
    if page.file.src_uri in SHOWN:
        return markdown.replace("](docs/", "](")
    if "/" not in page.file.src_uri:
        return markdown.replace("](../", "](")
    markdown = markdown.replace("](../docs/", "](../")
    if page.file.src_uri.startswith(("results/", "benchmarks/")) and not markdown.startswith("# "):
        return f"# {page.title}\n\n{markdown}"
    return markdown


def _evidence(*endings: str) -> list[Path]:
    found = sorted(p for p in (ROOT / "results").rglob("*") if p.suffix in endings)
    benchmarks = [p for p in sorted((ROOT / "benchmarks").glob("*")) if p.suffix in endings]
    return benchmarks + found


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first[2:] if first.startswith("# ") else f"{path.parent.name}: {path.stem}"


def _reference() -> dict[str, str]:
    """Name in the navigation -> page, one per package."""
    return {"mac_control": "reference/mac_control.md"} | {
        name: f"reference/{name}.md" for name in sorted(architecture.rooms())
    }


def _reference_page(name: str) -> str:
    path = architecture.INNER.get(name, name)
    package = "mac_control" if name == "mac_control" else f"mac_control.{path}"
    folder = Path(_sources.name) / package.replace(".", "/")
    alone = name == "mac_control"
    files = sorted(folder.glob("*.py")) if alone else architecture.files(name, folder)
    modules = []
    for file in files:
        parts = file.relative_to(_sources.name).with_suffix("").parts
        dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not parts[-1].startswith("_") or parts[-1] == "__init__":
            modules.append(dotted)
    modules.sort(key=lambda module: (module != package, module))
    return f"# {package}\n\n" + "\n".join(_directive(m, m == package) for m in modules)


def _directive(module: str, is_package: bool) -> str:
    """What mkdocstrings replaces by a module's documentation."""
    if not is_package:
        return f"::: {module}\n"
    # What a package passes on stands in its own module; what it defines itself stands here.
    tree = ast.parse((Path(_sources.name) / module.replace(".", "/") / "__init__.py").read_text())
    own = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    return f"::: {module}\n    options: {{members: {own or False}}}\n"


def _lattice() -> bytes:
    from mac_control.engine.lattice import draw_lattice

    content = io.BytesIO()
    draw_lattice(4, ("any", "evidence")).savefig(content, format="svg")
    return content.getvalue()
