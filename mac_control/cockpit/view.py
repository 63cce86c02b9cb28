"""The live 3D scene: viser shows what MuJoCo simulates, without rendering here."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np

from mac_control.teleop.device import needs

#: viser's own panel and its notifications cover the scene on a phone, and the page has controls.
HIDDEN = (
    b"<style>.mantine-Paper-root { display: none !important; }"
    b"@media (max-width: 500px) { .mantine-Notifications-root { display: none; } }</style>"
)


class View:
    """A viser server on this machine alone, with the scene of a MuJoCo model.

    Args:
        model: the scene.
        camera: where from and to where it is looked at first [m]; None: at all of it.

    Raises:
        DeviceError: viser or mjviser is not installed.
    """

    def __init__(self, model: Any, camera: tuple[Any, Any] | None = None) -> None:
        viser, mjviser = needs("viser", "cockpit"), needs("mjviser", "cockpit")
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
        with contextlib.redirect_stdout(io.StringIO()):  # its address is not for the person
            self._viser = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        self._viser.gui.configure_theme(show_logo=False, show_share_button=False, dark_mode=True)
        self._viser.gui.set_panel_label("view")
        self._viser.gui.main_panel.minimize()  # the page has the controls
        centre, away = model.stat.center, model.stat.extent * np.array([-0.7, -0.9, 0.8])
        position, look_at = camera or (centre + away, centre)
        self._viser.initial_camera.position = tuple(position)
        self._viser.initial_camera.look_at = tuple(look_at)
        self._scene = mjviser.ViserMujocoScene(self._viser, model, num_envs=1)
        self._scene.camera_tracking_enabled = False
        self.port: int = self._viser.get_port()
        client = Path(viser.__file__).parent / "client" / "build" / "index.html"
        self.page = client.read_bytes().replace(b"</head>", HIDDEN + b"</head>", 1)

    def update(self, data: Any) -> None:
        """Show the state `data`."""
        self._scene.update_from_mjdata(data)

    def close(self) -> None:
        """Stop the server."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._viser.stop()
