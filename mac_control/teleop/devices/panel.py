"""The keyboard's window: whether it receives keys, which are held, and what each does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mac_control.teleop.keys import Row

SIZE = (460, 420)
GROUND, TEXT, SOFT = (30, 34, 40), (230, 232, 235), (150, 160, 172)
LIVE, DEAF = (76, 175, 120), (200, 90, 60)
#: Event of a mapping -> its label.
EVENTS = {
    "estop": "STOP",
    "release": "release after a STOP",
    "pause": "start, pause",
    "mode": "next mode",
    "undo": "undo the last 2 s",
    "success": "success, next episode",
    "reset": "throw the episode away",
    "record": "record or not",
    "quit": "quit",
}


def lines(
    table: Sequence[Row],
    events: Mapping[str, str],
    mode: str | None,
    held: Sequence[str],
    focus: bool,
) -> list[tuple[str, str]]:
    """The window's text: pairs of a key and what it does; a heading has no key.

    Example:
        >>> lines([Row(None, "O C", "fingers + and −")], {"estop": "escape"}, None, ["o"], True)
        [('', 'Driving: O'), ('O C', 'fingers + and −'), ('Escape', 'STOP')]
    """
    if not focus:
        head = "Click here to drive: this window has no focus"
    elif held:
        head = "Driving: " + " ".join(sorted(key.upper() for key in held))
    else:
        head = "Ready: hold a key to drive"
    shown = [("", head)]
    if mode is not None:
        shown.append(("", f"Mode: {mode}"))
    shown += [(row.keys, row.does) for row in table if row.mode in (None, mode)]
    return shown + [(key.capitalize(), EVENTS.get(event, event)) for event, key in events.items()]


def draw(pygame: Any, said: Sequence[tuple[str, str]], focus: bool, held: Sequence[str]) -> None:
    """Draw `lines` in the window; without a font only the frame."""
    window = pygame.display.get_surface()
    window.fill(GROUND)
    colour = LIVE if focus else DEAF
    pygame.draw.rect(window, colour, (4, 4, SIZE[0] - 8, SIZE[1] - 8), 6 if held else 2)
    try:
        pygame.font.init()
        font = pygame.font.Font(None, 22)
    except (pygame.error, NotImplementedError, ImportError):
        pygame.display.flip()
        return
    pressed = {key.upper() for key in held}
    y = 14
    for key, does in said:
        lit = not key or bool(pressed & set(key.upper().split()))
        if key:
            window.blit(font.render(key, True, LIVE if lit else TEXT), (18, y))
        window.blit(font.render(does, True, TEXT if lit else SOFT), (110 if key else 18, y))
        y += 19
    pygame.display.flip()
