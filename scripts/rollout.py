"""Run episodes of shared autonomy and print their rewards."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from mac_control.cli import run
from mac_control.errors import InputError
from mac_control.options import EnvOptions


@dataclass(kw_only=True)
class Args(EnvOptions):
    """Run episodes: the operator gives some dimensions, the policy the rest."""

    policy: str
    """Checkpoint of the policy that fills in."""
    operator: str = "nobody"
    """nobody, everything, proxy, tracker, one that a package adds, or module:Class."""
    num_given: Annotated[int | None, tyro.conf.arg(aliases=["--given"])] = None
    """How many dimensions the operator drives; which ones is drawn per episode. None: all that it
    can."""
    dims: str | None = None
    """Which dimensions it drives instead, by index, name or group: 0,1,2 or wrist,gripper."""
    episodes: int = 5
    """Number of episodes."""
    seed: int = 0
    """Seed of the first episode; the others count up from it."""
    proxy: str | None = None
    """Checkpoint for the operator proxy; None: --policy itself."""
    data: str | None = None
    """Demonstrations for the tracker: as in train; None: searched."""
    episode_steps: Annotated[int | None, tyro.conf.arg(aliases=["--steps"])] = None
    """Longest episode, in control steps; None: as the environment says."""
    video: Path | None = None
    """File for a video of all episodes, such as video.mp4."""


def main(args: Args) -> int | None:
    import numpy as np

    from mac_control.checkpoint import load_policy
    from mac_control.demonstrations import load_demonstrations
    from mac_control.envs import make_env, robot_of
    from mac_control.envs.make import make_filmed
    from mac_control.loop.cases import expect_used
    from mac_control.loop.policies import resolve_policy, tell_differences
    from mac_control.loop.rollouts import rollout
    from mac_control.loop.video import WatchedEnv, WatchedOperator, record_video, require_video
    from mac_control.operators import make_operator
    from mac_control.operators.spec import tracked_source

    if args.episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {args.episodes}")
    if args.num_given is not None and args.dims is not None:
        raise InputError("num_given, dims: expected one of the two, got both")
    driving = [name for name in ("num_given", "dims") if getattr(args, name)]
    expect_used((args.operator,), "--operator", driving, args.proxy)
    source = tracked_source((args.operator,), args.data)
    entry = resolve_policy(args.policy)
    policy = load_policy(str(entry.source))
    if args.video is not None:
        require_video()
    chosen = entry.env_for(args.chosen_env(), args.env_options())
    tell_differences([entry], args.chosen_env(), args.env_options())
    make = make_env if args.video is None else make_filmed
    env = make(chosen, args.chosen_robot())
    robot = robot_of(env)
    operator = make_operator(
        args.operator,
        action_dim=policy.action_dim,
        given=args.num_given if args.dims is None else _dims(args.dims),
        policy=load_policy(args.proxy or str(entry.source)),
        demonstrations=load_demonstrations(source) if source is not None else None,
        env=env,
        robot=robot,
    )
    rewards, successes, what = [], [], "return"
    video: Any = nullcontext()
    if args.video is not None:
        env, operator = WatchedEnv(env), WatchedOperator(operator)
        video = record_video(env, args.video, operator)
    with video as picture, operator:
        for seed in range(args.seed, args.seed + args.episodes):
            t = rollout(env, policy, operator, seed=seed, on_step=picture)
            rewards.append(t.reward)
            successes.append(t.success)
            what = t.measured
            done = ", ".join(f"{task} at {step}" for task, step in t.task_steps.items())
            if t.success is not None and not t.task_steps:
                done = "success" if t.success else "no success"
            given = ", ".join(robot.labels[d] for d in np.flatnonzero(t.given.any(axis=0)))
            nats = "" if t.log_prob is None else f"  log_prob {t.log_prob.mean():.2f} nats/step"
            print(
                f"seed {seed}  {what} {t.reward:g}  given {given or 'none'}{nats}  {done}",
                flush=True,
            )
    env.close()
    error = ""  # unknown of one episode
    if len(rewards) > 1:
        deviation = np.std(rewards, ddof=1) / len(rewards) ** 0.5
        error = f" ± {deviation:.2f} (standard error, {len(rewards)})"
    rate = "" if None in successes else f", success rate {np.mean(successes):.2f}"
    print(f"mean {what} {np.mean(rewards):.2f}{error}{rate}")
    if args.video is not None:
        print(args.video)
    return None


def _dims(text: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in text.split(",")]


if __name__ == "__main__":
    run(main)
