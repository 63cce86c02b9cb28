"""The way of somebody who opens the cockpit for the first time; each sentence is asserted."""

import signal
import threading

import pytest
from test_cockpit_browser import (  # noqa: F401 (fixtures)
    address,
    browser,
    checkpoint,
    command,
    eventually,
    opened,
    read,
    state,
)

from mac_control.demonstrations import load_demonstrations

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
PAUSED = "Press Start; pull any slider or stick, the robot does the rest"


def toasts(page):
    return page.inner_text("#toasts")


def test_first_time(browser, checkpoint, tmp_path):  # noqa: F811
    target = tmp_path / "mine-v0"
    options = ["--policy", checkpoint, "--record", target]
    port = 0
    with command("teleoperate", *options, "--port", port) as process:
        url = address(process)
        with opened(browser, url, view=False, toured=False) as page:
            # Open and read: it waits, nothing is recorded, a tour can be skipped.
            eventually(lambda: read(page, "who") == PAUSED)
            assert state(page, "step") == 0 and state(page, "paused")
            assert read(page, "estop") == "STOP" and read(page, "pause") == "Start"
            assert read(page, "record") == "Ready"
            eventually(lambda: page.is_visible("#tour"))
            assert read(page, "tour-step") == "1 of 4"
            page.click("#tour-skip")
            assert not page.is_visible("#tour")

            # Start, and watch the robot: still nothing is recorded.
            page.click("#pause")
            eventually(lambda: read(page, "who") == "Robot: everything")
            assert "Pull any slider or stick" in read(page, "sub")
            eventually(lambda: state(page, "step") > 5)
            assert read(page, "record") == "Ready"
            page.click("#success")
            eventually(lambda: "Episode 1 not kept: nobody drove" in toasts(page))

            # Pull.
            page.check("#mine3")
            page.fill("#dim3", "0.2")
            eventually(lambda: read(page, "who") == "You: elbow · Robot: 8 others")
            eventually(lambda: read(page, "record") == "Recording")
            words = ("as expected", "unusual", "robot disagrees")
            eventually(lambda: read(page, "agree").removeprefix("Your commands: ") in words)

            # Somebody watches: told so, controls off, no tick comes alive later.
            with opened(browser, url, view=False) as watcher:
                eventually(lambda: read(watcher, "who") == "Another page drives, you watch")
                assert "It: elbow · Robot: 8 others" in read(watcher, "sub")
                assert "You" not in read(watcher, "who")
                assert watcher.is_disabled("#mine5") and watcher.is_disabled("#dim5")
                assert watcher.is_disabled("#pause") and watcher.is_enabled("#estop")
                title = watcher.get_attribute(".dims", "title")
                assert title == "Another page drives: press Take over"
                watcher.evaluate("document.getElementById('mine5').checked = true")
                watcher.click("#wheel")
                eventually(lambda: read(page, "who") == "Another page drives, you watch")
                eventually(lambda: read(watcher, "who") == "Robot: everything")
                assert not watcher.is_checked("#mine5") and not page.is_checked("#mine3")
                # Taken back: what was ticked before does not come alive.
                page.click("#wheel")
                eventually(lambda: read(watcher, "who") == "Another page drives, you watch")
                eventually(lambda: read(page, "who") == "Robot: everything")
                assert state(page, "given") == [False] * 9

            # Undo and save answer.
            page.keyboard.press("z")
            eventually(lambda: "Undone: the last" in toasts(page))
            page.check("#mine3")
            page.fill("#dim3", "0.2")
            eventually(lambda: read(page, "who") == "You: elbow · Robot: 8 others")
            eventually(lambda: state(page, "driven") and state(page, "step") > 20)
            page.click("#success")
            eventually(lambda: "Episode 2 saved: " in toasts(page))
            saved = next(line for line in toasts(page).splitlines() if "saved" in line)
            assert saved.endswith("% yours, 0 of 4")
            page.click("#handback")
            eventually(lambda: read(page, "who") == "Robot: everything")
            page.click("#reset")
            eventually(lambda: "thrown away" in toasts(page))

            # STOP is seen at once, and released.
            page.click("#estop")
            assert read(page, "estop") in ("STOP …", "STOPPED", "RELEASE")
            eventually(lambda: read(page, "who") == "STOPPED")
            eventually(lambda: read(page, "estop") == "RELEASE")
            page.click("#estop")
            eventually(lambda: read(page, "who") != "STOPPED")

            # The connection is lost, which STOP says, and another server is found by itself.
            process.send_signal(signal.SIGINT)
            said = process.stdout.read()
            eventually(lambda: read(page, "who") == "Connection lost: STOP cannot reach the robot")
            assert "lost" in page.get_attribute("body", "class")
            assert page.is_disabled("#pause")
            page.click("#estop")
            eventually(lambda: "STOP cannot reach the robot" in toasts(page))
            port = url.split(":")[2].rstrip("/")
            again = ["--policy", checkpoint, "--env", "kitchen:tasks=microwave", "--port", port]
            with command("teleoperate", *again) as other:
                assert address(other) == url
                threading.Thread(target=other.stdout.read, daemon=True).start()
                eventually(lambda: read(page, "who") == PAUSED)
                assert state(page, "tasks") == ["microwave"]  # its own, not the old one's
                assert page.locator("#tasks li").count() == 1
    assert f"Recorded in {target}: 1 episode, " in said and "% yours" in said
    assert f"Next: mac-control train --data {target}" in said
    assert len(load_demonstrations(target)) == 1


