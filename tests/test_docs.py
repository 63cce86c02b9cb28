"""The site builds without a warning, holds what it promises, and its picture is true."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent


def _architecture():
    path = ROOT / "docs" / "_site" / "architecture.py"
    spec = importlib.util.spec_from_file_location("architecture", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class _Links(HTMLParser):
    """What a page loads, and the pages of the site that it leads to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads, self.leads = [], []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag in ("script", "img", "iframe") and "src" in found:
            self.loads.append(found["src"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon"):
            self.loads.append(found["href"])
        elif tag == "a" and not re.match(r"[a-z]+:|#", found.get("href", "#")):
            self.leads.append(found["href"])


def test_the_site_is_whole_and_needs_no_other_host(site):
    pages = sorted(site.rglob("*.html"))
    assert {"index.html", "concepts.html", "CHANGELOG.html"} <= {page.name for page in pages}
    for page in pages:
        if page.name == "404.html":  # its links begin at the root of a server
            continue
        links = _Links(page)
        for target in links.loads + links.leads:
            assert not target.startswith(("http:", "https:", "//")), (page, target)
            file = (page.parent / target.partition("#")[0].partition("?")[0]).resolve()
            assert file.exists(), (page.relative_to(site), target)


def test_pages_show_what_is_made_from_the_sources(site):
    def text(page):
        return (site / page).read_text(encoding="utf-8")

    assert 'id="mac_control.partial.PartialAction.overlay"' in text("reference/mac_control.html")
    assert 'id="mac_control.policies.base.Policy.act"' in text("reference/policies.html")
    assert "&gt;&gt;&gt;" in text("reference/engine.html")  # doctests are code
    assert "lattice.svg" in text("concepts.html")
    for page in (ROOT / "docs").glob("*.md"):  # each is in the navigation of the home page
        assert f'href="{page.stem}.html"' in text("index.html"), page.name
    for page in (ROOT / "results").glob("*/*.md"):
        made = page.with_suffix(".html").relative_to(ROOT).as_posix().replace("README", "index")
        assert (site / made).exists(), made


def test_the_picture_of_the_architecture_is_true():
    architecture = _architecture()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["packages"]
    rooms = {name.split(".")[1] for name in packages if "." in name} | set(architecture.INNER)
    assert set(architecture.INNER.values()) <= {n.partition(".")[2] for n in packages}
    assert set(architecture.rooms()) == rooms
    picture = architecture.draw()
    assert set(re.findall(r'font-weight="bold">(\w+)<', picture)) == rooms
    arrows = architecture.shortest(architecture.imports())
    assert picture.count("marker-end") == sum(map(len, arrows.values())) > len(rooms) / 2
    for room, targets in arrows.items():
        folder = architecture.rooms()[room]
        sources = "".join(f.read_text() for f in architecture.files(room, folder))
        for target in targets:
            path = re.escape(architecture.INNER.get(target, target))
            assert re.search(rf"(from|import) mac_control\.{path}\b", sources), (room, target)


def test_the_picture_shows_the_order_of_the_story():
    architecture = _architecture()
    floor = architecture.layers(architecture.imports())
    assert floor["engine"] < floor["policies"] < floor["loop"] < floor["scripts"]
    with pytest.raises(ValueError, match=r"a -> b -> a"):
        architecture.layers({"a": {"b"}, "b": {"a"}})
