"""Ratings side by side: baselines in the same terms, a page that says what is better."""

import json
import math
import re
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from mac_control.density import reporting
from mac_control.density.baselines import _log_prob, rate_baseline
from mac_control.density.config import DensityConfig
from mac_control.density.costs import compare_edges, measure, page
from mac_control.density.data import Data
from mac_control.density.model import DensityModel
from mac_control.density.reporting import add_row, grouped, read_rows
from mac_control.density.reporting import page as results_page
from mac_control.errors import DataError, InputError
from mac_control.scripts.density import evaluate


def correlated(count=600):
    x = np.random.default_rng(0).normal(size=(count, 3)) @ np.array(
        [[1, 0.9, 0], [0, 1, 0], [0, 0, 2]]
    )
    return Data("tables", (3,), x[: count - 200], x[count - 200 : count - 100], x[count - 100 :])


def test_a_mixture_is_asked_in_closed_form():
    pytest.importorskip("sklearn")
    found = rate_baseline(correlated(), "mixture", seed=0, steps=1)
    # Nats of the joint of a Gaussian: -(log det(2πe C)) / 2.
    entropy = 0.5 * (3 * math.log(2 * math.pi * math.e) + 2 * math.log(2))
    assert found["joint"]["mean"] * 3 * math.log(2) == pytest.approx(entropy, abs=0.2)
    assert found["marginal"]["mean"] < found["joint"]["mean"]


def test_marginals_of_a_mixture_are_those_of_scikit_learn():
    mixture = pytest.importorskip("sklearn.mixture")
    x = correlated().train
    fit = mixture.GaussianMixture(2, random_state=0).fit(x)
    rows, every = torch.from_numpy(x[:9]), torch.ones(9, 3, dtype=torch.bool)
    assert np.allclose(_log_prob(fit, rows, every), fit.score_samples(x[:9]))
    one = every.clone()
    one[:, 1:] = False
    alone = sum(
        w * np.exp(-0.5 * (x[:9, 0] - m[0]) ** 2 / c[0, 0]) / np.sqrt(2 * np.pi * c[0, 0])
        for w, m, c in zip(fit.weights_, fit.means_, fit.covariances_, strict=True)
    )
    assert np.allclose(_log_prob(fit, rows, one), np.log(alone))


def test_a_flow_learns_a_gaussian():
    pytest.importorskip("zuko")
    found = rate_baseline(correlated(), "flow", seed=0, steps=60)
    assert found["joint"]["mean"] * 3 * math.log(2) < 5.3 and "marginal" not in found


def test_baselines_that_cannot_be():
    with pytest.raises(InputError, match="method"):
        rate_baseline(correlated(), "vae", 0, 1)
    text = np.zeros(9, np.uint8)
    with pytest.raises(InputError, match="expected a table"):
        rate_baseline(Data("text", (3,), text, text, text), "flow", 0, 1)


def row(model, objective, seed, joint, marginal, kind="text", **other):
    query = {"joint": {"mean": joint, "stderr": 0.0}, "marginal": {"mean": marginal, "stderr": 0.0}}
    asked = "random" if objective == "ardm" else "natural"
    return {
        "model": f"{model}-{seed}", "kind": kind, "dim": 8, "objective": objective, "rows": 9,
        "queries": "marginal", "asked_in": asked, "seed": seed, "cpu_s": 60.0, **query, **other,
    }  # fmt: skip


def test_a_page_says_what_is_better_and_whether_seeds_agree(tmp_path):
    file = tmp_path / "text.jsonl"
    for seed, (ours, theirs) in enumerate([(2.5, 2.8), (2.6, 2.9), (2.4, 2.7)]):
        add_row(file, row("mac", "mac", seed, ours, 1.5))
        add_row(file, row("ardm", "ardm", seed, theirs, 1.45 + seed * 0.1))
    add_row(file, row("mac", "mac", 0, 2.5, 1.5))  # the same model again takes its own place
    assert [len(rows) for rows in grouped(read_rows(file)).values()] == [3, 3]
    text = results_page("Text", "Note.", {"text": read_rows(file)})
    assert "| + frequency weights (MAC) | 2.500 [2.400, 2.600] | 1.500 [1.500, 1.500] |" in text
    assert (
        "- joint: MAC is 0.300 bits better than ARDM; their ranges over seeds do not meet." in text
    )
    assert (
        "- marginal: MAC is 0.050 bits better than ARDM; their ranges over seeds overlap." in text
    )


