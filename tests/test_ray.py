"""Work on a Ray cluster: the same results as in this process, whatever dies."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mac_control import Demonstrations, Episode, InputError, MacControlError, evaluate
from mac_control.checkpoint import load_policy
from mac_control.collection.generate import generate_dataset
from mac_control.envs.kitchen.robot import kitchen_robot
from mac_control.parallel import FanOut, Ray, run_many
from mac_control.policies import Policy
from mac_control.training import TrainConfig
from mac_control.training.many import Job, train_many


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of a core each; each is a raylet of its own."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'mac-control[ray]'")
    from ray.cluster_utils import Cluster

    # Ray's workers come after everything else unless told so: for minutes, on a busy machine.
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_worker_niceness", "0")
    node = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    made.add_node(**node)
    yield made
    import ray

    ray.shutdown()
    made.shutdown()
    patch.undo()


class Sway(Policy):
    """Moves with what it sees."""

    obs_dim, low, high = 30, -np.ones(9, np.float32), np.ones(9, np.float32)
    weight = np.random.default_rng(0).standard_normal((30, 9)).astype(np.float32)

    def complete(self, obs, partial):
        return np.tanh(obs @ self.weight)


def test_the_results_are_those_of_this_machine(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr("mac_control.loop.evaluation.GROUP_SIZE", 1)
    rng = np.random.default_rng(0)
    episode = Episode(rng.normal(size=(9, 30)), rng.uniform(-1, 1, (9, 9)))
    data = Demonstrations([episode], robot=kitchen_robot(30))
    grid = {"num_given": [2], "episodes": 3, "demonstrations": data}
    grid["env_options"] = {"max_episode_steps": 20}
    rows, weights = [], []
    for workers in (1, FanOut(backend="ray", address=cluster.address).chosen()):
        found = evaluate([Sway()], ["nobody", "tracker"], workers=workers, **grid)
        rows.append([{k: v for k, v in row.items() if k != "seconds"} for row in found])
        jobs = [
            Job("mac", data, tmp_path / str(len(rows)) / str(seed), seed, TrainConfig(steps=2))
            for seed in (0, 1)
        ]
        folders = train_many(jobs, workers=workers, progress=False)
        weights.append([load_policy(f).checkpoint["weights"]["sha256"] for f in folders])
    assert rows[0] == rows[1]
    assert weights[0] == weights[1]


def slow_episode(item: tuple[int, str]) -> Episode:
    """Says which node makes it; takes for ever on the one that will die, which others wait for."""
    import ray

    index, folder = item
    node = ray.get_runtime_context().get_node_id()
    with open(Path(folder) / f"{index}.made", "a") as file:
        file.write(node + "\n")
    doomed = Path(folder, "doomed").read_text()
    if node == doomed:
        time.sleep(1000)
    end = time.monotonic() + 240  # its first worker may start late, when all would be done
    while doomed not in begun(Path(folder)) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(0.05)
    return episode(index)


def begun(marks: Path) -> list[str]:
    """The node of each episode that was begun."""
    return [line for path in marks.glob("*.made") for line in path.read_text().split()]


def episode(index: int) -> Episode:
    rng = np.random.default_rng(index)
    return Episode(rng.normal(size=(5, 4)), rng.uniform(-1, 1, (5, 2)))


def die(item: int) -> None:
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)


def refuse(item: int) -> None:
    raise InputError(f"item: expected another, got {item}")


def test_what_a_node_that_dies_had_begun_is_done_again(cluster, tmp_path):
    ray = Ray(cluster.address)
    marks, out = tmp_path / "marks", tmp_path / "set"
    marks.mkdir()
    doomed = next(iter(cluster.worker_nodes))
    (marks / "doomed").write_text(doomed.node_id)

    def kill() -> None:
        """Kill the node while it is at work, when half a dozen episodes are begun."""
        while len(begun(marks)) < 6 or doomed.node_id not in begun(marks):
            time.sleep(0.02)
        cluster.remove_node(doomed, allow_graceful=False)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    items = [(index, str(marks)) for index in range(24)]
    made = generate_dataset(slow_episode, items, out, {}, workers=ray)
    killer.join(timeout=240)
    again = len(begun(marks)) - len(items)
    assert begun(marks).count(doomed.node_id) == again > 0, "not done again"
    for index, found in enumerate(made):
        np.testing.assert_array_equal(found.observations, episode(index).observations)
        np.testing.assert_array_equal(found.actions, episode(index).actions)

    with pytest.raises(MacControlError, match="item 1: its workers died 3 times"):
        list(run_many(die, [0, 1], ray))
    with pytest.raises(InputError, match="item: expected another, got 7"):
        list(run_many(refuse, [7], ray))


def test_an_address_where_no_cluster_is_gets_a_sentence():
    pytest.importorskip("ray", reason="needs Ray: pip install 'mac-control[ray]'")
    from mac_control.parallel.ray import _expect_answer

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(InputError, match=f"expected a Ray cluster at 127.0.0.1:{port}, none answ"):
        _expect_answer(f"127.0.0.1:{port}")
    for wrong in ("head", "ray://head:10001", "head:port"):
        with pytest.raises(InputError, match="address: expected HOST:PORT"):
            _expect_answer(wrong)
    with pytest.raises(InputError, match="address: expected none without --backend ray"):
        FanOut(address="head:6379").chosen()
