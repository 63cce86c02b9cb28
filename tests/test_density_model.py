"""Density models as a product: training that resumes, exact answers, the verbs of the shell."""

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mac_control.checkpoint import read
from mac_control.cli import run_named
from mac_control.density import DensityModel, load_density
from mac_control.density.completion import complete
from mac_control.density.config import PRESETS, DensityConfig, DensityTraining
from mac_control.density.data import Data, load_data
from mac_control.density.evaluation import QUERIES, bits, draw_queries
from mac_control.density.inpainting import inpaint, read_mask
from mac_control.density.text import ALPHABET, encode
from mac_control.density.trainer import learning_rate, train_density
from mac_control.errors import CheckpointError, DataError, InputError
from mac_control.scripts.density import NAMES, PACKAGE

WORDS = "the cat sat on the mat and the dog ran to the cat "


def density(*argv, status=0):
    with pytest.raises(SystemExit) as ended:
        run_named(PACKAGE, NAMES, "mac-control density", list(map(str, argv)))
    assert ended.value.code == status


def text_data(length=12):
    symbols = encode(WORDS * 60)
    return Data("text", (length,), symbols[:2400], symbols[2400:2700], symbols[2700:])


def table_data():
    rng = np.random.default_rng(0)
    x = rng.gamma(2.0, 1.0, size=(500, 3))
    x[:, 2] = x[:, 0] * 2 + 0.1 * rng.normal(size=500)
    return Data("tables", (3,), x[:400], x[400:450], x[450:])


def image_data():
    rng = np.random.default_rng(0)
    grey = rng.integers(40, 200, size=(60, 1, 1, 1))
    images = (grey + rng.integers(-9, 9, size=(60, 6, 6, 3))).astype(np.uint8)
    return Data("images", (4, 4, 3), images[:50], images[50:55], images[55:])


DATA = {"text": text_data, "tables": table_data, "images": image_data}
SMALL = {
    "text": {"width": 32, "layers": 2, "heads": 2, "queries": "marginal"},
    "tables": {"width": 16, "layers": 1, "head": "gaussian", "components": 3, "bend": 3},
    "images": {"width": 16, "layers": 1, "heads": 2, "head": "logistic", "components": 2},
}


def fit(kind, out, steps=30, objective="mac", queries=None, **options):
    data = DATA[kind]()
    settings = SMALL[kind] | ({"queries": queries} if queries else {})
    config = DensityConfig(kind, data.shape, objective=objective, **settings)
    options = {"batch_size": 16, "warmup": 5, "lr": 1e-2, "check_every": 10, **options}
    return train_density(data, out, config, DensityTraining(steps=steps, **options), False)


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    return load_density(fit("text", folder, steps=250, queries="evidence", ema=0.9))


def test_the_block_of_the_documentation_runs(tmp_path, monkeypatch):
    page = Path(__file__).parent.parent / "docs" / "density.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    fit("text", tmp_path / "runs" / "text")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block, page.name, "exec"), names)
    assert np.isfinite(names["model"].log_prob(names["text"], names["given"])).all()


@pytest.fixture(scope="module")
def image_model(tmp_path_factory):
    return load_density(fit("images", tmp_path_factory.mktemp("images"), steps=60, ema=0.9))


@pytest.fixture(scope="module")
def table_model(tmp_path_factory):
    return load_density(fit("tables", tmp_path_factory.mktemp("tables"), steps=60, ema=0.9))


@pytest.mark.parametrize("kind", list(DATA))
def test_a_run_that_was_interrupted_ends_with_the_same_weights(kind, tmp_path, monkeypatch):
    fit(kind, tmp_path / "whole", keep="best")
    from mac_control.density import trainer

    take_step = trainer.Run.take_step

    def cut(run):
        if run.step == 17:
            run.save()
            raise KeyboardInterrupt
        return take_step(run)

    monkeypatch.setattr(trainer.Run, "take_step", cut)
    with pytest.raises(KeyboardInterrupt):
        fit(kind, tmp_path / "cut", keep="best")
    monkeypatch.undo()
    fit(kind, tmp_path / "cut", keep="best")
    one, two = (read(tmp_path / name, "density")[1] for name in ("whole", "cut"))
    assert one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)
    with open(tmp_path / "cut" / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["step"] for r in rows if r["joint"]] == ["10", "20", "30"]


