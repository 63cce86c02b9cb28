"""`mac-control demo`: the whole story at a scale of seconds, on real demonstrations."""

import json

import pytest

from mac_control.checkpoint import load_policy
from mac_control.cli import run
from mac_control.demonstrations import load_demonstrations
from mac_control.errors import InputError
from mac_control.scripts.demo import Args, main
from mac_control.training import TrainConfig
from mac_control.training.many import Job, train_many


def test_one_command_trains_shares_control_and_reports(tmp_path, kitchen_complete, capsys):
    argv = f"--data {kitchen_complete} --out {tmp_path} --steps 5 --episodes 1"
    argv += " --episode-steps 40 --num-given 3 --workers 1"
    with pytest.raises(SystemExit) as status:
        run(main, argv.split())
    assert status.value.code == 0
    results = json.loads((tmp_path / "results.json").read_text())
    rows = {(r["policy"], r["operator"], r["num_given"], r["train_seed"]) for r in results["rows"]}
    alone = {(name, "nobody", 0, 0) for name in ("bc", "ibc", "mac")}
    assert rows == alone | {("mac", "proxy", 3, 0)}
    assert results["training"]["mac"]["steps"] == 5
    assert results["data"] == load_demonstrations(kitchen_complete).provenance
    for ending in ("csv", "md", "png"):
        assert (tmp_path / f"results.{ending}").stat().st_size > 100
    assert "| MAC | proxy | 1 |" in capsys.readouterr().out
    # Again: nothing is trained or rolled out twice.
    weights = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    with pytest.raises(SystemExit):
        run(main, argv.split())
    assert weights == {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.safetensors")}
    assert json.loads((tmp_path / "results.json").read_text())["rows"] == results["rows"]


def test_jobs_are_the_same_in_one_process_and_in_two(tmp_path, kitchen_complete):
    data = load_demonstrations(kitchen_complete)
    digests = []
    for workers in (1, 2):
        jobs = [
            Job("bc", data, tmp_path / f"{workers}-{seed}", seed, TrainConfig(steps=5))
            for seed in (0, 1)
        ]
        folders = train_many(jobs, workers=workers, progress=False)
        digests.append([load_policy(f).checkpoint["weights"]["sha256"] for f in folders])
    assert digests[0] == digests[1] and digests[0][0] != digests[0][1]


def test_the_longest_job_is_begun_first(tmp_path):
    data = load_demonstrations("builtin")
    jobs = [Job("bc", data, tmp_path / str(n), 0, TrainConfig(steps=n)) for n in (2, 9, 4)]
    assert train_many(jobs, workers=1, progress=False) == [job.out for job in jobs]
    written = {n: (tmp_path / str(n) / "log.csv").stat().st_mtime_ns for n in (2, 9, 4)}
    assert sorted(written, key=written.get) == [9, 4, 2]


def test_demonstrations_of_another_robot_than_the_environments_are_refused(tmp_path, monkeypatch):
    import numpy as np

    import mac_control.demonstrations
    from mac_control.demonstrations import Demonstrations, Episode

    other = Demonstrations([Episode(np.zeros((5, 4)), np.zeros((5, 2)))])
    monkeypatch.setattr(mac_control.demonstrations, "load_demonstrations", lambda source: other)
    with pytest.raises(InputError, match=r"data: expected 30 observed and 9 .* got 4 and 2"):
        main(Args(out=tmp_path, env="kitchen"))
    with pytest.raises(InputError, match=r"as franka-kitchen has, got 4 and 2; name the env"):
        main(Args(out=tmp_path))
    assert not list(tmp_path.iterdir())  # before anything is trained
