"""The benchmarks of the engine: outside software is asked the right thing, and they run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import density_data, density_models, engine, learning
from benchmarks.density_data import Table
from benchmarks.density_models import Size, gmm_log_prob, train_rule


def test_the_mixture_is_conditioned_in_closed_form():
    mixture = pytest.importorskip("sklearn.mixture", reason="needs scikit-learn")
    rng = np.random.default_rng(0)
    data = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 3)) + rng.choice(
        [0, 4], (300, 1)
    )
    fitted = mixture.GaussianMixture(3, random_state=0).fit(data)
    x = torch.from_numpy(data)
    every = torch.ones(300, 3, dtype=torch.bool)
    assert np.allclose(gmm_log_prob(fitted, x, every), fitted.score_samples(data))
    # p(x_0, x_2) is the joint with x_1 integrated out.
    side = np.linspace(-40, 40, 8001)
    row = np.tile(data[0], (len(side), 1))
    row[:, 1] = side
    expected = np.exp(fitted.score_samples(row)).sum() * (side[1] - side[0])
    chosen = every.clone()
    chosen[:, 1] = False
    found = float(gmm_log_prob(fitted, x[:1], chosen[:1]).exp())
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("rule", density_models.RULES)
def test_a_rule_trains_past_the_gaussian_it_starts_from(rule):
    """A banana: second moments say nothing about it, so likelihood must be learnt."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(900, 1, generator=generator)
    rows = torch.cat([first, first**2 / 2, torch.randn(900, 1, generator=generator)], 1)
    table = Table("banana", 0, rows[:600], rows[600:700], rows[700:], torch.zeros(3))
    size = Size(16, 1, 4, 1, 64, 3e-3, 0.01, 1, (1,))
    queries = table.queries(table.test)
    assert all(not (g & q).any() and q.any(1).all() for g, q in queries.values())
    before, _ = train_rule(table, rule, 0, size)
    after, info = train_rule(table, rule, 0, Size(16, 1, 4, 120, 64, 3e-3, 0.01, 1, (1,)))
    kind = "conditional" if rule == "evidence" else "marginal"
    assert after[kind] > before[kind] + 0.05
    assert info["steps"] == 120


def test_tables_are_standardised_and_hold_out_what_they_say():
    import os

    if not os.environ.get("MAC_CONTROL_DATA"):
        pytest.skip("MAC_CONTROL_DATA does not name a folder with the data sets")
    for name, dim, obs_dim in (("kitchen", 9, 30), ("miniboone", 43, 0), ("bsds", 63, 0)):
        table = density_data.read_table(name, max_test=50)
        assert (table.dim, table.obs_dim, len(table.test)) == (dim, obs_dim, 50)
        assert torch.allclose(table.train.mean(0), torch.zeros(dim + obs_dim), atol=1e-3)
        assert len(torch.cat([table.val, table.test]).unique(dim=0)) == len(table.val) + 50


def test_the_speed_benchmark_writes_its_tables(tmp_path, capsys):
    engine.main(engine.Args(out=str(tmp_path), seconds=0.0, largest=9, batches="1,2"))
    results = json.loads((tmp_path / "results.json").read_text())
    assert {row["network"] for row in results["training"]} == set(engine.NETWORKS)
    assert all(row["ratio"] > 0 for row in results["training"] + results["cache"])
    assert (tmp_path / "README.md").read_text() in capsys.readouterr().out


def test_the_study_of_learning_trains_with_each_optimizer(tmp_path, monkeypatch):
    variants = ("masks 2 muon", "masks 2 layers 1 width 128 obs 256 schedule-free")
    for name in (learning.REFERENCE, *variants):  # narrow: some processors only emulate bfloat16
        narrow = {**learning.VARIANTS[name].config, "width": 16, "obs_width": 16}
        one = replace(learning.VARIANTS[name], config=narrow)
        monkeypatch.setitem(learning.VARIANTS, name, one)
    args = learning.Args(out=tmp_path, seconds=(0.05,), only=",".join(variants))
    learning.main(args)
    learning.main(args)  # nothing is left to do
    rows = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert [row["variant"] for row in rows] == list(variants)
    assert np.isfinite([row["joint"] for row in rows]).all()
