"""Drive with a device or from a web page, while a policy fills in the free dimensions."""

from __future__ import annotations

import shlex
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.options import EnvOptions, changed, only_with, only_without, paths

if TYPE_CHECKING:
    from mac_control.envs.name import EnvName


#: Options of the page, and of the recording.
_OF_PAGE = {"host", "port", "remote", "token", "phone", "more_policies", "start"}
_OF_RECORDING = {"record_as", "task", "keep_all", "keep_failed"}


@dataclass(kw_only=True)
class Args(EnvOptions):
    """Drive: you give some dimensions, the policy fills in the rest."""

    policy: str | None = None
    """Checkpoint of the policy that fills in, or `none`: free dimensions hold still. By default, in
    the kitchen `builtin`, the policy that ships with the package; elsewhere `none`."""
    device: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A device, [NAME=]KIND[:OPTION=VALUE]..., such as gamepad or left=spacemouse:index=0; repeat
    it for each. One named after a group of the robot drives that alone, as with dims=arm+wrist;
    mapping=FILE is its own mapping. See `mac-control devices`."""
    options: str = ""
    """Options of the device, if there is only one, such as index=1,serial=A7."""
    mapping: str | None = None
    """TOML file that says which axis drives what; None: the device's own."""
    conflict: Literal["first", "latest"] = "first"
    """Which device drives a dimension that several give: the one named first (the page before all),
    or the latest to take it."""
    cockpit: bool = True
    """Serve the web page; without it, only devices drive."""
    host: str = "127.0.0.1"
    """Address that the page is served on; any but this machine's needs --remote and --token."""
    port: int = 8765
    """Port of the page."""
    remote: bool = False
    """Allow other machines to open the page."""
    token: str | None = None
    """Secret that a browser must know; at least 16 characters where other machines may connect."""
    phone: bool = False
    """Let a phone on this network drive: --host 0.0.0.0 --remote with a new token."""
    start: bool = False
    """Start at once; without it, the page opens paused."""
    more_policies: str = ""
    """Further checkpoints to choose from on the page, separated by commas."""
    record: str | None = None
    """Folder or Minari id to record episodes to; an existing recording is continued."""
    record_as: Literal["minari", "lerobot"] | None = None
    """Format of the recording: minari or lerobot; None: lerobot for a LeRobot robot and where
    such a recording is continued, otherwise minari."""
    task: str | None = None
    """What the robot does, in words, for a recording as lerobot."""
    keep_all: bool = False
    """Record episodes in which nobody drove as well."""
    keep_failed: bool = False
    """Record episodes that are thrown away as well, marked as failed: training leaves those out."""
    on_silence: Literal["robot", "hold", "stop"] = "robot"
    """When a device is silent or unplugged: robot takes its dimensions, hold, or stop."""
    patience: float | None = None
    """How long a device may be silent [s]; None: one control period, at least 0.08 s, and 0.3 s for
    the page."""
    trust: str | None = None
    """How a policy with a density weighs your commands: by a standard deviation in
    action units such as 0.1; adaptive: estimated while driving; adaptive:z=3: commands
    within 3 standard deviations of what the policy expects are executed exactly; z=2: the robot
    overrides you while commands are more than 2 off; published methods are blend=0.5, agree=0.5 and
    noise=0.4. None: commands are executed bit for bit, until the page's dial is turned."""
    ramp: float = 0.15
    """Largest change per step of a dimension that changes hands, share of the action box."""
    limits: Literal["auto", "off", "clamp", "reject", "pass"] = "auto"
    """Limits of velocity, acceleration, jerk and more: auto: those of the robot's
    description; a real robot without any gets limits derived from its ranges. off: none. clamp,
    reject (the action is not sent) or pass: what to do with an action that breaks a limit."""
    rate: float | None = None
    """Control steps per second [Hz]; None: the robot's."""
    speed: float = 1.0
    """Speed, as a multiple of real time."""
    steps: int | None = None
    """Stop after this many control periods; None: until told to quit."""
    seed: int = 0
    """Seed of the first episode."""


