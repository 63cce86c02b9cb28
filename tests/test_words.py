"""Pages are plain to read: the field's words, and README and docs with a manual's Flesch score."""

import re
from pathlib import Path

import pytest

pyphen = pytest.importorskip("pyphen")

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "results" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTES = sorted((ROOT / "results").glob("*/README.md"))
#: What an engineer would not write here.
AVOIDED = (
    r"heed\w*|calmest|contend\w*|in vain|last word|whoever|memory of plans|"
    r"what is given|mend|mended|seats?|wait, wait"
)
EASE = 75  # syllables are counted by hyphenation, which finds too few: about 20 above Flesch's own


def prose(page):
    """The sentences of a page: no code, tables, headings or addresses."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    text = re.sub(r"^(\||#|!\[).*$", "", text, flags=re.M)
    text = re.sub(r"\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"`[^`]*`", "it", text)
    return re.sub(r"^\s*[-*]\s+", "", text, flags=re.M)


def counts(text):
    """Sentences, words and syllables."""
    syllables = pyphen.Pyphen(lang="en_US")
    words = re.findall(r"[A-Za-z]+(?:'[a-z]+)?", text)
    sentences = [s for s in re.split(r"[.!?:;]\s|\n\s*\n", text) if re.search(r"[A-Za-z]{2}", s)]
    return (
        len(sentences),
        len(words),
        sum(syllables.inserted(word).count("-") + 1 for word in words),
    )


@pytest.mark.parametrize(
    "page", [*PAGES, *NOTES], ids=lambda page: f"{page.parent.name}-{page.stem}"
)
def test_a_page_uses_the_words_of_the_field(page):
    found = re.findall(rf"\b({AVOIDED})\b", prose(page), flags=re.I)
    assert not found, f"{page.name}: {found}"


def test_the_pages_are_easy_to_read():
    sentences, words, syllables = map(sum, zip(*(counts(prose(p)) for p in PAGES), strict=True))
    ease = 206.835 - 1.015 * words / sentences - 84.6 * syllables / words
    assert ease >= EASE, f"Flesch reading ease {ease:.0f}"


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