@pytest.mark.parametrize("lost", ["density.json", "density-*.safetensors"])
def test_a_finished_run_writes_a_lost_model_again(lost, tmp_path):
    fit("tables", tmp_path, steps=3)
    before = read(tmp_path, "density")[1]
    (file,) = tmp_path.glob(lost)
    file.unlink()
    fit("tables", tmp_path, steps=3)
    after = read(tmp_path, "density")[1]
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in after)


def test_a_folder_with_other_settings_is_left_alone(tmp_path):
    fit("text", tmp_path, steps=5)
    with pytest.raises(CheckpointError, match="steps 5, got 6"):
        fit("text", tmp_path, steps=6)
    with pytest.raises(CheckpointError, match="config"):
        fit("text", tmp_path, steps=5, objective="ardm")


@pytest.mark.parametrize("objective", ["ardm", "no-redundancy", "paper", "ardm-sets", "mac-sets"])
def test_every_objective_learns(objective, tmp_path):
    folder = fit("text", tmp_path, steps=40, objective=objective, ema=0.5)
    found = bits(load_density(folder), text_data().rows("test", 20), ("joint", "marginal"))
    assert found["joint"].mean() < 3.9 and found["marginal"].mean() < 2.4  # uniform: 4.75, 2.6


def test_marginals_of_a_short_query_sum_to_one(text_model):
    """Of a trained model, over all values of two characters, with and without evidence."""
    texts = ["the " + a + "at s" + b for a in ALPHABET for b in ALPHABET]
    query = np.zeros((len(texts), 10), bool)
    query[:, [4, 9]] = True
    for given in (np.zeros_like(query), ~query):
        total = np.exp(text_model.log_prob(texts, given, query).astype(float)).sum()
        assert total == pytest.approx(1, abs=1e-4)


def test_a_path_in_one_pass_equals_its_single_conditionals(text_model):
    text = "the cat sat "
    whole = text_model.log_prob(text)[0]
    single = 0.0
    for index in range(len(text)):
        given = np.arange(len(text))[None] < index
        query = np.arange(len(text))[None] == index
        single += text_model.log_prob(text, given, query)[0]
    assert whole == pytest.approx(single, abs=1e-4)


def test_a_trained_model_knows_its_words(text_model):
    assert text_model.log_prob("the cat ")[0] > text_model.log_prob("txe cqt ")[0] + 4
    found = complete(text_model, "the c_t ", alternatives=3, samples=20)
    assert found[0][0] == "the cat " and found[0][1] > math.log(0.3)
    assert [v for _, v in found] == sorted((v for _, v in found), reverse=True)
    assert len({t for t, _ in found}) == len(found)
    assert found == complete(text_model, "the c_t ", alternatives=3, samples=20)


def test_marginals_agree_with_paths_from_nothing(text_model):
    texts, nothing = ["the cat ", "a dog ra"], np.zeros((2, 8), bool)
    paths = text_model.log_prob(texts, nothing)
    assert np.allclose(paths, text_model.log_prob(texts, nothing, via="marginals"))


def test_images_keep_what_is_given(image_model):
    pictures = image_data().rows("test")
    mask = read_mask("right", (4, 4, 3))
    filled, value = inpaint(image_model, pictures, mask, samples=2)
    assert filled.shape == (5, 2, 4, 4, 3) and filled.dtype == np.uint8
    assert (filled[:, :, :, :2] == pictures[:, None, :, :2]).all()
    assert 0 < value < 8
    assert (image_model.mode(pictures, ~np.broadcast_to(mask[None, ..., None], pictures.shape))
            [:, :, :2] == pictures[:, :, :2]).all()  # fmt: skip


def test_tables_are_densities_in_the_units_of_the_data(table_model):
    """The last column given the others, integrated over its range; and it follows the first."""
    grid = np.linspace(-20, 60, 8001)
    rows = np.stack([np.full_like(grid, 3.0), np.full_like(grid, 2.0), grid], 1)
    given = np.tile([True, True, False], (len(rows), 1))
    value = np.exp(table_model.log_prob(rows, given).astype(float))
    assert value.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=0.01)
    assert grid[value.argmax()] == pytest.approx(6, abs=1.0)
    drawn = table_model.sample(rows[:200], given[:200], seed=1)
    assert (drawn[:, :2] == rows[:200, :2]).all() and abs(drawn[:, 2].mean() - 6) < 1.0