def main(args: Args) -> int | None:
    from mac_control.cockpit.address import expect_free, new_token
    from mac_control.teleop.device import needs
    from mac_control.teleop.messages import check_bind

    _expect_used(args)
    if args.phone:
        args.remote, args.token = True, args.token or new_token()
        args.host = "0.0.0.0" if args.host == "127.0.0.1" else args.host
    if args.cockpit:  # before anything slow
        check_bind(args.host, args.port, args.remote, args.token)
        expect_free(args.host, args.port)
        for package in ("viser", "mjviser", "websockets"):
            needs(package, "cockpit")

    import torch

    from mac_control.envs import make_env, robot_of
    from mac_control.envs.name import EnvName
    from mac_control.envs.shared_autonomy import check_fit
    from mac_control.loop.policies import resolve_policy
    from mac_control.teleop.assemble import (
        assemble_devices,
        assemble_operator,
        assemble_policy,
        assemble_recorder,
    )
    from mac_control.teleop.devices.replay import Replay
    from mac_control.teleop.loop import Teleoperation
    from mac_control.teleop.operator import SILENCE, MultiDeviceOperator
    from mac_control.teleop.options import device_specs
    from mac_control.teleop.pacing import rate_of, share_promptly

    share_promptly()
    torch.set_num_threads(1)  # small batches: more threads only add latency
    for option in ("rate", "speed", "patience"):
        value = getattr(args, option)
        if value is not None and not 0 < value < float("inf"):
            raise InputError(f"{option}: expected a number above 0, got {value}")
    if args.steps is not None and args.steps < 1:
        raise InputError(f"steps: expected at least 1, got {args.steps}")
    specs = device_specs(args.device, args.options)
    if not specs and not args.cockpit:
        raise InputError("device: expected a device where there is no cockpit, got none")
    named = args.chosen_env() or EnvName()
    options = args.env_options()
    if "max_episode_steps" not in named.options:  # a person takes longer than a policy
        options = {"max_episode_steps": 1500, **options}
    source = _policy(args.policy, named)
    if source is not None:
        named = resolve_policy(source).env_for(args.chosen_env(), {})
    env = make_env(named, args.chosen_robot(), **options)
    policy = assemble_policy(source, env)
    for other in (others := paths(args.more_policies)):
        check_fit(env, assemble_policy(other, env))
    rate = rate_of(robot_of(env)) if args.rate is None else args.rate
    patience = args.patience or max(1 / (rate * args.speed), SILENCE)
    settings: dict[str, Any] = {"on_silence": args.on_silence, "patience": patience}
    operators = assemble_devices(specs, env, args.mapping, rate=rate, **settings)
    for device in (operator.device for operator in operators):
        if isinstance(device, Replay):
            device.speed = args.speed
    # Without the long episodes of driving: a policy trained on this is rated on the usual ones.
    made = named.with_options(args.env_options())
    about = {
        "env": made.to_json(env),
        "policy": source,
        "devices": [spec.kind for spec in specs],
        "cockpit": args.cockpit,
        "rate": rate,
    }
    keep = {"keep_all": args.keep_all, "keep_failed": args.keep_failed}
    recorder = (
        assemble_recorder(args.record, env, about, args.record_as, args.task, **keep)
        if args.record is not None
        else None
    )
    cockpit = None
    if args.cockpit:
        from mac_control.cockpit import PATIENCE, Cockpit

        cockpit = Cockpit(args.host, args.port, args.remote, args.token)
        settings["patience"] = args.patience or max(patience, PATIENCE)
        operators.insert(0, assemble_operator(cockpit.inbox, env, rate=rate, **settings))
    together = (
        operators[0] if len(operators) == 1 else MultiDeviceOperator(operators, args.conflict)
    )
    loop = Teleoperation(
        env,
        policy,
        together,
        rate=rate,
        speed=args.speed,
        ramp=args.ramp,
        recorder=recorder,
        seed=args.seed,
        paused=args.cockpit and not args.start,
        limits=args.limits,
        trust=args.trust,
    )
    with ExitStack() as closing:  # called in reverse order
        closing.callback(_print_recording, recorder)
        closing.callback(env.close)
        if cockpit is not None:
            closing.callback(cockpit.close)
        closing.callback(together.close)
        closing.callback(loop.close)
        closing.callback(print, flush=True)  # ends the status line
        if cockpit is not None:
            cockpit.serve(loop, [c for c in (source, *others) if c])
            _print_address(cockpit.url, args.remote)
        with suppress(KeyboardInterrupt):
            loop.run(args.steps, _watcher(loop, cockpit))
    return None


