"""Tables of every ending, as benchmarks split them; what is none gets a sentence."""

import numpy as np
import pytest
import torch

from mac_control.density import load_density
from mac_control.density.config import DensityConfig, DensityTraining
from mac_control.density.data import Data, load_data
from mac_control.density.gaussianise import Gaussianise
from mac_control.density.tables import read_table
from mac_control.density.trainer import train_density
from mac_control.errors import DataError

RNG = np.random.default_rng(0)


def test_power_as_published(data_folder):
    splits = read_table(data_folder / "power" / "power_first_rows.npz", "power")
    assert splits["train"].shape == (30200, 6) and splits["test"].shape == (3728, 6)
    seen = np.concatenate([splits["train"], splits["validation"]])
    assert np.allclose(seen.mean(0), 0) and np.allclose(seen.std(0), 1)


def test_miniboone_and_bsds_as_published(data_folder):
    splits = read_table(data_folder / "miniboone_first1523.npy", "miniboone")
    assert [len(v) for v in splits.values()] == [1234, 137, 152]
    splits = read_table(data_folder / "bsds300_patches.npz", "bsds")
    assert splits["train"].shape == (100_000, 63) and np.abs(splits["test"]).max() < 1


def test_gas_drops_columns_that_others_predict(tmp_path):
    free = RNG.normal(size=(300, 9))
    twin = free[:, :1] + 1e-3 * RNG.normal(size=(300, 1))
    more = RNG.normal(size=(300, 6))
    rows = np.concatenate([RNG.normal(size=(300, 3)), free, twin, more], 1)
    np.save(tmp_path / "gas.npy", rows)
    assert read_table(tmp_path / "gas.npy", "gas")["train"].shape == (243, 15)


def test_hepmass_keeps_signal_and_drops_columns_that_repeat(tmp_path):
    for name, count in (("train", 200), ("test", 40)):
        rows = RNG.normal(size=(count, 28))
        rows[:, 0] = np.arange(count) % 2
        rows[:, 5] = 1.0
        header = ",".join(f"f{i}" for i in range(28))
        np.savetxt(tmp_path / f"1000_{name}.csv", rows, delimiter=",", header=header, comments="")
    splits = read_table(tmp_path, "hepmass")
    assert [v.shape for v in splits.values()] == [(90, 26), (10, 26), (20, 26)]


def test_tables_of_every_ending_are_the_same(tmp_path):
    rows = RNG.normal(size=(40, 3)).round(6)
    np.save(tmp_path / "a.npy", rows)
    np.savez(tmp_path / "a.npz", rows)
    np.savetxt(tmp_path / "a.csv", rows, delimiter=",", header="x,y,z", comments="", fmt="%.6f")
    tables = [read_table(tmp_path / f"a.{end}")["test"] for end in ("npy", "npz", "csv")]
    assert all(np.allclose(tables[0], other) for other in tables[1:])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1,2\n3,x\n", "line 2, cell 2, got 'x'"),
        ("a,b\n1,\n", r"line 2, cell 2, got ''; a value is missing"),
        ("a;b\n1;2\n", r"line 2, cell 1, got '1;2'; separate numbers by commas"),
        ("x,1,2\n" + "1,2,3\n" * 20, "line 1, cell 1, got 'x'"),
        ("a,b\nc,d\n", "line 2, cell 1, got 'c'"),
        ("1,2\n3,1e300\n", r"line 2, cell 2, got '1e300'; numbers go up to"),
        ("1,2\n3\n", "2 numbers in line 2, got 1"),
        ("a,b\n", "found none"),
        ("1,2\n" * 30 + "nan,1\n", "finite number in line 31, cell 1, got 'nan'"),
        ("1,2\n3,4\n", r"a\.csv: expected at least 10 rows"),
        ("1,2\n3,2\n" * 20, r"a\.csv: expected different numbers in column 2, got 2.0"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path, text, match):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError, match=match):
        read_table(tmp_path / "a.csv")


