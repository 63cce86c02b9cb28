"""The live 3D scene: viser shows MuJoCo's simulation; the browser renders it."""

from __future__ import annotations

import contextlib
import io
import logging
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mac_control.cockpit.cameras import Cameras
from mac_control.cockpit.hints import Hints
from mac_control.cockpit.scene import coloured, joints_of, light, solids
from mac_control.robot import Robot
from mac_control.teleop.device import needs

#: Every this many updates, one is sent even if nothing moves.
REPEAT = 12
#: viser's own panel and its notifications cover the scene on a phone, and the page has controls.
HIDDEN = (
    b"<style>.mantine-Paper-root { display: none !important; }"
    b".mantine-Notifications-root { display: none; }</style>"
)


class View:
    """A viser server on this machine alone, with the scene of a MuJoCo model.

    Args:
        model: the scene.
        robot: the robot whose action dimensions drive it.
        camera: position and target of the first camera [m]; None: the whole scene.

    Raises:
        DeviceError: viser or mjviser is not installed.
    """

    def __init__(
        self, model: mujoco.MjModel, robot: Robot, camera: tuple[Any, Any] | None = None
    ) -> None:
        viser, mjviser = needs("viser", "cockpit"), needs("mjviser", "cockpit")
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
        with contextlib.redirect_stdout(io.StringIO()):  # it prints an internal address
            self._viser = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        self._viser.gui.configure_theme(show_logo=False, show_share_button=False, dark_mode=True)
        self._viser.gui.set_panel_label("view")
        self._viser.gui.main_panel.minimize()  # the page has the controls
        extent = float(model.stat.extent)
        centre, away = model.stat.center, extent * np.array([-0.7, -0.9, 0.8])
        first = camera or (centre + away, centre)
        position, look_at = (np.asarray(point, float) for point in first)
        self._viser.initial_camera.position = tuple(position)
        self._viser.initial_camera.look_at = tuple(look_at)
        shown = coloured(model)  # a copy, as mjviser changes the model
        self._scene = mjviser.ViserMujocoScene(self._viser, shown, num_envs=1)
        self._scene.camera_tracking_enabled = False
        light(self._viser.scene, centre, extent)
        self._model, self._nudged, self._updates = model, mujoco.MjData(model), 0
        still = mujoco.MjData(shown)
        mujoco.mj_kinematics(shown, still)
        reach = 1.6 * float(np.linalg.norm(position - look_at))
        floor = min(0.05, float(position[2]))
        self._cameras = Cameras((position, look_at), solids(shown, still), floor, reach)
        self._viser.on_client_connect(self._cameras.joined)
        self._viser.on_client_disconnect(self._cameras.left)
        joints = joints_of(shown, robot.action_dim)
        scale = min(extent, 2.0 * reach)
        self._hints = (
            Hints(self._viser.scene, shown, robot, joints, scale) if joints is not None else None
        )
        self.port: int = self._viser.get_port()
        client = Path(viser.__file__).parent / "client" / "build" / "index.html"
        self.page = client.read_bytes().replace(b"</head>", HIDDEN + b"</head>", 1)

    def update(
        self, data: Any, action: np.ndarray | None = None, lit: set[int] | None = None
    ) -> None:
        """Show the state `data`; the path at `action` `(D,)`, and the dimensions `lit`."""
        self._updates += 1
        shown = data
        # A browser may miss a pose while its meshes load, and an unchanged pose is not sent again:
        # so every pose changes a tiny bit from time to time.
        if self._updates % REPEAT == 0:
            shown = mujoco.mj_copyData(self._nudged, self._model, data) or self._nudged
            shown.xpos += 1e-6 * (1 + self._updates // REPEAT % 2)
        with self._viser.atomic():
            self._scene.update_from_mjdata(shown)
            if self._hints is not None:
                self._hints.update(data, action, lit or set())
        if self._hints is not None:
            self._cameras.move(self._hints.hand_at(data), self._viser.get_clients())

    def look(self, name: str) -> None:
        """Look from the camera `front` or `hand`, or `reset` to the first view."""
        self._cameras.show(name, self._viser.get_clients())

    def close(self) -> None:
        """Stop the server."""
        with contextlib.redirect_stdout(io.StringIO()):
            self._viser.stop()