def _expect_used(args: Args) -> None:
    """Raise an InputError where an option was given that would have no effect."""
    for name in changed(args):
        if name in _OF_PAGE and not args.cockpit:
            raise only_without(name, "--no-cockpit")
        if name in _OF_RECORDING and args.record is None:
            raise only_with(name, "--record")
        if name == "conflict" and len(args.device) + args.cockpit < 2:
            raise only_with(name, "several devices")
        if name == "remote" and args.host == "127.0.0.1" and not args.phone:
            raise only_with(name, "--host 0.0.0.0")
        if name == "mapping" and not args.device:
            raise only_with(name, "--device")


def _policy(asked: str | None, named: EnvName) -> str | None:
    """The checkpoint to load; None holds still."""
    from mac_control.envs.name import DEFAULT

    if asked == "none" or (asked is None and named.name != DEFAULT):
        return None
    if asked in (None, "builtin"):
        from mac_control.checkpoint_record import builtin_policy

        return str(builtin_policy())
    return asked


def _print_address(url: str, remote: bool) -> None:
    from mac_control.cockpit.address import qr_code

    print(f"drive at {url}", flush=True)
    if remote:
        print(f"{qr_code(url)}\nscan it with a phone in the same network", flush=True)
    else:
        print("with a phone: add --phone. End with Ctrl-C.", flush=True)


def _print_recording(recorder: Any) -> None:
    from mac_control.teleop.summary import described

    if recorder is None:
        return
    if not recorder.saved:
        if not recorder.lost:
            print("Nothing was recorded: nobody drove.")
        return
    before = recorder.episodes - len(recorder.saved)
    target = str(recorder.target)
    between = "=" if target.startswith("-") else " "
    print(
        f"Recorded in {recorder.folder}: {described(recorder.saved)}"
        + (f"; with {before} from before, {recorder.episodes} episodes" if before else "")
        + f".\nNext: mac-control train --data{between}{shlex.quote(target)}"
    )


def _watcher(loop: Any, cockpit: Any) -> Any:
    from mac_control.envs import robot_of

    labels = robot_of(loop.env).labels

    def watch(step: Any) -> None:
        if cockpit is not None:
            cockpit.show(step)
        if loop.pacer.steps % max(1, round(loop.rate)) == 0:
            middle, high = (1e3 * x for x in loop.pacer.jitter())
            status = "" if step is None else step.status
            if loop.stopped or loop.paused:
                status = "STOPPED" if loop.stopped else "paused"
            limited = "" if step is None or not step.limited else f"  ({'; '.join(step.limited)})"
            mine = [] if step is None else [labels[d] for d, g in enumerate(step.given) if g]
            line = (
                f"episode {loop.episode + 1}  step {loop.steps}  reward {loop.reward:.4g}  "
                f"yours: {', '.join(mine) or 'nothing'}  "
                f"{status}{limited}  late {middle:.1f} ms (p99 {high:.1f})  "
                f"overruns {loop.pacer.overruns}"
            )
            print(f"\r{line:<120}", end="", flush=True)

    return watch


if __name__ == "__main__":
    run(main)
