"""Run episodes of shared autonomy in the kitchen and print what they earn."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from mac_control.cli import run
from mac_control.errors import InputError


@dataclass
class Args:
    """Run episodes in the kitchen: the operator gives some dimensions, the policy the rest."""

    policy: str
    """Checkpoint of the policy that fills in."""
    operator: str = "nobody"
    """nobody, everything, proxy, tracker, one that a package adds, or module:Class."""
    given: int | None = None
    """How many dimensions the operator drives, drawn per episode; None: all it can."""
    dims: str | None = None
    """Or which dimensions, such as 0,1,2."""
    episodes: int = 5
    """Number of episodes."""
    seed: int = 0
    """Of the first episode; the others follow it."""
    proxy: str | None = None
    """Checkpoint of the policy in the seat of the operator proxy; None: --policy itself."""
    data: str | None = None
    """Demonstrations for the tracker: as in train; None: searched."""
    tasks: str | None = None
    """complete, partial or mixed; None: as the policy was trained."""
    noise: float = 0.1
    """Noise on observed robot joints, as in D4RL."""
    init_noise: float = 0.0
    """Arm joints start within this of the usual pose [rad]."""
    steps: int = 280
    """Longest episode, in steps of 0.08 s."""
    video: Path | None = None
    """File for a film of all episodes, such as film.mp4."""


def main(args: Args) -> int | None:
    import numpy as np

    from mac_control.checkpoint import load_policy
    from mac_control.demonstrations import load_demonstrations
    from mac_control.envs import make_kitchen
    from mac_control.loop.plan import contend, source_of
    from mac_control.loop.rollouts import rollout
    from mac_control.loop.video import film, ready_to_film
    from mac_control.operators import make_operator

    if args.episodes < 1:
        raise InputError(f"episodes: expected at least 1, got {args.episodes}")
    if args.given is not None and args.dims is not None:
        raise InputError("given, dims: expected one of the two, got both")
    (contender,) = contend([args.policy])[:1]
    policy = load_policy(contender.source)
    if args.video is not None:
        ready_to_film()
    env = make_kitchen(
        tasks=args.tasks or contender.tasks or "complete",
        obs=contender.obs,
        max_episode_steps=args.steps,
        robot_noise_ratio=args.noise,
        init_noise=args.init_noise,
        render_mode=None if args.video is None else "rgb_array",
    )
    uses_data = source_of(args.operator) in ("tracker", "everything")
    operator = make_operator(
        args.operator,
        action_dim=policy.action_dim,
        given=args.given if args.dims is None else numbers("dims", args.dims),
        policy=load_policy(args.proxy or contender.source),
        demonstrations=load_demonstrations(args.data) if uses_data or args.data else None,
        env=env,
    )
    rewards = []
    with film(env, args.video) if args.video is not None else nullcontext() as picture, operator:
        for seed in range(args.seed, args.seed + args.episodes):
            t = rollout(env, policy, operator, seed=seed, on_step=picture)
            rewards.append(t.reward)
            done = ", ".join(f"{task} at {step}" for task, step in t.task_steps.items())
            dims = ",".join(map(str, np.flatnonzero(t.given.any(axis=0)))) or "none"
            nats = "" if t.log_prob is None else f"  log_prob {t.log_prob.mean():.2f} nats/step"
            print(f"seed {seed}  reward {t.reward:.0f}  given {dims}{nats}  {done}", flush=True)
    error = np.std(rewards, ddof=1) / len(rewards) ** 0.5 if len(rewards) > 1 else 0.0
    print(f"mean reward {np.mean(rewards):.2f} ± {error:.2f} (standard error, {len(rewards)})")
    if args.video is not None:
        print(args.video)


def numbers(name: str, text: str) -> list[int]:
    """Whole numbers from a list such as `0,1,3`."""
    try:
        return [int(part) for part in text.split(",")]
    except ValueError as error:
        raise InputError(f"{name}: expected numbers such as 0,1,3, got {text!r}") from error


if __name__ == "__main__":
    run(main)
