"""What differs between the tasks of the Adroit hand, as data."""

from __future__ import annotations

from dataclasses import dataclass

_XYZ = ("x", "y", "z")


@dataclass(frozen=True)
class Task:
    """One task.

    Args:
        name: `Door` in `AdroitHandDoor`.
        skipped: number of leading entries of `qpos` that an observation leaves out.
        joints: number of entries of `qpos` that an observation begins with.
        parts: what follows them, name and size.
        goal: names of the parts that state the goal, which may be known to the operator alone.
        rule: when the goal is reached, in words.
        camera: best camera position for the scene, and the point to look at [m].
    """

    name: str
    joints: int
    parts: tuple[tuple[str, int], ...]
    rule: str
    skipped: int = 0
    goal: tuple[str, ...] = ()
    camera: tuple[tuple[float, ...], tuple[float, ...]] = ((0.9, -0.9, 0.8), (0.0, 0.0, 0.2))

    def entries(self, hide_goal: bool) -> list[int]:
        """The entries of an observation that are shown."""
        shown = list(range(self.joints))
        at = self.joints
        for name, size in self.parts:
            if not (hide_goal and name in self.goal):
                shown += range(at, at + size)
            at += size
        return shown

    def names(self) -> list[str]:
        """Names of the entries after the joints."""
        return [
            f"{name} {_XYZ[i] if size == 3 else i}" if size > 1 else name
            for name, size in self.parts
            for i in range(size)
        ]


TASKS = {
    "door": Task(
        "Door",
        joints=27,
        skipped=1,
        parts=(
            *(("latch", 1), ("door", 1), ("palm", 3), ("handle", 3)),
            *(("palm - handle", 3), ("door open", 1)),
        ),
        rule="the door is open beyond 1.35 rad",
    ),
    "hammer": Task(
        "Hammer",
        joints=27,
        parts=(
            *(("hammer velocity", 6), ("palm", 3), ("hammer", 3)),
            *(("hammer turn", 3), ("nail", 3), ("impact", 1)),
        ),
        rule="the nail is within 0.01 m of its place",
    ),
    "pen": Task(
        "Pen",
        joints=24,
        parts=(
            *(("pen", 3), ("pen velocity", 6), ("pen direction", 3)),
            *(("goal direction", 3), ("pen - goal", 3), ("pen direction - goal direction", 3)),
        ),
        goal=("goal direction", "pen direction - goal direction"),
        rule="the pen is within 0.075 m of its place, and its direction's cosine above 0.95",
    ),
    "relocate": Task(
        "Relocate",
        joints=30,
        parts=(("palm - ball", 3), ("palm - target", 3), ("ball - target", 3)),
        goal=("palm - target", "ball - target"),
        rule="the ball is within 0.1 m of the target",
    ),
}
