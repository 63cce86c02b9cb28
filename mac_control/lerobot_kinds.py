"""Robots and teleoperators that LeRobot knows by their kind: its own and those of plug-ins."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import pkgutil
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any

from mac_control.errors import InputError, did_you_mean, one_line

#: What LeRobot calls them: package -> configuration, and what makes one of it.
_FAMILIES = {
    "robot": ("lerobot.robots", "RobotConfig", "make_robot_from_config"),
    "teleoperator": (
        "lerobot.teleoperators",
        "TeleoperatorConfig",
        "make_teleoperator_from_config",
    ),
}


def make_lerobot(family: str, kind: str, options: Mapping[str, Any]) -> Any:
    """A robot or teleoperator of LeRobot, not connected yet.

    Plug-ins are found as LeRobot finds them: by the names of installed packages.

    Args:
        family: `robot` or `teleoperator`.
        kind: what LeRobot calls it, `so101_follower` say.
        options: fields of its configuration, as they would stand in a JSON file.

    Raises:
        InputError: an unknown kind, or options that it does not take.
        ImportError: LeRobot, or what drives this kind, is not installed.
    """
    package, config, make = _FAMILIES[family]
    base = getattr(importlib.import_module(f"{package}.config"), config)
    _register(package, base, kind)
    known = dict(base.get_known_choices())
    if kind not in known:
        raise InputError(
            f"lerobot: expected a {family} out of {', '.join(sorted(known))}, got {kind!r}"
            f"{did_you_mean(kind, known)}; a plug-in is a package named lerobot_{family}_..."
        )
    draccus = importlib.import_module("draccus")
    try:
        chosen = draccus.decode(base, {"type": kind, **options})
    except Exception as error:  # draccus passes on what parsers and configurations raise
        raise InputError(f"lerobot: {kind}: cannot be configured: {one_line(error)}") from error
    return getattr(importlib.import_module(f"{package}.utils"), make)(chosen)


def _register(package: str, base: Any, kind: str) -> None:
    """Import what registers `kind`: plug-ins, then LeRobot's own modules, the likeliest first."""
    if kind in base.get_known_choices():
        return
    utils = importlib.import_module("lerobot.utils.import_utils")
    name = "register_third_party_plugins"  # in 0.3: ..._devices
    register = getattr(utils, name, None) or getattr(utils, "register_third_party_devices", None)
    if register is not None:
        with _quietly():  # it logs what it cannot import, with the whole traceback
            register()
    paths = importlib.import_module(package).__path__
    modules = [module.name for module in pkgutil.iter_modules(paths, f"{package}.")]
    modules.sort(key=lambda name: -SequenceMatcher(None, name.rpartition(".")[2], kind).ratio())
    for module in modules:
        if kind in base.get_known_choices():
            return
        with contextlib.suppress(Exception):  # one that lacks the driver of another arm
            importlib.import_module(module)


@contextlib.contextmanager
def _quietly() -> Any:
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)
