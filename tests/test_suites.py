"""Suites: what they declare fits, they go on where they stopped, and their page stands alone."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from mac_control.checkpoint import load_policy
from mac_control.cli import run
from mac_control.demonstrations import load_demonstrations
from mac_control.errors import InputError
from mac_control.offline.config import OfflineConfig
from mac_control.operators.spec import parse
from mac_control.policies import policy_class
from mac_control.scripts.evaluate import Args, SizeChanges, main
from mac_control.suites import SUITES, Block, PolicySpec, Size, Suite
from mac_control.suites.data import training_data
from mac_control.suites.html import markdown_report
from mac_control.suites.run import folds, run_suite
from mac_control.suites.tables import comparison_table, harm_table, metric_table
from mac_control.suites.training import config_of
from mac_control.training import TrainConfig, preset, train

TINY = Suite(
    name="tiny",
    question="Does < work?",
    goal="That it works.",
    data="raw",
    entrants=(PolicySpec("bc", "bc", {"width": 8}), PolicySpec("mac", "mac", {"width": 8})),
    blocks=(
        Block("held out", ("tracker", "tracker+group:wrist"), (0, 2, 9)),
        Block("seen", ("tracker",), (2,), entrants=("mac",), follow="seen"),
    ),
    size=Size(seeds=2, episodes=2, folds=2, steps=3),
    env={"max_episode_steps": 6},
)


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_what_a_suite_declares_fits(suite):
    for entrant in (*suite.entrants, *suite.quick().entrants):
        assert config_of(entrant) is not None
        assert preset(entrant.policy, suite.size.scale, **entrant.training).steps > 0
        assert policy_class(entrant.policy).name == entrant.policy
    for block in suite.blocks:
        assert all(parse(spec) for spec in block.operators)
        most = 9 if suite.env_name is None else 30
        assert all(0 <= k <= most for k in block.num_given)
        assert "," not in block.title  # separates titles on the command line
    assert suite.size.seeds * suite.size.folds >= 5  # trainings
    assert suite.size.episodes >= 50 * suite.size.folds  # for each of them
    assert any(block.share == 1 for block in suite.blocks)
    json.dumps(suite.quick().size.__dict__)


def test_every_demonstration_is_held_out_once(kitchen_complete):
    data = load_demonstrations(kitchen_complete)
    held_out = [e for _, part in folds(data, 5) for e in part]
    assert len(held_out) == len(data) == 19
    assert {id(e) for e in held_out} == {id(e) for e in data}
    for seen, part in folds(data, 5):
        assert not {id(e) for e in seen} & {id(e) for e in part}
    with pytest.raises(InputError, match="at least 20 demonstrations for 10 folds, got 19"):
        folds(data, 10)


def test_only_the_first_demonstrations_are_learnt_from(tmp_path, kitchen_complete):
    size = Size(seeds=1, episodes=1, steps=3, demonstrations=2)
    alone = (Block("alone", ("nobody",), (0,)),)
    suite = replace(TINY, size=size, blocks=alone).only(["mac"])
    run_suite(suite, tmp_path, kitchen_complete, workers=1)
    first = load_demonstrations(kitchen_complete).select([0, 1])
    (trained,) = train("mac", first, tmp_path / "by-itself", config=TrainConfig(steps=3))
    mine = load_policy(tmp_path / "policies" / "fold-0" / "mac" / "seed-0")
    assert torch.equal(mine.obs_mean, load_policy(trained).obs_mean)
    more = replace(suite, size=replace(size, demonstrations=20))
    with pytest.raises(InputError, match="demonstrations: expected at most 19, as many as there"):
        run_suite(more, tmp_path / "more", kitchen_complete, workers=1)


def test_robust_episodes_of_other_demonstrations_are_refused(tmp_path, kitchen_complete):
    size = Size(seeds=1, episodes=1, steps=3, made=1, demonstrations=2)
    alone = (Block("alone", ("nobody",), (0,)),)
    suite = replace(TINY, data="robust", size=size, blocks=alone).only(["bc"])
    run_suite(suite, tmp_path, kitchen_complete, workers=1)
    run_suite(suite, tmp_path, kitchen_complete, workers=1)  # goes on where it stopped
    (tmp_path / "results.json").unlink()
    with pytest.raises(InputError, match="out: expected a name that is free, or a data set of the"):
        run_suite(
            replace(suite, size=replace(size, demonstrations=3)),
            tmp_path,
            kitchen_complete,
            workers=1,
        )


def test_robust_episodes_of_another_division_into_folds_are_refused(tmp_path, kitchen_complete):
    suite = replace(TINY, data="robust", size=Size(made=1))
    data, folder = load_demonstrations(kitchen_complete), tmp_path / "robust-1-fold-0"
    (first, _), (other, _) = folds(data, 5)[0], folds(data, 2)[0]
    made = training_data(suite, first, folder, 1)
    assert len(training_data(suite, first, folder, 1)) == len(made)
    with pytest.raises(InputError, match="out: expected a name that is free, or a data set of the"):
        training_data(suite, other, folder, 1)


class Links(HTMLParser):
    """What a page would fetch."""

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.fetched = [*getattr(self, "fetched", []), *filter(None, (found.get("src"),))]
        if tag in ("link", "script", "iframe", "img"):
            self.fetched.append(tag)


def test_a_suite_goes_on_where_it_stopped(tmp_path, kitchen_complete):
    rows = run_suite(TINY, tmp_path, kitchen_complete, workers=1)
    # 2 folds x 2 seeds: 2 policies x (nobody, two operators with two numbers each) + 1.
    assert len(rows) == 2 * 2 * (2 * 5 + 1)
    assert {row["fold"] for row in rows} == {0, 1}
    assert all(row["metrics"]["effort"] > 0 for row in rows if row["num_given"])
    assert len(harm_table([row for row in rows if row["block"] == "held out"])) == 1 + 4

    result = json.loads((tmp_path / "results.json").read_text())
    assert result["suite"]["name"] == "tiny" and result["data"]["sha256"] and result["versions"]
    # Killed after the first rows: the others come out the same, and these are not run again.
    cut = {**result, "rows": result["rows"][:9]}
    (tmp_path / "results.json").write_text(json.dumps(cut))
    again = run_suite(TINY, tmp_path, kitchen_complete, workers=1)
    assert again[:9] == rows[:9]
    assert [r["rewards"] for r in again] == [r["rewards"] for r in rows]
    assert [r["key"] for r in again] == [r["key"] for r in rows]

    page = (tmp_path / "report.html").read_text()
    links = Links()
    links.feed(page)
    assert links.fetched == [] and page.count("<svg") == 2 and "Does &lt; work?" in page
    assert "url(" not in page.replace("url(#", "")


def test_first_episodes_are_on_the_page_on_request(tmp_path, kitchen_complete, renderer, capsys):
    from mac_control.scripts.report import main

    imageio = pytest.importorskip("imageio")
    suite = replace(TINY, size=replace(TINY.size, seeds=1), blocks=TINY.blocks[1:]).only(["mac"])
    plain = run_suite(suite, tmp_path, kitchen_complete, workers=1)
    assert not (tmp_path / "videos").exists()
    rows = run_suite(suite, tmp_path, kitchen_complete, workers=1, videos=True)
    assert [row["fold"] for row in rows if "video" in row] == [0]  # of the first fold alone
    assert [{**row, "video": None} for row in rows] == [{**row, "video": None} for row in plain]
    (file,) = (tmp_path / "videos").iterdir()
    with imageio.get_reader(file) as film:
        assert film.count_frames() == 1 + suite.env["max_episode_steps"]
        assert film.get_data(1).std() > 10
    links, made = Links(), file.stat().st_mtime_ns
    links.feed((tmp_path / "report.html").read_text())
    assert [link.partition(",")[0] for link in links.fetched] == ["data:video/mp4;base64"]

    run_suite(suite, tmp_path, kitchen_complete, workers=1)  # what was filmed stays
    with pytest.raises(SystemExit):
        run(main, [str(tmp_path), "--out", str(tmp_path / "both.html")])
    for page in ("report.html", "both.html"):
        assert (tmp_path / page).read_text().count("<video") == 1
    assert file.stat().st_mtime_ns == made


def test_several_ways_to_act_share_their_weights(tmp_path, kitchen_complete):
    entrants = (
        *TINY.entrants,
        PolicySpec("sample", "mac", {"width": 8, "decoding": "sample"}, weights="mac"),
        PolicySpec("memory", "retrieval", {"policy": "mac", "plans": 3}, weights="mac"),
    )
    size = replace(TINY.size, seeds=1, folds=1)
    blocks = (Block("alone", ("nobody",), (0,)),)
    suite = replace(TINY, entrants=entrants, blocks=blocks, size=size)
    rows = {row["policy"]: row for row in run_suite(suite, tmp_path, kitchen_complete, workers=1)}
    assert set(rows) == {"bc", "mac", "sample", "memory"}
    assert len({row["key"] for row in rows.values()}) == 4
    assert rows["memory"]["rewards"] == rows["mac"]["rewards"]  # nothing given, nothing remembered
    folder = tmp_path / "policies" / "fold-0"
    lender, borrower, memory = (
        load_policy(folder / name / "seed-0") for name in ("mac", "sample", "memory")
    )
    assert borrower.config.decoding == "sample" and lender.config.decoding == "mean"
    assert len(memory.config.lengths) == 3 and memory.config.options["width"] == 8
    theirs = lender.state_dict()
    for policy in (borrower, memory.inner):
        assert all(theirs[name].equal(value) for name, value in policy.state_dict().items())
    with pytest.raises(InputError, match=r"sample: weights: expected .* trained .*, got 'nobody'"):
        replace(TINY, entrants=(*TINY.entrants, replace(entrants[-2], weights="nobody")))
    with pytest.raises(InputError, match=r"a mac that is trained \(mac\), got 'bc'"):
        replace(TINY, entrants=(*TINY.entrants, replace(entrants[-2], weights="bc")))
    with pytest.raises(InputError, match=r"memory: weights: expected those of a mac"):
        replace(TINY, entrants=(*TINY.entrants, replace(entrants[-1], weights="bc")))


def test_a_longer_suite_that_stops_halfway_keeps_what_there_was(tmp_path, kitchen_complete):
    suite = replace(TINY, size=replace(TINY.size, seeds=1, steps=1))
    rows = run_suite(suite, tmp_path, kitchen_complete, workers=1)
    new = Block("new", ("tracker",), (1,), entrants=("bc",))
    broken = Block("broken", ("nonsense",), (1,))
    with pytest.raises(InputError, match="nonsense"):
        run_suite(
            replace(suite, blocks=(new, broken, *suite.blocks)),
            tmp_path,
            kitchen_complete,
            workers=1,
        )
    kept = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [row for row in kept if row["block"] != "new"] == rows
    assert len(kept) == len(rows) + 1
    longer = replace(suite, blocks=(new, *suite.blocks))
    again = run_suite(longer, tmp_path, kitchen_complete, workers=1)
    assert [row for row in again if row["block"] != "new"] == rows  # not rated again: `seconds` too
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == again


def test_what_others_of_a_suite_were_rated_stays(tmp_path, kitchen_complete):
    suite = replace(TINY, size=replace(TINY.size, seeds=1, steps=1))
    parts = [suite.only(["bc"]), suite.only(["mac"]), suite.only(["bc"])]
    bc, mac, again = (run_suite(part, tmp_path, kitchen_complete, workers=1) for part in parts)
    assert again == bc  # not rated again: `seconds` too
    result = json.loads((tmp_path / "results.json").read_text())
    assert result["rows"] == bc + mac
    assert [each["label"] for each in result["suite"]["entrants"]] == ["bc", "mac"]
    assert [each["entrants"] for each in result["suite"]["blocks"]] == [["bc", "mac"], ["mac"]]
    assert all(label in (tmp_path / "results.md").read_text() for label in ("BC", "MAC"))


def test_a_device_that_is_not_there_is_refused_before_anything_is_made(tmp_path, kitchen_complete):
    suite = replace(TINY, data="robust", size=TINY.size.changed(device="cuda:99"))
    with pytest.raises(InputError, match=r"device: expected .* machine has, got 'cuda:99'"):
        run_suite(suite, tmp_path / "out", kitchen_complete, workers=1)
    assert not (tmp_path / "out").exists()


def test_the_verb_report_compares_runs(tmp_path, capsys):
    from mac_control.scripts.report import main

    row = {"policy": "bc", "operator": "nobody", "train_seed": 0, "episodes": 2}
    # The second is of this version; the first of one that called the number `given`.
    for name, number, reward in (("a", "given", 1.0), ("b", "num_given", 3.0)):
        figures = {"reward_mean": reward, "rewards": [reward] * 2, "success_rate": 0.0}
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(
            json.dumps({"rows": [{**row, number: 0, **figures}]})
        )
    out = tmp_path / "both.html"
    with pytest.raises(SystemExit) as status:
        run(main, [str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(out)])
    assert status.value.code == 0
    assert re.search(r"\| BC \| no operator \| 0 \| 1.00 .* \| 3.00 ", capsys.readouterr().out)
    assert "Comparison" in out.read_text()
    with pytest.raises(SystemExit) as status:
        run(main, [str(tmp_path), "--out", str(out)])
    assert status.value.code == 2


def test_some_entrants_of_a_suite():
    some = SUITES["published"].only(["mac"])
    assert [entrant.label for entrant in some.entrants] == ["bc", "mac"]  # bc is the proxy
    assert all(block.entrants == ("mac",) for block in some.blocks)
    (alone,) = some.only_blocks(["alone"]).used().entrants
    assert alone.label == "mac" and some.used() == some
    assert len(TINY.only(["bc"]).blocks) == 1
    fills = SUITES["ablation"].only(["mac_mode"])
    assert [entrant.label for entrant in fills.entrants] == ["mac", "mac_mode"]
    with pytest.raises(InputError, match="only: expected some of bc, mac, got 'oracle'"):
        TINY.only(["oracle"])
    main = SUITES["partial"].only_blocks(["main", "other dimensions"])
    assert [block.title for block in main.blocks] == [
        "operator alone",
        "operators who replan",
        "held-out operators",
        "held-out operators that resynchronise",
        "adaptive trust",
        "obeyed to within the noise",
        "overruled",
        "overruled beyond 3 standard deviations",
        "overruled beyond 1.5 standard deviations",
        "resynchronising operators overruled",
        "resynchronising operators overruled beyond 3",
        "seen operators",
        "other dimensions",
    ]
    side = SUITES["partial"].only_blocks(["side"])
    assert len(side.blocks) + 12 == len(SUITES["partial"].blocks)
    with pytest.raises(
        InputError, match=r"blocks: expected some of main, side, .*, got \['none'\]"
    ):
        SUITES["partial"].only_blocks(["none"])


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"entrants": (PolicySpec("bc", "bc"), PolicySpec("bc", "mac"))}, "different names"),
        ({"proxy": "oracle"}, "oracle"),
        ({"reward": "fun"}, "reward"),
    ],
)
def test_a_suite_that_cannot_be(options, name):
    parts = {field: getattr(TINY, field) for field in TINY.__dataclass_fields__}
    with pytest.raises(InputError, match=name):
        Suite(**{**parts, **options})
    with pytest.raises(InputError, match="seeds"):
        Size(seeds=0)
    with pytest.raises(InputError, match="config"):
        config_of(PolicySpec("x", "bc", {"colour": 1}))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"suite": "partial", "trust": "0.1"}, "trust: expected without --suite, got both"),
        ({"suite": "partial", "episode_steps": 9}, "episode_steps: expected without --suite"),
        ({"suite": "partial", "offline": True}, "suite: expected without --offline, got both"),
        ({"offline": True, "env": "kitchen"}, "env: expected without --offline, got both"),
        ({"only": "bc"}, "only: expected with --suite, got it alone; add --suite"),
        ({"size": SizeChanges(steps=3)}, "size.steps: expected with --suite, got it alone"),
        (
            {"suite": "published", "blocks": "side"},
            "blocks: expected at least one of the suite pub",
        ),
        ({"suite": "hand-relocate", "data": "x"}, "data: expected none in the suite hand-relocate"),
        ({"suite": "private-goal", "data": "x"}, "data: expected none .* makes its own data, got"),
        ({"suite": "private-goal", "size": SizeChanges(folds=2)}, "size.folds: expected 1 in the"),
        ({"suite": "private-goal", "size": SizeChanges(demonstrations=3)}, "size.demonstrations: "),
        ({"suite": "replan", "size": SizeChanges(made=3)}, "size.made: expected none in the suite"),
        ({"held_out": OfflineConfig(folds=3)}, "folds: expected with --offline, got it alone"),
        ({"data": "builtin"}, "data: expected only with an operator who follows demonstrations"),
    ],
)
def test_an_option_that_nothing_would_look_at_is_said(tmp_path, options, said):
    with pytest.raises(InputError, match=said):
        main(Args(out=tmp_path / "new", **options))
    assert not (tmp_path / "new").exists()


def test_a_suite_of_successes_says_so_above_its_table():
    row = {"policy": "bc", "operator": "nobody", "num_given": 0, "train_seed": 0, "block": "a"}
    row |= {"rewards": [9.0, 2.0], "successes": [True, False], "measured": "return"}
    row |= {"metrics": {"obedience": 0.75}, "success_rate": 0.5, "episodes": 2}
    said = {"returns": "rewards", "successes": "successes"}
    pages = {name: {"suite": {"reward": kind}, "rows": [row]} for name, kind in said.items()}
    assert "Success rate, mean" in markdown_report(pages["successes"])
    assert "Return, mean" in markdown_report(pages["returns"])
    heading, cells = comparison_table(pages)
    assert heading[-2:] == ["returns (return)", "successes (success rate)"]
    assert [cell.split()[0] for cell in cells[-2:]] == ["5.50", "0.50"]
    heading, cells = metric_table([row])
    assert cells[heading.index("obedience")] == "0.75"
