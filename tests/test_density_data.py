"""Text, images and tables for density models: real files, published preprocessing, bad input."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mac_control.density.data import guess_kind, load_data
from mac_control.density.gaussianise import Gaussianise
from mac_control.density.images import read_image, read_images
from mac_control.density.pickles import read_arrays
from mac_control.density.tables import read_table
from mac_control.density.text import ALPHABET, clean, decode, encode, read_text
from mac_control.errors import DataError, InputError

RNG = np.random.default_rng(0)


# Text.


@given(st.text(ALPHABET, min_size=1))
def test_text_and_symbols_are_the_same_thing(text):
    assert decode(encode(text)) == text


@given(st.text())
def test_cleaned_text_is_in_the_alphabet(text):
    cleaned = clean(text)
    assert set(cleaned) <= set(ALPHABET) and "  " not in cleaned


def test_a_character_outside_the_alphabet_is_named_with_its_place(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("good text\nBad text " * 9)
    with pytest.raises(DataError, match=r"a\.txt: .*got 'B' at character 11; --clean"):
        read_text(file)
    assert decode(read_text(file, cleaned=True)["train"]).startswith("good text bad text")


def test_folders_and_zips_of_text(tmp_path):
    words = "the quick brown fox jumps over the lazy dog " * 30
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(words)
    whole = read_text(tmp_path)
    assert sum(map(len, whole.values())) == 2 * len(words) + 1
    with zipfile.ZipFile(tmp_path / "text8.zip", "w") as archive:
        archive.writestr("text8", words)
    assert decode(read_text(tmp_path / "text8.zip")["train"]) == words[: len(words) * 90 // 100]
    (tmp_path / "cut.zip").write_bytes((tmp_path / "text8.zip").read_bytes()[:60])
    with pytest.raises(DataError, match=r"cut\.zip: expected a whole zip"):
        read_text(tmp_path / "cut.zip")


def test_a_download_that_is_missing_says_where_it_is_had(tmp_path):
    with pytest.raises(DataError, match=r"mattmahoney\.net"):
        read_text(tmp_path / "text8.zip")
    with pytest.raises(DataError, match=r"cs\.toronto\.edu.*image-net\.org"):
        read_images(tmp_path / "cifar-10-batches-py")
    with pytest.raises(DataError, match=r"zenodo\.org"):
        read_table(tmp_path / "data.npy", "miniboone")


def test_wikipedia_in_text8s_alphabet(data_folder):
    data = load_data(data_folder / "text", size=250)
    assert data.kind == "text" and data.train.size == 1_978_604 and data.test.size == 100_000
    rows = data.draw(5, torch.Generator().manual_seed(0))
    assert rows.shape == (5, 250) and decode(rows[0]) in decode(data.train)
    assert data.rows("test", 7).shape == (7, 250)


# Images.


def cifar(folder, count=40, protocol=2):
    folder.mkdir(parents=True, exist_ok=True)
    images = RNG.integers(256, size=(6, count, 3072), dtype=np.uint8)
    for name, rows in zip(
        [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], images, strict=True
    ):
        record = {b"batch_label": b"part", b"labels": [1] * count, b"data": rows}
        (folder / name).write_bytes(pickle.dumps(record, protocol=protocol))
    return images


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifars_own_batches_are_read_without_unpickling(tmp_path, protocol):
    images = cifar(tmp_path / "cifar-10-batches-py", protocol=protocol)
    splits = read_images(tmp_path)
    assert splits["train"].shape == (180, 32, 32, 3) and splits["test"].shape == (40, 32, 32, 3)
    pixel = splits["test"][3, 5, 7]
    assert (pixel == images[5, 3].reshape(3, 32, 32)[:, 5, 7]).all()


def test_a_batch_as_python_2_wrote_it():
    """Protocol 2 with byte strings, as in the published files."""
    content = pickle.dumps({"data": np.arange(6, dtype=np.uint8).reshape(2, 3)}, protocol=2)
    assert b"_reconstruct" in content
    old = content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert read_arrays(old)["data"].tolist() == [[0, 1, 2], [3, 4, 5]]


class _Run:
    def __reduce__(self):
        return Path.touch, (Path("owned"),)


class _Eval:
    def __reduce__(self):
        return eval, ("open('owned', 'w')",)


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("evil", [_Run(), _Eval(), np.array([_Eval()], object)])
def test_a_malicious_batch_runs_nothing(tmp_path, monkeypatch, protocol, evil):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "cifar-10-batches-py"
    cifar(folder, 4)
    (folder / "data_batch_2").write_bytes(pickle.dumps({b"data": evil}, protocol=protocol))
    with pytest.raises(DataError, match=r"data_batch_2: expected a pickle of arrays and nothing"):
        read_images(folder)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"cnumpy\nndarray\n(K\x05tR.",  # a class that is no function
        b"cnumpy\ndtype\n(S'O8'\ntR.",  # objects
        b"cnumpy.core.multiarray\n_reconstruct\n(K\x01tR.",
        b"cnumpy.core.multiarray\n_reconstruct\n}S'__code__'\nK\x01sb.",  # set an attribute
        b"cnumpy\nload\n(S'x'\ntR.",
        b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
        b"Ppersistent\n.",
    ],
)
def test_opcodes_that_a_batch_has_no_use_for_are_refused(content):
    with pytest.raises(DataError, match="expected a pickle of arrays"):
        read_arrays(content)


@given(st.data())
def test_damaged_batches_end_in_a_sentence(data):
    content = pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}, protocol=2)
    content = bytearray(content[:200] + content[-120:])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_arrays(bytes(content), "batch")
    except DataError as error:
        assert str(error).startswith(("batch: expected", "file: expected"))


def test_a_truncated_batch_gets_a_sentence(tmp_path):
    cifar(tmp_path, 4)
    file = tmp_path / "data_batch_3"
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"data_batch_3: expected a whole file"):
        read_images(tmp_path)
    file.unlink()
    with pytest.raises(DataError, match=r"data_batch_3: .*found none.*cs\.toronto"):
        read_images(tmp_path)


def test_imagenet32_as_it_is_published(tmp_path):
    data = RNG.integers(256, size=(50, 3072), dtype=np.uint8)
    for name in ("train_data_batch_1", "train_data_batch_2", "val_data"):
        np.savez(tmp_path / f"{name}.npz", data=data, labels=np.ones(50, int))
    splits = read_images(tmp_path)
    assert {k: len(v) for k, v in splits.items()} == {"train": 95, "validation": 5, "test": 50}
    assert (splits["test"][0, 0, 1] == data[0].reshape(3, 32, 32)[:, 0, 1]).all()


def pngs(folder, count=20, size=(6, 6), mode="RGB"):
    folder.mkdir(exist_ok=True)
    for number in range(count):
        shape = (*size[::-1], 3) if mode == "RGB" else size[::-1]
        pixels = RNG.integers(256, size=shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:03}.png")


def test_a_folder_of_pictures(tmp_path):
    pngs(tmp_path / "colour")
    pngs(tmp_path / "grey", mode="L")
    assert load_data(tmp_path / "colour").shape == (6, 6, 3)
    assert load_data(tmp_path / "grey", size=4).shape == (4, 4, 1)
    Image.new("RGB", (7, 6)).save(tmp_path / "colour" / "odd.png")
    with pytest.raises(DataError, match=r"odd\.png: expected 6×6 pixels .* got 7×6"):
        load_data(tmp_path / "colour")
    (tmp_path / "grey" / "cut.png").write_bytes((tmp_path / "grey" / "000.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"cut\.png: expected a whole picture"):
        load_data(tmp_path / "grey")


def test_transparent_pixels_are_white(tmp_path):
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == 255).all()


def test_crops_of_real_images(data_folder):
    data = load_data(data_folder / "images" / "cifar10_4000.npz", size=8)
    assert data.kind == "images" and data.train.shape == (3400, 32, 32, 3)
    drawn = data.draw(30, torch.Generator().manual_seed(0))
    assert drawn.shape == (30, 8, 8, 3) and drawn.dtype == np.uint8
    assert (data.rows("test", 50) == data.rows("test", 50)).all()
    assert (data.rows("test")[399] == data.rows("test", 2)[1]).all()


def pixels(count, side):
    return RNG.integers(256, size=(count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("train", "validation", "test", "match"),
    [
        (RNG.normal(size=(9, 4)), RNG.normal(size=(9, 4)), RNG.normal(size=(9, 3)), "4 columns in"),
        (RNG.normal(size=(9, 4)), RNG.normal(size=(9, 4)), np.zeros(4), r"in test, got \(4,\)"),
        (RNG.normal(size=(9, 4)), np.zeros((0, 4)), np.zeros((9, 4)), "2 rows .* in validation"),
        (pixels(4, 8), pixels(4, 8), pixels(4, 6), r"\(8, 8, 3\) in test, .* \(6, 6, 3\)"),
        (pixels(0, 8), pixels(4, 8), pixels(4, 8), r"images in train, got \(0, 8, 8, 3\)"),
        (pixels(4, 8), pixels(0, 8), pixels(4, 8), "images in validation, got"),
    ],
)
def test_splits_that_do_not_belong_together(tmp_path, train, validation, test, match):
    np.savez(tmp_path / "a.npz", train=train, validation=validation, test=test)
    with pytest.raises(DataError, match=rf"a\.npz: expected .*{match}"):
        load_data(tmp_path / "a.npz")


def test_too_few_images_to_split(tmp_path):
    for count in (0, 1):
        for name in ("train_data_batch_1", "val_data"):
            np.savez(tmp_path / f"{name}.npz", data=np.zeros((count, 3072), np.uint8))
        with pytest.raises(DataError, match=rf"{tmp_path.name}: expected images in train, got"):
            load_data(tmp_path)
    np.savez(tmp_path / "two.npz", pixels(2, 4))
    with pytest.raises(DataError, match=r"two\.npz: .*at least 3, got 2"):
        load_data(tmp_path / "two.npz")


def test_files_without_text_are_skipped_and_short_text_is_refused(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"expected text in the folder, got empty \.txt files"):
        load_data(tmp_path)
    (tmp_path / "b.txt").write_text("abcd")
    with pytest.raises(DataError, match="expected characters in validation, got none"):
        load_data(tmp_path, size=1)
    (tmp_path / "b.txt").write_text("abcd " * 20)
    assert sum(map(len, read_text(tmp_path).values())) == 100
    with pytest.raises(DataError, match=r"a\.txt: expected text, got an empty file"):
        load_data(tmp_path / "a.txt")


def test_pickled_objects_in_arrays_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="expected a whole npy file"):
        read_table(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", np.array([{}], object))
    with pytest.raises(DataError, match="expected a whole npz file"):
        read_images(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"no zip")
    with pytest.raises(DataError, match="expected a whole npz file"):
        read_table(tmp_path / "b.npz")


@pytest.mark.parametrize("components", [0, 5])
def test_bent_columns_integrate_to_one_and_bend_back(components):
    x = torch.from_numpy(RNG.gamma(1.0, 1.0, size=(800, 1)))
    bend = Gaussianise(1, components).fit(x)
    grid = torch.linspace(-15, 40, 60_001, dtype=torch.float64).unsqueeze(1)
    z, slope = bend(grid)
    density = (slope.double() - 0.5 * z.double() ** 2).exp() / np.sqrt(2 * np.pi)
    assert float(density.sum() * (grid[1] - grid[0])) == pytest.approx(1, abs=2e-3)
    assert torch.allclose(bend.inverse(bend(x)[0]), x, atol=1e-3)
    assert (z.diff(dim=0) >= 0).all()


def test_kinds_are_told_by_the_files(tmp_path):
    for name, kind in (("a.txt", "text"), ("a.csv", "tables"), ("a.npy", "tables")):
        (tmp_path / name).touch()
        assert guess_kind(tmp_path / name) == kind
    np.savez(tmp_path / "a.npz", np.zeros((4, 2, 2, 3), np.uint8))
    assert guess_kind(tmp_path / "a.npz") == "images"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="--kind"):
        guess_kind(tmp_path / "empty")


def test_sizes_that_do_not_fit(tmp_path):
    (tmp_path / "a.txt").write_text("abc " * 50)
    with pytest.raises(
        InputError, match=r"size: expected at most 10, the characters in validation of .*got 250"
    ):
        load_data(tmp_path / "a.txt")
    pngs(tmp_path / "p")
    with pytest.raises(InputError, match="size: expected at most 6 pixels, got 9"):
        load_data(tmp_path / "p", size=9)