@pytest.mark.parametrize("name", list(QUERIES))
def test_queries_are_the_same_every_time_and_ask_something(name):
    given, query = draw_queries(name, 50, 7)
    again = draw_queries(name, 50, 7)
    assert (given == again[0]).all() and (query == again[1]).all()
    assert query.any(1).all() and not (given & query).any()


def test_presets_are_for_every_kind():
    for kind, shape in (("text", (250,)), ("images", (32, 32, 3)), ("tables", (6,))):
        for preset in ("small", "published"):
            model, training = PRESETS[kind, preset]
            DensityConfig(**{**model, "kind": kind, "shape": shape})
            DensityTraining(**training)
    text = PRESETS["text", "published"]
    assert (text[0]["width"], text[0]["layers"], text[1]["batch_size"]) == (768, 12, 180)


# As a user meets it, in the shell.


def test_from_a_folder_of_texts_to_a_completed_sentence(tmp_path, capsys):
    (tmp_path / "texts").mkdir()
    for number in range(3):
        (tmp_path / "texts" / f"{number}.txt").write_text(WORDS.capitalize() * 20)
    options = ["--size", "16", "--width", "32", "--layers", "1", "--steps", "80", "--lr", "0.01"]
    density("train", "--data", tmp_path / "texts", "--out", tmp_path / "m", "--clean", *options)
    capsys.readouterr()
    density("complete", "the c_t s_t", "--model", tmp_path / "m", "--samples", "20", "--json")
    found = json.loads(capsys.readouterr().out)
    assert len(found) > 1 and all(len(f["text"]) == 11 and f["log_prob"] <= 0 for f in found)
    density("complete", "the c_t s_t", "--model", tmp_path / "m", "--samples", "5")
    assert "%  the c" in capsys.readouterr().out
    density(
        "evaluate", "--models", tmp_path / "m", "--data", tmp_path / "texts", "--clean",
        "--rows", "5", "--out", tmp_path / "r.jsonl", "--orders", "trained", "random",
    )  # fmt: skip
    density("report", "--results", tmp_path / "r.jsonl", "--out", tmp_path / "page")
    page = (tmp_path / "page" / "README.md").read_text()
    assert "MAC for p(rest given any), asked in random order" in page
    assert (tmp_path / "page" / "curves.png").stat().st_size > 1000


def test_from_a_folder_of_pictures_to_an_inpainted_one(tmp_path, capsys):
    (tmp_path / "p").mkdir()
    for number, picture in enumerate(image_data().train[:20]):
        Image.fromarray(picture).save(tmp_path / "p" / f"{number}.png")
    options = ["--width", "16", "--layers", "1", "--steps", "10", "--batch-size", "4"]
    density("train", "--data", tmp_path / "p", "--out", tmp_path / "m", *options)
    common = ["--images", tmp_path / "p", "--models", tmp_path / "m"]
    density("inpaint", *common, "--out", tmp_path / "sheet.png", "--rows", "2", "--samples", "2")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (4 * (60 + 4) + 4, 2 * (60 + 4) + 16 + 4)
        assert sheet.getpixel((4 + 64 + 58, 40)) == (128, 128, 128)  # the masked half
    for mask, sentence in (
        ("random:0", "mask: expected pixels to fill in, got none"),
        ("middle", "mask: expected one of left"),
    ):
        capsys.readouterr()
        density("inpaint", *common, "--out", tmp_path / "x.png", "--mask", mask, status=2)
        assert sentence in capsys.readouterr().err
    Image.new("RGB", (9, 6)).save(tmp_path / "odd.png")
    odd = [
        "--images",
        tmp_path / "odd.png",
        "--models",
        tmp_path / "m",
        "--out",
        tmp_path / "x.png",
    ]
    density("inpaint", *odd, status=2)
    assert "expected 6×6 pixels of 3 colours" in capsys.readouterr().err
    density("inpaint", *odd, "--crop", "--mask", "centre", "--samples", "1")
    Image.new("L", (9, 9)).save(tmp_path / "mask.png")
    density(
        "inpaint", *common, "--out", tmp_path / "x.png", "--mask", tmp_path / "mask.png", status=2
    )
    assert "expected a mask of 6×6 pixels, got 9×9" in capsys.readouterr().err