def test_comments_a_byte_order_mark_and_names_are_no_rows(tmp_path):
    rows = RNG.normal(size=(40, 3))
    lines = [",".join(map(repr, row)) for row in rows.tolist()]
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text("\n".join(lines), encoding="utf-8-sig")
    other.write_text("\n".join(["# made, 1, 2", "x,y,z", *lines[:9], "#", *lines[9:]]))
    found = [read_table(file) for file in (plain, other)]
    assert sum(map(len, found[0].values())) == 40
    assert all((found[0][name] == found[1][name]).all() for name in found[0])


def test_a_table_in_latin_1(tmp_path):
    (tmp_path / "a.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"a\.csv: expected text in UTF-8, got byte 0xf6; save"):
        read_table(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (np.zeros(20), r"rows \(20,\) float64"),
        (np.zeros((20, 2, 2)), r"rows \(20, 2, 2\) float64"),
        (np.zeros((20, 2), bool), r"rows \(20, 2\) bool"),
        (np.full((20, 2), "1"), r"rows \(20, 2\) <U1"),
        (np.zeros((20, 2), complex), r"rows \(20, 2\) complex128"),
        (np.float64(1.0), r"rows \(\) float64"),
        (np.diag(np.full(20, 1e300)), r"1e\+300 in row 1, column 1 of rows"),
        (np.diag([*np.ones(19), -np.inf]), r"-inf in row 20, column 20 of rows"),
        (np.zeros((20, 0)), "at least 2 rows and 1 column in train"),
    ],
)
def test_arrays_that_are_no_table_are_named(tmp_path, rows, match):
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(DataError, match=rf"a\.npy: expected .*{match}"):
        load_data(tmp_path / "a.npy")


def test_a_table_of_another_width_than_the_benchmark(tmp_path):
    np.save(tmp_path / "a.npy", RNG.normal(size=(30, 12)))
    for name, width in (("gas", 19), ("power", 8), ("miniboone", 43)):
        with pytest.raises(DataError, match=rf"a\.npy: expected the {width} columns .* got 12"):
            read_table(tmp_path / "a.npy", name)


def test_bent_columns_reach_far_beyond_the_data():
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2000, 1)))
    bend = Gaussianise(1, 8).fit(x)
    far = torch.linspace(8, 40, 321, dtype=torch.float64).unsqueeze(1)
    far = torch.cat([-far.flip(0), far])
    z, slope = bend(far)
    assert z.diff(dim=0).min() > 0 and z.abs().max() < 30  # the wide Gaussian's sd is √2
    assert slope.min() > -1 and slope.max() < 0
    assert torch.allclose(bend.inverse(z), far, atol=0.01)


@pytest.mark.parametrize("bend", [0, 3])
def test_units_and_offsets_change_likelihoods_by_their_own_factor_only(tmp_path, bend):
    x = np.random.default_rng(0).normal(size=(300, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
    config = DensityConfig("tables", (2,), width=16, layers=1, heads=2, head="gaussian", bend=bend)
    found, given = [], np.tile([True, False], (300, 1))
    for scale, offset in ((1.0, 0.0), (1e-8, 0.0), (1e8, 0.0), (1.0, 1e8)):
        y = x * scale + offset
        folder = tmp_path / f"{scale} {offset}"
        train_density(
            Data("tables", (2,), y, y[:50], y[:50]), folder, config, DensityTraining(5), False
        )
        model = load_density(folder)
        drawn = (model.sample(y, given, seed=1) - offset) / scale
        found.append((model.log_prob(y) + 2 * np.log(scale), drawn))
    for log_prob, drawn in found[1:]:
        assert np.allclose(log_prob, found[0][0], atol=1e-3)
        assert np.allclose(drawn, found[0][1], atol=1e-3)


def test_a_column_is_constant_in_its_own_units(tmp_path):
    x = np.random.default_rng(0).normal(size=(30, 2))
    for fine in (x * 1e-12, x + 1e9):
        np.save(tmp_path / "a.npy", fine)
        assert read_table(tmp_path / "a.npy")["train"].shape == (25, 2)
    x[:, 1] = 0.1 + 1e-17 * np.arange(30)
    np.save(tmp_path / "a.npy", x)
    with pytest.raises(DataError, match=r"expected different numbers in column 2, got 0\.1"):
        read_table(tmp_path / "a.npy")
