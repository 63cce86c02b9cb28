"""LeRobot's robots and teleoperators by their kind: its own and those of plug-ins."""

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

#: Family -> LeRobot's package, configuration class and factory.
_FAMILIES = {
    "robot": ("lerobot.robots", "RobotConfig", "make_robot_from_config"),
    "teleoperator": (
        "lerobot.teleoperators",
        "TeleoperatorConfig",
        "make_teleoperator_from_config",
    ),
}


def make_lerobot(family: str, kind: str, options: Mapping[str, Any]) -> Any:
    """A LeRobot robot or teleoperator, not yet connected.

    Plug-ins are found as LeRobot finds them: by the names of installed packages.

    Args:
        family: `robot` or `teleoperator`.
        kind: LeRobot's name for it, e.g. `so101_follower`.
        options: fields of its configuration, as in a JSON file.

    Raises:
        InputError: an unknown kind, or options that it does not take.
        ImportError: LeRobot, or the driver of this kind, is not installed.
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
    except Exception as error:  # draccus passes on all errors of parsers and configurations
        raise InputError(f"lerobot: {kind}: cannot be configured: {one_line(error)}") from error
    return getattr(importlib.import_module(f"{package}.utils"), make)(chosen)


def _register(package: str, base: Any, kind: str) -> None:
    """Import what registers `kind`: plug-ins, then LeRobot's modules, the likeliest first."""
    if kind in base.get_known_choices():
        return
    utils = importlib.import_module("lerobot.utils.import_utils")
    name = "register_third_party_plugins"  # in 0.3: ..._devices
    register = getattr(utils, name, None) or getattr(utils, "register_third_party_devices", None)
    if register is not None:
        with _quietly():  # it logs failed imports with whole tracebacks
            register()
    paths = importlib.import_module(package).__path__
    modules = [module.name for module in pkgutil.iter_modules(paths, f"{package}.")]
    modules.sort(key=lambda name: -SequenceMatcher(None, name.rpartition(".")[2], kind).ratio())
    for module in modules:
        if kind in base.get_known_choices():
            return
        with contextlib.suppress(Exception):  # a module of another arm whose driver is missing
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