def test_from_a_table_to_a_rating(tmp_path, capsys):
    np.save(tmp_path / "a.npy", table_data().train)
    options = ["--steps", "10", "--width", "16", "--bend", "2", "--queries", "marginal"]
    density("train", "--data", tmp_path / "a.npy", "--out", tmp_path / "m", *options)
    evaluate = ["evaluate", "--models", tmp_path / "m", "--data", tmp_path / "a.npy"]
    density(*evaluate)
    said = capsys.readouterr()
    assert "joint" in said.out and "trained" not in said.err
    np.save(tmp_path / "a.npy", table_data().train[:-1])
    density(*evaluate)
    said = capsys.readouterr()
    assert "joint" in said.out and f"{tmp_path / 'm'}: expected the data it was" in said.err


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("the cat", "expected blanks"),
        ("the c_t!", "expected a to z and spaces, got '!' at character 8"),
        ("_" * 13, "expected at most 12 characters"),
    ],
)
def test_texts_that_cannot_be_completed(text_model, text, sentence):
    with pytest.raises((InputError, DataError), match=sentence):
        complete(text_model, text)


def test_input_that_does_not_fit(text_model, image_model, table_model, tmp_path):
    pictures = image_data().rows("test")
    nothing = np.zeros((1, 12), bool)
    for call, sentence in (
        (lambda: text_model.log_prob("abc", query=np.zeros((1, 3), bool)), "at least one"),
        (lambda: text_model.log_prob("abc", query=~nothing), "behind its end"),
        (lambda: text_model.log_prob("abc", given=np.zeros((1, 3))), "given: expected booleans"),
        (lambda: text_model.log_prob(["a" * 13]), "1 to 12 characters"),
        (lambda: text_model.log_prob([]), "expected text"),
        (lambda: text_model.log_prob("abc", via="bayes"), "via"),
        (lambda: image_model.log_prob(pictures[:, :3]), "images uint8 .B, 4 × 4 × 3"),
        (lambda: image_model.log_prob(pictures.astype(float)), "images uint8"),
        (lambda: table_model.log_prob(np.zeros((2, 4))), "rows .B, 3"),
        (lambda: table_model.sample(np.zeros((2, 3)), None, temperature=-1), "temperature"),
        (lambda: complete(image_model, "a_"), "one of text"),
        (lambda: inpaint(text_model, pictures, np.ones((4, 4), bool)), "one of images"),
        (lambda: DensityConfig("sound", (3,)), "kind"),
        (lambda: DensityConfig("text", (3,), head="gaussian"), "head"),
        (lambda: DensityConfig("text", (3,), layers=0), "layers"),
        (lambda: DensityTraining(ema=1.0), "ema"),
        (lambda: DensityTraining(keep="all"), "keep"),
    ):
        with pytest.raises(InputError, match=sentence):
            call()
    with pytest.raises(CheckpointError, match="density train"):
        load_density(tmp_path)


def test_a_checkpoint_that_was_changed_is_refused(tmp_path, text_model):
    text_model.save(tmp_path)
    record = json.loads((tmp_path / "density.json").read_text())
    for name, value in (("width", 64), ("layers", 10**9), ("head", "gaussian")):
        changed = {**record, "config": {**record["config"], name: value}}
        (tmp_path / "density.json").write_text(json.dumps(changed))
        with pytest.raises(CheckpointError, match="expected the weights of its own"):
            load_density(tmp_path)


def test_the_real_wikipedia_trains(data_folder, tmp_path):
    data = load_data(data_folder / "text", size=32)
    config = DensityConfig("text", (32,), width=32, layers=1, heads=2, queries="marginal")
    train_density(data, tmp_path, config, DensityTraining(steps=20, batch_size=8), False)
    model = load_density(tmp_path)
    assert isinstance(model, DensityModel)
    assert bits(model, data.rows("test", 5), ("joint",))["joint"].mean() < 4.75


def test_a_finished_run_writes_a_model_that_is_gone_again(tmp_path):
    out = fit("tables", tmp_path, steps=3)
    (out / "density.json").unlink()
    fit("tables", tmp_path, steps=3)
    assert (out / "density.json").exists()
    with open(out / "log.csv", newline="") as file:
        rates = [float(row["lr"]) for row in csv.DictReader(file)]
    used = DensityTraining(steps=3, lr=1e-2, warmup=5)
    assert rates == [pytest.approx(learning_rate(used, 2))]  # of the last of three steps