def test_tables_are_shown_in_nats():
    rows = [row("mac", "mac", 0, 1.0, 0.5, "tables"), row("ardm", "ardm", 0, 1.5, 0.5, "tables")]
    text = results_page("Tables", "", {"power": rows})
    assert "Nats, higher is better." in text and f"{-8 * math.log(2):.3f}" in text
    assert "MAC is 2.773 nats better than ARDM" in text


def test_each_section_has_its_unit():
    text = [row("mac", "mac", 0, 2.0, 1.5)]
    power = [row("mac", "mac", 0, 1.0, 0.5, "tables")]
    found = results_page("Both", "", {"text": text, "power": power})
    assert re.findall(r"## (\w+).*\n\n(.*) is better", found) == [
        ("text", "Bits per dimension, lower"), ("power", "Nats, higher"),
    ]  # fmt: skip


def test_ratings_of_other_models_splits_and_data_are_kept(tmp_path):
    file = tmp_path / "a.jsonl"
    add_row(file, row("seed", "ardm", 0, 9.0, 9.0))  # as rows were once written
    one = {"folder": "mac/seed-0", "split": "test", "data": "12ab"}
    for other in (one, one, {"folder": "nr/seed-0"}, {"split": "validation"}, {"data": "34cd"}):
        add_row(file, row("seed", "ardm", 0, 2.0, 1.5, **{**one, **other}))
    rows = read_rows(file)
    assert [r["folder"] for r in rows] == ["mac/seed-0", "nr/seed-0", *["mac/seed-0"] * 2]
    results_page("Two models", "", {"a": rows[:2]})
    for mixed, what in ((rows[:3], "split, got test, validation"), (rows[::3], "data, got 12ab")):
        with pytest.raises(DataError, match=f"a: expected ratings on the same {what}"):
            results_page("Mixed", "", {"a": mixed})


def test_rows_added_at_once_are_all_kept(tmp_path, monkeypatch):
    file, read = tmp_path / "new" / "a.jsonl", read_rows
    add_row(file, row("mac", "mac", 0, 2.0, 1.5))

    def slow(path):
        rows = read(path)
        time.sleep(0.02)  # while others would read the same
        return rows

    monkeypatch.setattr(reporting, "read_rows", slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: add_row(file, row("mac", "mac", seed, 2.0, 1.5)), range(1, 5)))
    assert sorted(r["seed"] for r in read(file)) == [0, 1, 2, 3, 4]


def test_models_of_one_name_keep_their_own_rows(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(50, 2)))
    folders = [tmp_path / name / "seed-0" for name in ("mac", "nr")]
    for folder in folders:
        DensityModel(
            DensityConfig("tables", (2,), width=16, layers=1, heads=2, head="gaussian")
        ).save(folder)
    for _ in range(2):
        out = tmp_path / "rows.jsonl"
        evaluate.main(evaluate.Args(tuple(folders), tmp_path / "a.npy", out=out))
    rows = read_rows(out)
    assert [(r["model"], r["folder"]) for r in rows] == [
        ("seed-0", "mac/seed-0"), ("seed-0", "nr/seed-0"),
    ]  # fmt: skip


def test_files_of_something_else_are_refused(tmp_path):
    for content in ("", "{}", "no json", "[1]"):
        (tmp_path / "a.jsonl").write_text(content)
        with pytest.raises(DataError, match=r"a\.jsonl: expected a file that 'mac-control density"):
            read_rows(tmp_path / "a.jsonl")


def test_costs_are_counted(monkeypatch):
    from mac_control.density import costs

    preset = {("text", "small"): ({"width": 16, "layers": 3, "heads": 2}, {})}
    monkeypatch.setattr(costs, "PRESETS", preset)
    plain, less = (measure("small", 64, again, 1, "cpu", False) for again in (False, True))
    assert less["kept_mib_a_row"] < plain["kept_mib_a_row"] / 1.5
    assert plain["largest_batch"]["24 GiB"] < plain["largest_batch"]["80 GiB"]
    # A row keeps the same however many there are: the count is of the batch.
    assert plain["rows"] == 64 and plain["fixed_mib"] > 0
    edges = compare_edges(64, 1, "cpu", False)
    text = page([plain, less, edges])
    assert "| small, 0.0 M weights | 64 | yes |" in text and "times** cheaper" in text
    assert json.dumps([plain, edges])
