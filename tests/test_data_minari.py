"""Minari data sets: others' are read, ours are read back bit for bit and by Minari itself."""

from importlib.util import find_spec

import gymnasium
import gymnasium_robotics
import h5py
import minari
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from minari.data_collector import EpisodeBuffer

from mac_control import DataError, Demonstrations, Episode, InputError, load_demonstrations
from mac_control.demonstrations import save_lerobot, save_minari
from mac_control.demonstrations.convert import minari_to_hdf5
from mac_control.demonstrations.described import described
from mac_control.demonstrations.minari_read import minari_folder
from mac_control.demonstrations.minari_write import write_minari
from mac_control.options import EnvOptions
from mac_control.partial import PartialAction
from mac_control.robot import ActionDim, Robot
from mac_control.training import new_policy

pytestmark = pytest.mark.usefixtures("minari_root")
COMPLETE = ("microwave", "kettle", "light switch", "slide cabinet")


def record(env, episodes, steps, seed=0):
    """Minari episodes of random actions, as Minari's own collector makes them."""
    buffers = []
    for number in range(episodes):
        obs, _ = env.reset(seed=seed + number)
        env.action_space.seed(seed + number)
        seen, actions, rewards = [obs], [], []
        for _ in range(steps):
            actions.append(env.action_space.sample())
            obs, reward, *_ = env.step(actions[-1])
            seen.append(obs)
            rewards.append(reward)
        buffers.append(
            EpisodeBuffer(
                observations=pack(seen),
                actions=np.array(actions),
                rewards=rewards,
                terminations=[False] * steps,
                truncations=[False] * (steps - 1) + [True],
            )
        )
    return buffers


def pack(items):
    if isinstance(items[0], dict):
        return {key: pack([item[key] for item in items]) for key in items[0]}
    return np.array(items)


@pytest.mark.filterwarnings("ignore:.*is set to None")
def test_a_data_set_of_any_environment():
    env = gymnasium.make("Pendulum-v1")
    buffers = record(env, 3, 7)
    minari.create_dataset_from_buffers("pendulum/random-v0", buffers, env=env)
    read = load_demonstrations("pendulum/random-v0")
    assert (len(read), read.obs_dim, read.action_dim, read.tasks) == (3, 3, 1, ())
    for episode, buffer in zip(read, buffers, strict=True):
        np.testing.assert_array_equal(episode.observations, buffer.observations[:-1])
        np.testing.assert_array_equal(episode.actions, buffer.actions)
        np.testing.assert_array_equal(episode.rewards, np.float32(buffer.rewards))
    assert read.provenance["source"] == "pendulum/random-v0"


@pytest.mark.filterwarnings("ignore:.*is set to None")
@pytest.mark.filterwarnings("ignore:.*share an object")
def test_a_kitchen_data_set_with_dictionary_observations(monkeypatch, tmp_path):
    gymnasium.register_envs(gymnasium_robotics)
    tasks = ["microwave", "kettle", "bottom burner", "light switch"]
    env = gymnasium.make("FrankaKitchen-v1", tasks_to_complete=tasks)
    buffers = record(env, 2, 3)
    minari.create_dataset_from_buffers("D4RL/kitchen/mixed-v2", buffers, env=env)
    whole = buffers[0].observations["observation"][:-1].astype(np.float32)
    full = load_demonstrations("D4RL/kitchen/mixed-v2", obs="full")
    np.testing.assert_array_equal(full[0].observations, whole)
    monkeypatch.delenv("MAC_CONTROL_DATA", raising=False)
    positions = load_demonstrations()  # the search finds it
    np.testing.assert_array_equal(positions[0].observations, whole[:, np.r_[:9, 18:39]])
    assert positions.tasks == tuple(tasks)
    env.close()
    # As a D4RL file: the same numbers in the same types, and no observation lost.
    path = minari_to_hdf5(minari_folder("D4RL/kitchen/mixed-v2"), tmp_path / "mixed.hdf5")
    with h5py.File(path) as file:
        for number, buffer in enumerate(buffers):
            rows = slice(3 * number, 3 * number + 3)
            seen = buffer.observations["observation"]
            np.testing.assert_array_equal(file["observations"][rows], seen[:-1])
            np.testing.assert_array_equal(file["next_observations"][rows], seen[1:])
            np.testing.assert_array_equal(file["actions"][rows], buffer.actions)
        assert file["observations"].dtype == file["actions"].dtype == np.float64
        assert file["infos/desired_goal"].shape[0] == 6
    again = load_demonstrations(path)
    assert_same(again, positions)


@pytest.mark.filterwarnings("ignore:.*is set to None")
@pytest.mark.filterwarnings("ignore:env_spec is None")
def test_parts_of_an_observation_are_put_in_a_row_as_gymnasium_does():
    box = gymnasium.spaces.Box(-9, 9, (2,))
    space = gymnasium.spaces.Dict({"b": box, "a": gymnasium.spaces.Tuple([box, box])})
    seen = [space.sample() for _ in range(4)]
    buffer = EpisodeBuffer(
        observations={
            "b": pack([s["b"] for s in seen]),
            "a": tuple(pack([s["a"][i] for s in seen]) for i in range(2)),
        },
        actions=np.zeros((3, 2), np.float32),
        rewards=[0.0] * 3,
        terminations=[False] * 3,
        truncations=[False] * 3,
    )
    minari.create_dataset_from_buffers(
        "parts-v0", [buffer], observation_space=space, action_space=box
    )
    flat = [gymnasium.spaces.flatten(space, s) for s in seen[:-1]]
    np.testing.assert_array_equal(load_demonstrations("parts-v0").observations, flat)