def test_a_network_that_drops_is_noticed_and_comes_back(browser, driving):  # noqa: F811
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False) as page:
        page.check("#mine3")
        eventually(lambda: read(page, "who") == "You: elbow · Robot: 8 others")
        before = page.get_attribute("#view", "src")
        page.context.set_offline(True)
        # Chromium leaves sockets that are open alone: silence them as a dead network would.
        page.evaluate("""WebSocket.prototype.send = () => {};
                         window.Kept = window.WebSocket; window.deaf = true""")
        page.context.set_offline(False)
        cockpit._front.publish, publish = (lambda _: None), cockpit._front.publish
        eventually(lambda: read(page, "who") == "Connection lost: STOP cannot reach the robot")
        assert not page.is_checked("#mine3")  # given back, not kept for later
        cockpit._front.publish = publish
        eventually(lambda: not read(page, "who").startswith("Connection lost"))
        eventually(lambda: page.get_attribute("#view", "src") != before)  # the scene is loaded anew


def test_the_scene_has_cameras_and_marks_what_a_slider_moves(browser, driving):  # noqa: F811
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False) as page:
        looked = []
        cockpit._view.look = looked.append
        for name in ("front", "hand", "reset"):
            page.click(f"[data-camera={name}]")
        eventually(lambda: looked == ["front", "hand", "reset"])
        page.hover("#dim4")
        eventually(lambda: cockpit._pointed == 4)
        page.hover("#estop")
        eventually(lambda: cockpit._pointed is None)


def test_touch_targets_are_large_and_nothing_moves(browser, driving):  # noqa: F811
    options = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False, **options) as phone:
        sizes = phone.evaluate("""[...document.querySelectorAll("button, select, .keep")]
            .filter(part => part.offsetParent).map(part => part.offsetHeight)""")
        assert len(sizes) > 20 and min(sizes) >= 44
        places = "['pause', 'dim0', 'mode'].map(id => document.getElementById(id).offsetTop)"
        before = phone.evaluate(places)
        phone.evaluate("document.getElementById('mine8').click()")
        eventually(lambda: read(phone, "who") == "You: right finger · Robot: 8 others")
        phone.tap("#estop")
        eventually(lambda: read(phone, "who") == "STOPPED")
        assert phone.evaluate(places) == before


def test_every_key_is_in_the_table(browser, driving):  # noqa: F811
    with driving() as (cockpit, _), opened(browser, cockpit.url, view=False) as page:
        page.click("#keys summary")
        table = read(page, "keys")
        for words in ("Esc", "F4", "Tab", "Backspace", "F2", "W S", "forward and back (mode hand)"):
            assert words in table
        assert "elbow + and − (mode joints)" in table and "Space" in table
