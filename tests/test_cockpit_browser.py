"""The whole way, as a person goes it: the command, a real browser, a recording, training.

Needs playwright and a Chromium: one that is installed, or the path in MAC_CONTROL_CHROMIUM.
MAC_CONTROL_CHECKPOINT may name a trained policy.
"""

import contextlib
import functools
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mac_control.checkpoint import load_policy, save_policy
from mac_control.demonstrations import load_demonstrations
from mac_control.demonstrations.minari_read import raw_episodes, read_metadata
from mac_control.policies.mac import MacConfig, MacPolicy

CHROMIUM = os.environ.get("MAC_CONTROL_CHROMIUM") or shutil.which("chromium")
if not CHROMIUM:
    pytest.skip("needs a browser: expected chromium, got none", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("viser")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]
#: A gamepad that the page's script cannot tell from a real one; the browser's own is not there.
PAD = """window.pad = {id: "a pad", connected: false, axes: [0, 0, 0, 0],
           buttons: Array.from({length: 17}, () => ({pressed: false}))};
         navigator.getGamepads = () => [window.pad];"""
#: Counts, in every frame of the page, how often it could have drawn; held, it draws no more.
TICKS = """window.ticks = 0;
           const draw = window.requestAnimationFrame.bind(window), waiting = [];
           let held = false;
           window.requestAnimationFrame = then => held ? waiting.push(then) : draw(then);
           window.hold = on => { held = on; if (!on) waiting.splice(0).forEach(draw); };
           const tick = () => { window.ticks++; window.requestAnimationFrame(tick); };
           tick();"""
VIEW = "document.getElementById('view').contentWindow"
#: Who drives here has seen the tour.
SEEN = "try { localStorage.setItem('tour', 'seen'); } catch { /* a frame that is not ours */ }"
MAIN = "import sys; from mac_control.cli import main; main()"


@contextlib.contextmanager
def command(*arguments):
    """A `mac-control` command that runs; its output is read by `address`."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Tests that run in the background of a shell ignore Ctrl-C, and so would the command.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def address(process):
    for line in process.stdout:
        if found := re.search(r"drive at (\S+)", line):
            return found[1]
    raise AssertionError("the cockpit did not start")


@pytest.fixture
def checkpoint(tmp_path):
    if trained := os.environ.get("MAC_CONTROL_CHECKPOINT"):
        return Path(trained)
    box = np.ones(9)
    policy = MacPolicy(MacConfig(width=64, obs_width=64), np.zeros(30), np.ones(30), -box, box)
    return save_policy(tmp_path / "policy", policy)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as tools:
        try:
            chromium = tools.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except playwright.Error as error:  # nothing of ours has been asked yet
            pytest.skip(f"needs a browser: {CHROMIUM} does not start: {error}")
        yield chromium
        chromium.close()


@contextlib.contextmanager
def opened(browser, url, view=True, toured=True, **options):
    """The page, in a browser's window of its own; without the 3D view it costs far less."""
    context = browser.new_context(**{"viewport": {"width": 1240, "height": 780}, **options})
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_default_timeout(60_000)
    if not view:
        page.route("**/view/**", lambda route: route.abort())
    page.add_init_script(PAD + TICKS + (SEEN if toured else ""))
    page.goto(url, wait_until="domcontentloaded")  # the 3D view may come later
    page.wait_for_selector("#mine8", state="attached")  # visible is asked by frame: late here
    yield page
    context.close()
    assert errors == []


def read(page, id):
    return page.inner_text(f"#{id}")


def eventually(condition, seconds=180):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.1)


def kitchen_is_there(page):
    """Whether the picture is neither empty nor flat where the view lies, well inside it.

    The view is held, as drawing on the processor holds up the screenshot and all else.
    """
    page.evaluate(f"{VIEW}.hold?.(true)")
    image = page.screenshot()
    view = page.locator("#view").bounding_box()
    pixels = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), float)
    if pixels[80 : int(view["height"]) - 80, 40 : int(view["width"]) - 40].std() > 25:
        return True
    page.evaluate(f"{VIEW}.hold?.(false)")
    return False


def state(page, key):
    """Of what the loop last said to the page."""
    return page.evaluate("key => window.cockpit.state[key]", key)


def joint(page, d):
    return state(page, "qpos")[d]


