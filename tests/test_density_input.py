"""What a density model is given by mistake: one sentence, and nothing taken for something else."""

import numpy as np
import pytest
from PIL import Image

from mac_control import cli
from mac_control.density.config import DensityConfig, DensityTraining
from mac_control.density.images import read_folder, read_image
from mac_control.density.inpainting import read_mask, sheet
from mac_control.density.load import load_density
from mac_control.density.model import DensityModel
from mac_control.density.text import BLANK, clean
from mac_control.errors import DataError, InputError
from mac_control.scripts.density import cost, evaluate, inpaint, train
from mac_control.scripts.density import train as verb


@pytest.fixture(scope="module")
def text():
    return DensityModel(DensityConfig("text", (8,), width=16, layers=1, heads=2))


@pytest.fixture(scope="module")
def table():
    return DensityModel(DensityConfig("tables", (3,), width=16, layers=1, heads=2, head="gaussian"))


def test_a_picture_of_more_than_eight_bits_is_refused(tmp_path):
    ramp = np.linspace(0, 65535, 16).astype(np.uint16).reshape(4, 4)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    with pytest.raises(DataError, match=r"ramp.png: expected 8 bits a colour, got more"):
        read_image(tmp_path / "ramp.png")


@pytest.mark.parametrize("order", [("L", "RGB"), ("RGB", "L")])
def test_a_folder_with_grey_and_colour_is_in_colour(tmp_path, order):
    for name, mode in zip("ab", order, strict=True):
        Image.new(mode, (4, 4), "red" if mode == "RGB" else 7).save(tmp_path / f"{name}.PNG")
    images = read_folder(tmp_path)
    assert images.shape == (2, 4, 4, 3)
    assert images[order.index("L")].tolist() == np.full((4, 4, 3), 7).tolist()
    assert images[order.index("RGB"), 0, 0].tolist() == [255, 0, 0]


def test_cleaning_keeps_the_spaces_beside_blanks():
    assert clean("The _ cat, 3 _at!", BLANK) == "the _ cat three _at"


def test_a_mask_is_as_long_as_the_text_or_the_model(text):
    short, whole = np.array([[True, False, False]]), np.zeros((1, 8), bool)
    whole[0, 0] = True
    assert np.array_equal(text.log_prob("cab", short), text.log_prob("cab", whole))
    for width in (2, 4, 7):
        with pytest.raises(InputError, match=r"given: expected booleans \(1, 8\), got"):
            text.log_prob("cab", np.zeros((1, width), bool))


def test_a_blank_is_not_rated_as_a_space(text):
    with pytest.raises(InputError, match="expected characters, got a blank in 'c_b'"):
        text.log_prob("c_b")
    with pytest.raises(InputError, match="given: expected characters, got a blank"):
        text.mode("c_b", np.array([[True, True, False]]))
    given = np.array([[True, False, True]])
    (filled,) = text.mode("c_b", given)
    query = np.array([[True, False, False]])
    assert text.log_prob("c_b", None, query) == text.log_prob(filled, None, query)


def test_what_is_filled_into_whole_numbers_is_no_whole_number(table):
    given = np.array([[True, False, False]])
    found = table.sample(np.array([[2, 0, 0]]), given, seed=1)
    assert found[0, 0] == 2 and found.dtype == np.float64
    assert np.array_equal(found[:, 1:], table.sample(np.array([[2.0, 0, 0]]), given, seed=1)[:, 1:])


@pytest.mark.parametrize("x", [5, np.array([["a", "b", "c"]]), np.zeros((0, 3)), [[1.0]]])
def test_what_is_no_data_is_refused(text, table, x):
    with pytest.raises(InputError, match="x: expected rows"):
        table.log_prob(x)
    with pytest.raises(InputError, match="x: expected text"):
        text.log_prob(x)


@pytest.mark.parametrize("seed", [-1, 0.5])
def test_a_seed_is_a_whole_number(text, seed):
    with pytest.raises(InputError, match="seed: expected a whole number"):
        text.sample(["cab"], np.zeros((1, 3), bool), seed=seed)


def test_a_device_is_one_that_is_there(text, tmp_path):
    with pytest.raises(InputError, match="device: expected one that this machine has, got 'foo'"):
        load_density(text.save(tmp_path), "foo")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"warmup": -5}, "warmup: expected at least 0, got -5"),
        ({"weight_decay": -1.0}, "weight_decay: expected at least 0"),
        ({"weight_decay": float("nan")}, "weight_decay: expected at least 0, got nan"),
        ({"clip": 0.0}, "clip: expected more than 0"),
        ({"lr": float("nan")}, "lr: expected at least 0, got nan"),
        *(({k: float("inf")}, f"{k}: expected a finite number") for k in ("lr", "weight_decay")),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"seed": 10**20}, "seed: expected a whole number from 0"),
    ],
)
def test_settings_of_training_are_in_range(wrong, said):
    with pytest.raises(InputError, match=said):
        DensityTraining(**wrong)


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        ("tables", {"head": "gaussian", "shrink": -1.0}, "shrink: expected 0 to 1, got -1"),
        ("tables", {"head": "gaussian", "bend": -1}, "bend: expected 0, or more for a table"),
        ("text", {"bend": 3}, "bend: expected 0, or more for a table, got 3"),
    ],
)
def test_settings_of_a_model_are_in_range(kind, wrong, said):
    with pytest.raises(InputError, match=said):
        DensityConfig(kind, (8,), **wrong)