@pytest.mark.filterwarnings("ignore:.*is set to None")
def test_actions_that_are_no_box_are_named():
    env = gymnasium.make("CartPole-v1")
    minari.create_dataset_from_buffers("cartpole-v0", record(env, 1, 3), env=env)
    with pytest.raises(DataError, match=r"cartpole-v0: actions: expected a Box.*Discrete"):
        load_demonstrations("cartpole-v0")


def same(a, b):
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_same(read, saved):
    assert (len(read), read.tasks) == (len(saved), saved.tasks)
    for one, other in zip(read, saved, strict=True):
        for name in ("observations", "actions", "executed", "subtasks"):
            assert same(getattr(one, name), getattr(other, name)), name
        rewards = np.zeros(len(other), np.float32) if other.rewards is None else other.rewards
        assert same(one.rewards, rewards)


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def demonstrations(draw):
    obs_dim, action_dim = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    executed, subtasks = draw(st.booleans()), draw(st.booleans())
    episodes = []
    for steps in draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)):

        def matrix(width, steps=steps):
            return draw(hnp.arrays(np.float32, (steps, width), elements=FINITE))

        words = st.lists(st.sampled_from(["kettle", "", "größe"]), min_size=steps, max_size=steps)
        episodes.append(
            Episode(
                matrix(obs_dim),
                matrix(action_dim),
                matrix(action_dim) if executed else None,
                matrix(1)[:, 0],
                np.array(draw(words)) if subtasks else None,
            )
        )
    names = draw(st.sampled_from([(), COMPLETE, ("anything",)]))
    return Demonstrations(episodes, names, {"source": "made", "seed": 3})


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(demonstrations())
def test_what_is_written_is_read_back_bit_for_bit(tmp_path, saved):
    folder = save_minari(saved, tmp_path / "round", overwrite=True)
    read = load_demonstrations(folder)
    assert_same(read, saved)
    assert read.provenance["origin"] == saved.provenance


def test_real_demonstrations_as_a_minari_data_set(kitchen_complete, minari_root):
    saved = load_demonstrations(kitchen_complete)
    save_minari(saved, "kitchen/complete-copy-v1", description="a copy")
    assert_same(load_demonstrations("kitchen/complete-copy-v1"), saved)
    # Minari's own tools read it, and the environment it names can be made.
    dataset = minari.load_dataset("kitchen/complete-copy-v1")
    assert (dataset.total_episodes, dataset.total_steps) == (19, 3680)
    assert dataset[0].observations.shape == (185, 30)
    assert dataset.action_space == gymnasium.spaces.Box(-1, 1, (9,))
    assert list(minari.list_local_datasets()) == ["kitchen/complete-copy-v1"]
    assert "kitchen" in minari.namespace.list_local_namespaces()
    env = dataset.recover_environment()
    assert env.unwrapped.tasks == COMPLETE
    env.close()
    with pytest.raises(InputError, match="expected a name that is free, got an existing"):
        save_minari(saved, "kitchen/complete-copy-v1")


def test_episodes_without_an_end_stay_apart_in_the_other_layout(tmp_path):
    space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    no = np.zeros(4, bool)
    buffers = [
        EpisodeBuffer(
            i, 0, None, list(np.zeros((5, 2))), list(np.zeros((4, 2))), [0.0] * 4, no, no, {}
        )
        for i in range(3)
    ]
    write_minari(tmp_path / "open-v0", buffers, space, space)
    assert load_demonstrations(tmp_path / "open-v0").lengths.tolist() == [4, 4, 4]
    minari_to_hdf5(tmp_path / "open-v0", tmp_path / "open.hdf5")
    assert load_demonstrations(tmp_path / "open.hdf5").lengths.tolist() == [4, 4, 4]


def test_only_a_data_set_is_overwritten(tmp_path):
    robot = Robot("arm", (ActionDim("a"),), rate=10.0)
    made = Demonstrations([Episode(np.zeros((3, 2)), np.zeros((3, 1)))], robot=robot)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "precious.txt").write_text("mine")
    for save in (save_minari, save_lerobot):
        if save is save_lerobot and not find_spec("pyarrow"):
            continue
        with pytest.raises(InputError, match="expected a data set to replace, got another folder"):
            save(made, tmp_path / "runs", overwrite=True)
        save(made, tmp_path / "set", overwrite=True)
        save(made, tmp_path / "set", overwrite=True)
    assert (tmp_path / "runs" / "precious.txt").read_text() == "mine"


def test_a_guessed_box_stays_a_guess_until_it_is_stated(tmp_path):
    arm = Robot("arm", (ActionDim("a", -0.5, 0.5, position=0),), rate=10.0)
    made = Demonstrations(
        [Episode(np.zeros((3, 1)), np.full((3, 1), 0.4))], (), {"box": "data"}, arm
    )
    save_minari(made, tmp_path / "set-v0")
    for source in (tmp_path / "set-v0", tmp_path / "set.hdf5"):
        if source.suffix:
            minari_to_hdf5(tmp_path / "set-v0", source)
        read = load_demonstrations(source)
        assert read.provenance["box"] == "data" and read.robot.high.tolist() == [0.5]
        assert new_policy("bc", read, 0).guessed_box
    file = tmp_path / "arm.toml"
    file.write_text('name = "arm"\n[[actions]]\nname = "a"\nlow = -0.2\nhigh = 0.2\n')
    stated = described(read, EnvOptions(robot=str(file)))
    policy = new_policy("bc", stated, 0)
    assert not policy.guessed_box and stated.actions.max() == np.float32(0.2)
    given = PartialAction([5.0], [True])
    assert policy.act(np.zeros(1), given).tolist() == [np.float32(0.2)]
