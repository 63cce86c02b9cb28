"""Names and colours of methods in figures: one table for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

#: Name of a method in results -> its name and its colour in figures. The colours are
#: distinguishable for colour-blind readers (Okabe and Ito).
METHODS = {
    "mac": ("MAC", "#0072B2"),
    "bc": ("BC", "#E69F00"),
    "ibc": ("IBC", "#009E73"),
    "diffusion": ("diffusion", "#CC79A7"),
    "consistency": ("diffusion in one step", "#E4B9D0"),
    "mixture_bc": ("mixture density", "#D55E00"),
    "mixture_bc_conditioned": ("mixture density", "#D55E00"),
    "any-order": ("any-order baseline", "#7F7F7F"),
    "ARDM": ("ARDM", "#7F7F7F"),
    "any-order twice": ("any-order, twice the conditionals", "#B8B8B8"),
    "no redundancy": ("redundancy removed", "#56B4E9"),
    "redundancy removed": ("redundancy removed", "#56B4E9"),
    "frequencies": ("+ frequency weights (MAC)", "#0072B2"),
    "+ frequency weights (MAC)": ("+ frequency weights (MAC)", "#0072B2"),
    "one order, joint only": ("one order, joint only", "#000000"),
    "evidence": ("MAC for conditionals", "#003A5D"),
    "MAC for p(rest given any)": ("MAC for p(rest given any)", "#003A5D"),
    "flow": ("zuko, neural spline flow", "#009E73"),
    "gmm": ("scikit-learn, Gaussian mixture", "#D55E00"),
}
#: Suffix of a method's name -> its label.
VARIANTS = {
    "recall": "with retrieval",
    "retrieval": "with retrieval",
    "practised": "after practice",
    "intent": "with intents",
    "chunk": "with chunks",
    "averaged": "with averaged chunks",
    "history": "with a history",
    "last": "with its last weights",
    "sample": "with samples",
}
#: Colours for names that are not methods, in order.
OTHERS = ("#000000", "#8C564B", "#BCBD22", "#17BECF", "#7F7F7F", "#56B4E9")


def method_label(name: str) -> str:
    """A method's readable name; other names stay as they are.

    Example:
        >>> method_label("mixture_bc"), method_label("mac_recall"), method_label("bc-raw")
        ('mixture density', 'MAC with retrieval', 'BC, raw')
        >>> method_label("before")
        'before'
    """
    method, variant = _split(name)
    if method is None:
        return name
    if not variant:
        return METHODS[method][0]
    said = VARIANTS.get(variant)
    return f"{METHODS[method][0]} {said}" if said else f"{METHODS[method][0]}, {variant}"


def method_labels(names: Iterable[str]) -> dict[str, str]:
    """Each name with its label, or with itself where two labels would be equal.

    Example:
        >>> method_labels(["bc", "mixture_bc", "mixture_bc_conditioned"])
        {'bc': 'BC', 'mixture_bc': 'mixture_bc', 'mixture_bc_conditioned': 'mixture_bc_conditioned'}
    """
    labels = {name: method_label(name) for name in names}
    said = list(labels.values())
    return {name: name if said.count(label) > 1 else label for name, label in labels.items()}


def method_colours(names: Iterable[str]) -> dict[str, str]:
    """The colour of each name: a method's own, for a variant a shade of it.

    Example:
        >>> method_colours(["before", "mac"])
        {'before': '#000000', 'mac': '#0072B2'}
    """
    found: dict[str, str] = {}
    others = 0
    for name in dict.fromkeys(names):
        method, variant = _split(name)
        if method is None:
            found[name] = OTHERS[others % len(OTHERS)]
            others += 1
        else:
            found[name] = _shade(METHODS[method][1], variant)
    return found


def operator_label(spec: str) -> str:
    """An operator's specification in readable form.

    Example:
        >>> operator_label("tracker:resync=true+noisy:std=0.05"), operator_label("nobody")
        ('tracker (resync), noisy (std 0.05)', 'no operator')
        >>> operator_label("proxy+group:wrist"), operator_label("expert+k:3")
        ('proxy, group wrist', 'expert, k = 3')
    """
    if spec == "nobody":
        return "no operator"
    parts = []
    for part in spec.split("+"):
        name, *options = part.split(":")
        if len(options) == 1 and "=" not in options[0]:
            parts.append(f"{name} {'= ' if name == 'k' else ''}{options[0]}")
            continue
        said = ", ".join(text.removesuffix("=true").replace("=", " ") for text in options)
        parts.append(f"{name.replace('-', ' ')} ({said})" if said else name.replace("-", " "))
    return ", ".join(parts)


def new_figure(height: float, width: float = 5.8) -> Any:
    """An empty figure [inches], narrow enough for its text to be readable on a phone."""
    from matplotlib.figure import Figure  # not pyplot: no window, no global state

    return Figure(figsize=(width, height), layout="constrained")


def legend_below(figure: Any, shown: Any, columns: int = 2) -> None:
    """A legend below all axes, where it hides nothing.

    `shown` are the axes to take it from, or label -> what was drawn.
    """
    if not isinstance(shown, Mapping):
        handles, labels = shown.get_legend_handles_labels()
        shown = dict(zip(labels, handles, strict=True))
    figure.legend(
        shown.values(), shown, loc="outside lower center", ncols=columns, fontsize=9, frameon=False
    )


def _split(name: str) -> tuple[str | None, str]:
    """The method in a name, and the suffix."""
    for method in sorted(METHODS, key=len, reverse=True):
        if name == method or name.startswith((f"{method}_", f"{method}-", f"{method} ")):
            return method, name[len(method) + 1 :].replace("_", " ")
    return None, ""


def _shade(colour: str, variant: str) -> str:
    """A colour, or for a variant a lighter or darker one, always the same for that variant."""
    if not variant:
        return colour
    known = list(dict.fromkeys(VARIANTS.values()))
    said = VARIANTS.get(variant)
    place = crc32(variant.encode()) if said is None else known.index(said)
    share, end = ((0.45, 0), (0.3, 255), (0.5, 255), (0.25, 0))[place % 4]
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round((1 - share) * part + share * end):02X}" for part in parts)