@pytest.mark.parametrize("share", ["7", "-1", "nan"])
def test_a_random_mask_covers_a_share(share):
    with pytest.raises(InputError, match="mask: expected a share from 0 to 1"):
        read_mask(f"random:{share}", (4, 4, 3))


@pytest.mark.parametrize(
    ("name", "scale", "said"),
    [
        ("sheet.jpg", 0, "out: expected a picture to write, ending in .png"),
        ("folder.png", 0, "out: expected a picture to write"),
        ("sheet.png", -3, "scale: expected 0 to 64, got -3"),
        ("sheet.png", 100_000, "scale: expected 0 to 64"),
    ],
)
def test_a_sheet_is_a_picture_of_a_usual_size(tmp_path, name, scale, said):
    (tmp_path / "folder.png").mkdir()
    pictures, mask = np.zeros((1, 4, 4, 3), np.uint8), np.ones((4, 4), bool)
    with pytest.raises(InputError, match=said):
        sheet(tmp_path / name, pictures, mask, [("model", pictures[:, None])], scale)
    with pytest.raises(InputError, match=said):  # before the model is even looked for
        inpaint.main(inpaint.Args(tmp_path, (tmp_path,), tmp_path / name, scale=scale))


def test_a_model_of_something_else_is_named(text, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    model = text.save(tmp_path / "model")
    args = inpaint.Args(tmp_path, (model,), tmp_path / "sheet.png")
    with pytest.raises(InputError, match="models: expected images of one size, got text"):
        inpaint.main(args)
    with pytest.raises(DataError, match=r"expected \.txt files in the folder"):
        evaluate.main(evaluate.Args((model,), tmp_path))


def test_options_of_other_data_are_not_ignored(tmp_path):
    np.save(tmp_path / "table.npy", np.random.default_rng(0).normal(size=(50, 2)))
    for wrong in ({"clean": True}, {"size": 4}):
        with pytest.raises(InputError, match="size, clean: expected with text or images"):
            train.main(train.Args(tmp_path / "table.npy", tmp_path / "out", **wrong))


def test_images_that_are_not_square_are_rated(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (20, 2, 3, 1), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=images)
    config = DensityConfig("images", (2, 3, 1), width=16, layers=1, heads=2)
    model = DensityModel(config).save(tmp_path / "model")
    evaluate.main(evaluate.Args((model,), tmp_path / "a.npz"))
    assert "joint" in capsys.readouterr().out


def test_too_little_memory_is_said(tmp_path, monkeypatch):
    from mac_control.density import trainer
    from mac_control.errors import MacControlError

    np.save(tmp_path / "table.npy", np.random.default_rng(0).normal(size=(50, 2)))

    def full(self):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")

    monkeypatch.setattr(trainer.Run, "take_step", full)
    with pytest.raises(MacControlError, match="expected memory for steps of 128 rows"):
        train.main(train.Args(tmp_path / "table.npy", tmp_path / "out", width=16, device="cpu"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"dims": (8, 1500)}, "dims, edge_dim: expected 1 to 1024 .* got 1500"),
        ({"edge_dim": 1500}, "dims, edge_dim: expected 1 to 1024 .* got 1500"),
        ({"dims": (0,)}, "dims, edge_dim: expected 1 to 1024 .* got 0"),
        ({"steps": 0}, "steps: expected at least 1, got 0"),
    ],
)
def test_costs_of_nothing_are_not_measured(tmp_path, wrong, said):
    with pytest.raises(InputError, match=said):
        cost.main(cost.Args(tmp_path, **{"dims": (8,), "edge_dim": 0, **wrong}))


@pytest.mark.parametrize("verb", ["train", "density inpaint", "density evaluate", "density cost"])
def test_threads_are_at_least_one(verb, monkeypatch, capsys):
    needs = {
        "train": ["--out", "out"],
        "density inpaint": ["--images", "a.png", "--models", "m", "--out", "sheet.png"],
        "density evaluate": ["--models", "m", "--data", "d"],
        "density cost": ["--out", "out"],
    }
    command = ["mac-control", *verb.split(), *needs[verb], "--threads", "0"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as status:
        cli.main()
    assert status.value.code == 2
    assert "threads: expected at least 1, got 0" in capsys.readouterr().err


def test_a_table_is_trained_one_variable_after_another():
    with pytest.raises(InputError, match="objective: expected mac, ardm, no-redundancy or paper"):
        DensityConfig("tables", (3,), head="gaussian", objective="mac-sets", queries="marginal")


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("shrink", "tables"),
        ("components", "mixtures"),
        ("groups", "--queries marginal"),
    ],
)
def test_an_option_that_text_does_not_look_at_is_refused(option, wanted, tmp_path):
    (tmp_path / "some.txt").write_text("some text long enough for a window " * 400)
    args = verb.Args(tmp_path / "some.txt", tmp_path / "out", size=8, **{option: 1})
    with pytest.raises(InputError, match=f"{option}: expected only with {wanted}.*, got text"):
        verb.main(args)
    assert not (tmp_path / "out").exists()