def test_a_person_drives_records_and_trains(browser, checkpoint, tmp_path):
    target = tmp_path / "mine-v0"
    other = shutil.copytree(checkpoint, tmp_path / "other")
    options = ["--policy", checkpoint, "--more-policies", other, "--record", target, "--port", "0"]
    with (
        command("teleoperate", *options) as process,
        opened(browser, address(process), view=False) as page,
    ):
        # Take dimension 1; the others are filled in by the model.
        page.click("#pause")  # Start
        before = joint(page, 1)
        page.check("#mine1")
        page.fill("#dim1", "0.5")
        eventually(lambda: read(page, "sent1") == "0.50")
        eventually(lambda: joint(page, 1) > before + 0.1)
        assert page.locator("tr.you").count() == 1 and page.locator("tr.robot").count() == 8
        assert read(page, "who") == "You: shoulder · Robot: 8 others"
        assert read(page, "agree").startswith("Your commands: ")
        assert "log-likelihood of your commands" in page.text_content("#likelihood")
        sent = {read(page, f"sent{d}") for d in range(9) if d != 1}
        assert len(sent) > 1  # the model is at work

        # Another policy, and hand back.
        page.select_option("#policy", index=1)
        eventually(lambda: state(page, "policy") == 1)
        page.uncheck("#mine1")
        eventually(lambda: page.locator("tr.robot").count() == 9)
        assert read(page, "who") == "Robot: everything"

        # Two episodes are recorded, one of them with a stick.
        page.click("#success")
        eventually(lambda: "Episode 2" in read(page, "progress"))
        stick = page.locator("#left").bounding_box()
        x, y = stick["x"] + stick["width"] / 2, stick["y"] + stick["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y - 60)
        eventually(lambda: page.locator("tr.you").count() == 7)
        page.mouse.up()
        eventually(lambda: page.locator("tr.you").count() == 0)
        page.keyboard.press("Enter")
        eventually(lambda: "2 recorded" in read(page, "progress"))

        # Killed in the middle of the third.
        eventually(lambda: state(page, "episode") == 2 and state(page, "step") > 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        eventually(lambda: read(page, "who").startswith("Connection lost"))
    demonstrations = load_demonstrations(target)
    assert len(demonstrations) == 2
    first, second = raw_episodes(target, read_metadata(target))
    assert first["infos"]["given"][:, 1].any()
    assert not np.delete(first["infos"]["given"], 1, axis=1).any()
    assert second["infos"]["given"][:, :7].all(1).any()
    out = tmp_path / "retrained"
    with command("train", "--data", target, "--out", out, "--steps", "20") as process:
        said = process.stdout.read()
        assert process.wait() == 0, said
    assert load_policy(out).action_dim == 9


def test_the_kitchen_is_seen_and_does_not_keep_the_keys(browser, driving):
    small = {"viewport": {"width": 920, "height": 420}}  # drawn on this machine's processor
    with driving() as (cockpit, _), opened(browser, cockpit.url, **small) as page:
        try:
            eventually(lambda: kitchen_is_there(page))
        except AssertionError:
            drawn = page.evaluate(f"{VIEW}.ticks")
            if drawn < 60:
                pytest.skip(f"needs a processor that can draw: got {drawn} frames in 3 minutes")
            raise
        page.mouse.click(200, 200)  # into the 3D view
        page.keyboard.press("Escape")
        eventually(lambda: "STOPPED" in read(page, "who"))
        eventually(lambda: {read(page, f"sent{d}") for d in range(9)} == {"0.00"})
        page.frame_locator("#view").locator("canvas").first.focus()  # and while it has them
        page.keyboard.press("F4")
        eventually(lambda: "STOPPED" not in read(page, "who"))


def test_a_stop_is_not_released_in_fright(browser, driving):
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False) as page:
        # The page's time stands still: the second press is soon after the first however slow
        # this machine is.
        page.evaluate("(() => { const now = performance.now(); performance.now = () => now; })()")
        page.keyboard.press("Escape")
        eventually(lambda: read(page, "estop") == "STOPPED")
        page.keyboard.press("Escape")
        page.evaluate("delete performance.now")
        eventually(lambda: read(page, "estop") == "RELEASE")
        assert state(page, "stopped")
        page.keyboard.press("Escape")
        eventually(lambda: "STOPPED" not in read(page, "who"))


def test_a_phone_can_drive(browser, driving):
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False, **options) as phone:
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390  # nothing sticks out
        for id in ("estop", "left", "right", "mode"):  # at hand without scrolling
            box = phone.locator(f"#{id}").bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 844
        phone.tap("#mine7")
        eventually(lambda: phone.locator("tr.you").count() == 1)
        phone.tap("#estop")  # in sight wherever the page is scrolled to
        eventually(lambda: "STOPPED" in read(phone, "who"))
        eventually(lambda: read(phone, "estop") == "RELEASE")
        phone.tap("#estop")
        phone.tap("#handback")
        eventually(lambda: phone.locator("tr.you").count() == 0)


def test_the_keyboard_of_the_browser_drives(browser, driving):
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False) as page:
        page.keyboard.down("o")  # opens the fingers
        eventually(lambda: page.locator("tr.you").count() == 2)
        page.keyboard.up("o")
        eventually(lambda: page.locator("tr.you").count() == 0)
        page.keyboard.press("Tab")
        eventually(lambda: read(page, "mode") == "Mode: joints")
        page.keyboard.down("w")
        eventually(lambda: page.locator("tr.you").count() == 1)
        # A page that is hidden or closed lets go.
        page.evaluate("window.dispatchEvent(new Event('blur'))")
        eventually(lambda: page.locator("tr.you").count() == 0)
        page.keyboard.up("w")
        page.keyboard.press("p")
        eventually(lambda: read(page, "who") == "Paused")
        page.keyboard.press("p")
        eventually(lambda: state(page, "step") > 60)
        page.keyboard.press("p")
        eventually(lambda: read(page, "who") == "Paused")
        before = state(page, "step")
        page.keyboard.press("z")  # undoes 2 s
        eventually(lambda: state(page, "step") < before)
        page.keyboard.press("p")
        page.keyboard.press("Backspace")
        eventually(lambda: "Episode 2" in read(page, "progress"))


def test_the_gamepad_of_the_browser_drives(browser, driving):
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False) as page:
        page.evaluate("pad.connected = true")
        page.evaluate("pad.axes[1] = -1")
        eventually(lambda: page.locator("tr.you").count() == 7)
        assert read(page, "gamepad") == "gamepad: a pad"
        page.evaluate("pad.axes[1] = 0.02")  # within the dead zone
        eventually(lambda: page.locator("tr.you").count() == 0)
        page.evaluate("pad.buttons[1].pressed = true")  # B stops
        eventually(lambda: "STOPPED" in read(page, "who"))
        page.evaluate("pad.buttons[11].pressed = true")  # the right stick, pressed, releases
        eventually(lambda: "STOPPED" not in read(page, "who"))
