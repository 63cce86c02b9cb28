"""Figures: they say names for people, a method has one colour in all, and phones show them."""

import matplotlib.colors
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import density_report
from mac_control.density import reporting
from mac_control.figures import METHODS, method_colours, method_label
from mac_control.loop.report import draw_curves
from mac_control.offline.rate import DRAWS
from mac_control.offline.report import draw
from mac_control.offline.summary import METRICS

POLICIES = ["mixture_bc", "mac", "mac_recall", "ibc"]


def rollouts():
    rows = [
        {"policy": policy, "operator": operator, "num_given": given}
        for policy in POLICIES
        for operator, given in (("nobody", 0), ("tracker+noisy:std=0.05", 3))
    ]
    result = {"reward_mean": 2.0, "reward_ci95": [1.5, 2.5], "measured": "subtasks"}
    return draw_curves([{**row, **result} for row in rows])


def offline():
    rows = []
    for policy in POLICIES:
        row = {"policy": policy, "case": "left_arm", "ranks": [1] * (DRAWS + 1)}
        for metric in METRICS:
            row |= {metric: 1.0, f"{metric}_ci95": [0.9, 1.1]}
        rows.append(row)
    return draw(rows)


def density():
    row = {"kind": "text", "queries": "marginal", "asked_in": "random", "dim": 4}
    row["curve"] = [[1.0, 4.0, 2.0], [2.0, 3.0, 1.0]]
    rows = [{**row, "objective": name} for name in ("ardm", "mac", "no-redundancy")]
    return reporting.figure({"text": rows})


def gains():
    scores = {query: 1.0 for query in density_report.QUERIES}
    cells = {f"kitchen/{m}/0": {"scores": scores} for m in density_report.METHODS}
    return density_report.figure(cells)


def colours(figure):
    """Label -> colour of what is drawn, legends of the figure and of its axes."""
    found = {}
    for legend in [*figure.legends, *(a.get_legend() for a in figure.axes if a.get_legend())]:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            drawn = handle.lines[0] if hasattr(handle, "lines") else handle
            drawn = drawn[0] if isinstance(drawn, tuple) else drawn
            colour = drawn.get_color() if hasattr(drawn, "get_color") else drawn.get_facecolor()
            found[text.get_text()] = matplotlib.colors.to_hex(colour).upper()
    return found


@pytest.mark.parametrize("make", [rollouts, offline, density, gains])
def test_a_method_has_its_name_and_its_colour_and_the_figure_fits_a_phone(make):
    figure = make()
    assert figure.get_figwidth() <= 6.5
    assert all(axes.get_title() for axes in figure.axes)
    assert all(axes.get_xlabel() or axes.get_xticklabels() for axes in figure.axes)
    known = {name: colour.upper() for name, colour in METHODS.values()}
    drawn = colours(figure)
    assert len(drawn) > 2 and not any("_" in name or ":" in name for name in drawn)
    ours = {name: colour for name, colour in drawn.items() if name in known}
    assert len(ours) > 1 and ours == {name: known[name] for name in ours}
    sizes = [text.get_fontsize() for legend in figure.legends for text in legend.get_texts()]
    assert min(sizes) >= 9


@given(st.lists(st.sampled_from([*METHODS, "before", "after", "mac_recall", "bc_a", "bc_b c"])))
def test_a_known_name_has_the_same_colour_whatever_stands_beside_it(names):
    found = method_colours(names)
    for name in found:
        assert matplotlib.colors.is_color_like(found[name])
        if name not in ("before", "after"):
            assert method_colours([name]) == {name: found[name]}
        assert "_" not in method_label(name)


def test_methods_that_meet_in_a_figure_can_be_told_apart():
    policies = ["mac", "bc", "ibc", "diffusion", "mixture_bc"]
    names = [*policies, *(f"{name}_recall" for name in policies)]
    values = np.array([matplotlib.colors.to_rgb(c) for c in method_colours(names).values()])
    apart = np.abs(values[:, None] - values[None]).sum(-1)
    assert apart[~np.eye(len(names), dtype=bool)].min() > 0.15
