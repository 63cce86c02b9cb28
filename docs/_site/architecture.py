"""The picture of the architecture, drawn from the imports that are really there."""

from __future__ import annotations

import ast
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
#: Those that lie at the top level of the checkout and import as mac_control.NAME.
MAPPED = ("envs", "policies", "scripts")
#: Rooms within a room: what is one robot's or task's own.
INNER = {"kitchen": "envs.kitchen"}
#: Rooms of verbs, which import late so that --help is quick: all of their imports count.
VERBS = ("scripts",)
#: Of a box: width, gap, height; of a row; of the slot for an arrow that passes a row [px].
BOX, GAP, HIGH, ROW, SLOT = 196, 14, 76, 116, 10


def rooms() -> dict[str, Path]:
    """Name of every sub-package -> its folder."""
    inside = {p.parent.name: p.parent for p in (ROOT / "mac_control").glob("*/__init__.py")}
    inner = {name: ROOT / path.replace(".", "/") for name, path in INNER.items()}
    return inside | {name: ROOT / name for name in MAPPED} | inner


def room_of(module: str) -> str | None:
    """The room that a module is in; None for one at the top of the package."""
    path = module.removeprefix("mac_control.")
    for name, inner in INNER.items():
        if path == inner or path.startswith(f"{inner}."):
            return name
    name = path.partition(".")[0]
    return name if name in rooms() else None


def files(name: str, folder: Path) -> list[Path]:
    """The sources of a room, without those of the rooms within it."""
    inner = [path for path in INNER.values() if path.startswith(f"{name}.")]
    within = [folder / path[len(name) + 1 :] for path in inner]
    return [f for f in sorted(folder.rglob("*.py")) if not any(w in f.parents for w in within)]


def summary(folder: Path) -> str:
    """First line of a package's docstring, without its period."""
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".").replace("`", "")


def imports() -> dict[str, set[str]]:
    """Room -> rooms that it imports when it is itself imported (not later, in a function).

    Of the rooms of verbs, all imports.
    """
    found = rooms()
    arrows: dict[str, set[str]] = {name: set() for name in found}
    for name, folder in found.items():
        for file in files(name, folder):
            tree = ast.parse(file.read_text(encoding="utf-8"))
            for node in ast.walk(tree) if name in VERBS else tree.body:
                if isinstance(node, ast.ImportFrom):
                    modules = [f"{node.module}.{alias.name}" for alias in node.names]
                elif isinstance(node, ast.Import):
                    modules = [alias.name for alias in node.names]
                else:
                    continue
                ours = [m for m in modules if m.startswith("mac_control.")]
                arrows[name] |= {r for m in ours if (r := room_of(m)) and r != name}
    return arrows


def layers(arrows: dict[str, set[str]]) -> dict[str, int]:
    """Room -> its floor: one above the highest that it imports.

    Raises:
        ValueError: rooms import each other in a circle.
    """
    floor: dict[str, int] = {}

    def visit(name: str, path: tuple[str, ...]) -> int:
        if name in path:
            raise ValueError(f"imports: expected no circle, got {' -> '.join((*path, name))}")
        if name not in floor:
            floor[name] = 1 + max((visit(n, (*path, name)) for n in arrows[name]), default=-1)
        return floor[name]

    for name in sorted(arrows):
        visit(name, ())
    return floor


def shortest(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """The arrows that no longer way over other rooms already says."""

    def reach(name: str) -> set[str]:
        return set().union(*({n} | reach(n) for n in arrows[name]))

    return {
        name: {n for n in targets if not any(n in reach(m) for m in targets - {n})}
        for name, targets in arrows.items()
    }


def draw() -> str:
    """The picture as SVG: a box per room, an arrow to what it builds on."""
    found, arrows = rooms(), shortest(imports())
    place, width, height = places(arrows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        'font-family="sans-serif" text-anchor="middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#7986cb"/>'
        "</marker></defs>",
        f'<rect width="{width:g}" height="{height:g}" fill="white"/>',
    ]
    for name, targets in arrows.items():
        for target in sorted(targets):
            way = [place[n] for n in (name, *slots(name, target, place), target)]
            path = f"M{way[0][0]:g} {way[0][1] + HIGH:g}"
            for (x0, y0), (x1, y1) in pairwise(way):
                middle = (y0 + HIGH + y1) / 2
                path += f" C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}"
                path += f" L{x1:g} {y1 + HIGH:g}" if (x1, y1) != way[-1] else ""
            lines.append(
                f'<path d="{path}" fill="none" stroke="#7986cb" stroke-width="1.3" '
                'marker-end="url(#tip)"/>'
            )
    for name, folder in found.items():
        x, y = place[name]
        lines.append(
            f'<rect x="{x - BOX / 2:g}" y="{y:g}" width="{BOX}" height="{HIGH}" rx="7" '
            'fill="#f5f6fc" stroke="#3f51b5"/>'
            f'<text x="{x:g}" y="{y + 19:g}" font-size="14" font-weight="bold">{name}</text>'
        )
        for i, line in enumerate(textwrap.wrap(summary(folder), 32)[:3]):
            lines.append(
                f'<text x="{x:g}" y="{y + 36 + 14 * i:g}" font-size="10.5" fill="#444">'
                f"{escape(line)}</text>"
            )
    return "\n".join([*lines, "</svg>"]) + "\n"


def places(arrows: dict[str, set[str]]) -> tuple[dict[Any, tuple[float, float]], float, float]:
    """Middle and top of each box, and of a slot wherever an arrow passes a floor; the size."""
    floor: dict[Any, int] = dict(layers(arrows))
    below: dict[Any, list[Any]] = {name: [] for name in floor}
    for name, targets in arrows.items():
        for target in sorted(targets):
            way = [name, *((name, target, f) for f in range(floor[name] - 1, floor[target], -1))]
            floor |= {slot: slot[2] for slot in way[1:]}
            for upper, lower in pairwise([*way, target]):
                below.setdefault(upper, []).append(lower)
    rows = [[n for n in floor if floor[n] == f] for f in range(max(floor.values()) + 1)]
    wide = {n: BOX if isinstance(n, str) else SLOT for n in floor}
    width = max(sum(wide[n] + GAP for n in row) for row in rows) + GAP
    place: dict[Any, tuple[float, float]] = {}
    for f, row in enumerate(rows):
        over = {n: [place[m][0] for m in below[n]] or [width / 2] for n in row}
        row.sort(key=lambda n: (sum(over[n]) / len(over[n]), str(n)))  # above what it builds on
        x = (width - sum(wide[n] + GAP for n in row) + GAP) / 2
        for name in row:
            place[name] = (x + wide[name] / 2, (len(rows) - 1 - f) * ROW + GAP)
            x += wide[name] + GAP
    return place, width, (len(rows) - 1) * ROW + HIGH + 2 * GAP


def slots(name: str, target: str, place: dict[Any, tuple[float, float]]) -> list[Any]:
    """The slots of one arrow, from above."""
    mine = [n for n in place if isinstance(n, tuple) and n[:2] == (name, target)]
    return sorted(mine, key=lambda slot: -slot[2])
