"""Driving a hand from a real browser: arm by a stick, wrist by sliders, fingers by themselves.

Needs playwright and a Chromium, as tests/test_cockpit_browser.py does, and DAPG's door expert,
which is the policy here.
"""

import os
from pathlib import Path

import pytest

from mac_control.checkpoint import load_policy
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.minari_read import raw_episodes, read_metadata

EXPERT = Path(os.environ.get("MAC_CONTROL_DATA", "nowhere"), "adroit", "door_expert.npz")
if not EXPERT.exists():
    pytest.skip(f"needs {EXPERT.name} in adroit/ of MAC_CONTROL_DATA", allow_module_level=True)
from test_cockpit_browser import (  # noqa: E402 - skips where there is no browser
    address,
    browser,  # noqa: F401 - a fixture
    command,
    eventually,
    opened,
    read,
    state,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
ARM, WRIST, FINGERS = range(4), (4, 5), range(6, 28)


def opens_the_door(page):
    """A touch of the arm by a stick and of the wrist by sliders; then whether the door opens."""
    eventually(lambda: state(page, "given"))  # the first step is done
    stick = page.locator("#left").bounding_box()
    x, y = stick["x"] + stick["width"] / 2, stick["y"] + stick["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 50)
    eventually(lambda: state(page, "given")[1])
    assert not any(state(page, "given")[d] for d in FINGERS)
    page.mouse.up()
    for d in WRIST:
        page.check(f"#mine{d}")
        page.fill(f"#dim{d}", "0.1")
    eventually(lambda: all(state(page, "given")[d] for d in WRIST))
    assert page.locator("tr.fold.robot").count() == 1
    page.click("#handback")
    while not (opened := is_wide_open(page)) and state(page, "step") <= 400:
        pass
    return opened


def is_wide_open(page):
    """Whether a step is worth 20, as it is when the door is wide open; half open it is 10."""
    step, reward = state(page, "step"), state(page, "reward")
    eventually(lambda: state(page, "step") >= step + 20)
    return state(page, "reward") - reward > 15 * (state(page, "step") - step)


def test_a_person_opens_the_door_records_and_trains(browser, tmp_path):  # noqa: F811
    target = tmp_path / "door-v0"
    options = ["--env", "hand:max_episode_steps=4000", "--policy", EXPERT, "--record", target]
    with (
        command("teleoperate", *options, "--port", "0", "--speed", "0.5") as process,
        opened(browser, address(process), view=False) as page,
    ):
        # The fingers are one row until they are opened.
        assert not page.locator("#dim10").is_visible() and page.locator("#dim4").is_visible()
        assert read(page, "fold-fingers") == "▸ fingers (22)"
        page.click("#fold-fingers")
        assert page.locator("#dim10").is_visible()
        page.click("#fold-fingers")

        page.click("#pause")  # Start
        for recorded in (1, 2):
            while not opens_the_door(page):  # a touch may come at a bad moment: once more
                page.click("#reset")
                eventually(lambda: state(page, "step") < 50)
            page.click("#success")
            eventually(lambda n=recorded: f"{n} recorded" in read(page, "progress"))
    data = load_demonstrations(target)
    assert len(data) == 2 and data.robot.name.startswith("AdroitHandDoor")
    for raw in raw_episodes(target, read_metadata(target)):
        given = raw["infos"]["given"]
        assert given[:, WRIST].all(1).any() and given[:, ARM].any() and not given[:, 6:].any()
    assert max(e.observations[:, 28].max() for e in data) > 1.35
    out = tmp_path / "retrained"
    with command("train", "--data", target, "--out", out, "--steps", "5") as training:
        said = training.stdout.read()
        assert training.wait() == 0, said
    assert load_policy(out).action_dim == 28
