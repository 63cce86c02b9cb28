"""The real-time loop: a person drives some dimensions, a policy fills in the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np

from mac_control.envs import robot_of
from mac_control.envs.abilities import Observable, is_real, subtasks_of
from mac_control.envs.checked import Checked
from mac_control.envs.shared_autonomy import check_fit, executable
from mac_control.errors import InputError
from mac_control.limits import Limits, chosen_limits
from mac_control.operators.base import Operator
from mac_control.policies.base import Policy
from mac_control.policies.trusted import trusting
from mac_control.policies.zero import ZeroPolicy
from mac_control.seeds import whole_seed
from mac_control.teleop.bumpless import BumplessTransfer
from mac_control.teleop.commands import COMMANDS, Commands
from mac_control.teleop.guard import Guard
from mac_control.teleop.jog import latched, standing
from mac_control.teleop.operator import report
from mac_control.teleop.pacing import Pacer, rate_of
from mac_control.teleop.reading import Readings
from mac_control.teleop.safety import Safety
from mac_control.teleop.step import Recorder, Step
from mac_control.teleop.undo import Undo

#: A robot that is not at rest after this time is left as it is [s].
LONGEST_STOP = 10.0


class Teleoperation:
    """One environment, one policy and one operator, stepped in real time.

    Args:
        env: any environment with a `Box` action space and flat observations; one with
            `snapshot()` and `restore(snapshot)` can undo.
        policy: fills in the free dimensions; may be replaced while driving.
        operator: any; a `DeviceOperator` or `MultiDeviceOperator` also has events.
        rate: control steps per second [Hz]; None: the robot's, or 20.
        speed: multiple of real time, for accelerated tests.
        ramp: largest change per step of a dimension that changes hands, as a share of the
            width of the action box.
        recorder: told of every step, or None.
        seed: seed of the first episode; each next one adds 1.
        clock, sleep: `time.monotonic` and `time.sleep`, or a test's own.
        say: called with each problem, once; None prints it. An operator that fails gives nothing,
            free dimensions of a policy that fails hold still, a recorder that fails records
            nothing.
        paused: wait for `start` before the first step.
        limits: limits of the actions sent: None for none, or `auto`, `off`, `clamp`,
            `reject`, `pass`, as in `chosen_limits`; on by default for a real robot. Where they
            are on, a pause, a stop and the end bring the robot to rest within them.
        trust: how commands are weighed, see :func:`mac_control.policies.trusted.trusting`; None:
            they are executed bit for bit. May be changed while driving (`post("trust", ...)`).

    Raises:
        InputError: spaces that do not fit each other, or an option out of range.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        policy: Policy,
        operator: Operator,
        *,
        rate: float | None = None,
        speed: float = 1.0,
        ramp: float = 0.15,
        recorder: Recorder | None = None,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], None] | None = None,
        paused: bool = False,
        limits: str | Limits | None = "auto",
        trust: str | float | np.ndarray | None = None,
    ) -> None:
        self.env, self.operator, self.recorder = env, operator, recorder
        self.notify: Callable[[str], None] = lambda text: None  # answers to commands
        self._checked = Checked(env)
        trusting(policy, trust)  # raises unless it fits the first policy
        self.trust = trust
        self.use(policy)
        space = env.action_space
        assert isinstance(space, gymnasium.spaces.Box)  # as check_fit found
        self.low, self.high = (np.asarray(end, np.float32) for end in (space.low, space.high))
        self.robot = robot_of(env)
        self.rate = rate = rate_of(self.robot) if rate is None else rate
        if speed != 1 and is_real(env):  # its limits are in real time
            raise InputError(f"speed: expected 1 with a real robot, got {speed:g}; leave it out")
        self.pacer = Pacer(rate, speed, clock, sleep)
        self.transfer = BumplessTransfer(self.low, self.high, ramp, latched(self.robot))
        if isinstance(limits, str):
            limits = chosen_limits(self.robot, is_real(env), limits)
        patience = None if limits is None else limits.policy_timeout
        self.guard = Guard(len(self.low), self.pacer.period, say, clock, patience)
        self.safety = Safety(self.robot, limits, rate, self.guard, self._stuck)
        self.paused, self.stopped, self.quit = paused, False, False
        self.driven = False  # whether anything was given in this episode
        self.recording = recorder is not None
        self.seed, self.episode, self.steps = whole_seed(seed), -1, 0
        self.reward = 0.0
        self.readings = Readings(self.guard, self.low, self.high, clock)
        self._clock = clock
        self._commands = Commands()
        self._undo = Undo(env, rate)
        self.reset()
        report(self.operator, self._resting)

    @property
    def action_dim(self) -> int:
        """Number of action dimensions, D."""
        return len(self.low)

    def use(self, policy: Policy) -> None:
        """Let `policy` fill in from the next step on; `InputError` where it does not fit."""
        check_fit(self.env, policy)
        self.policy = self._acting = policy
        try:
            self._acting = trusting(policy, self.trust)
        except InputError as error:
            self.notify(f"Commands are executed exactly: {error}")

    def restart_policy(self) -> None:
        """Let the policy forget what it observed."""
        self.guard.restart(self._acting, self.seed + self.episode)

    def post(self, command: str, argument: Any = None) -> None:
        """Post a command from any thread; it is executed before the next step.

        `start`, `pause` (toggles), `estop`, `release` (after a stop), `reset`, `undo` (seconds),
        `success`, `record` (toggles), `policy` (a `Policy`), `trust` (as when made), `quit`.
        """
        self._commands.post(command, argument)

    def reset(self, success: bool = False, keep: bool = False) -> None:
        """Start the next episode; the running one is recorded only with `success` or `keep`."""
        if self.episode >= 0 and self.recording:  # the recorder reports what happens to it
            if success or keep:
                self._tell("finish", success)
            else:
                self._tell("discard")
        elif self.episode >= 0:
            ended = "thrown away"
            if success or keep:
                tasks, done = subtasks_of(self.env), self.info.get("tasks_done", ())
                count = f": {len(done)} of {len(tasks)}" if tasks else ""
                ended = f"ended{count}; nothing is recorded"
            self.notify(f"Episode {self.episode + 1} {ended}")
        self.episode += 1
        seed = self.seed + self.episode
        self.obs, self.info = self._checked.reset(seed=seed)
        self.restart_policy()
        self.guard.tell("operator", self.operator.reset, "it goes on as it is", seed)
        start = self.safety.start(standing(self.robot, self.obs), is_real(self.env))
        self.transfer.reset(start)
        self._undo.clear()
        self.steps, self.reward, self.driven = 0, 0.0, False
        self._tell("start", seed)

    def undo(self, seconds: float | None = None) -> None:
        """Go back by `seconds`, by default 2, in an environment that can.

        Raises:
            InputError: not a number of at least 0.
        """
        count = self._undo.steps(2.0 if seconds is None else seconds)
        if count < 1:
            self.notify("Nothing to undo")
            return
        self.obs, self.info, self.reward, last = self._undo.back(count)
        self.restart_policy()  # what it observed since is undone
        self.steps -= count
        self.transfer.last = last
        self.transfer.restart()
        self.safety.start(last)
        report(self.operator, self._resting, last)
        self._tell("undo", count)
        self.notify(f"Undone: the last {count / self.rate:.1f} s")

    def run(
        self, steps: int | None = None, watch: Callable[[Step | None], None] | None = None
    ) -> None:
        """Step in real time until told to quit, or for `steps` periods; `watch` gets each step.

        The actions go out at even intervals: the policy is queried early enough for its answer to
        be ready when the period ends, and the operator is then read again.

        Raises:
            EpisodeError: the environment failed; `close` still records the episode up to there.
        """
        self.pacer.restart()
        done = 0
        while (not self.quit or self.safety.coasting) and (steps is None or done < steps):
            self.pacer.wake()
            step = self.step(self.pacer.wait)
            done += 1
            if watch is not None:
                watch(step)

    def close(self) -> None:
        """Come to rest and end the running episode, which is recorded: a stop is not a crash."""
        self.quit = True
        try:
            with suppress(Exception):  # a robot that takes no actions cannot be stopped either
                self.run(round(LONGEST_STOP * self.rate))
        finally:  # keep the recording even if interrupted again
            self.guard.close()
            if self.recorder is not None:
                if self.recording and self.steps:
                    self.recorder.finish(False)
                self.recorder.close()
                self.recorder = None

    def step(self, wait: Callable[[], Any] = lambda: None) -> Step | None:
        """One control period; `wait` is called before the action goes out; None while paused."""
        began = self._clock()
        reading = self.readings.first(self.operator, self.obs)
        events = reading.events
        self._obey(events)
        if (self.paused or self.quit) and not self.safety.coasting:
            wait()
            report(self.operator, self._resting)
            return None
        if isinstance(self.env.unwrapped, Observable):  # it may have moved since the last action
            self.obs = self._checked.observe()
        given = reading.partial.given
        filled = action = rest = self.transfer.rest
        eased = np.zeros_like(given)  # where the policy departed from the command
        answer: np.ndarray | None = None
        alone = False
        if not self._resting:
            near = self.transfer.limit(reading.partial.values, reading.hands)
            partial = replace(reading.partial, values=near)
            answer = self.guard.fill(self._acting, self.obs, partial)
            if answer is not None and (self._acting is not self.policy or partial.std is not None):
                eased = given & (answer != partial.values)
            # No policy: free dimensions hold still, a position target where it is.
            alone = answer is None or isinstance(self.policy, ZeroPolicy)
            filled = rest if alone else answer
            self.pacer.took(self._clock() - began)
        wait()
        if not self._resting:
            exact = self._acting is self.policy
            reading = self.readings.second(self.operator, self.obs, reading, exact)
            self.stopped |= self.readings.stop
        values, given = reading.partial.values, reading.partial.given
        if not self._resting:
            action = self.transfer.send(np.where(given & ~eased, values, filled), reading.hands)
            if answer is None:  # it holds still at once, and resumes gradually
                self.transfer.moving |= ~given
        hold = np.ones(len(given), bool) if self._resting else ~given & alone
        if self.safety.limiter is not None:
            self.transfer.last = action = self.safety.send(action, self.obs, hold)
        return self._execute(
            Step(
                np.array(self.obs),
                values * given,
                given,
                filled,
                action,
                events=events,
                status=reading.status,
                mode=reading.mode,
                stopped=self._resting,
                latency=self.readings.latency(reading),
                limited=self.safety.reasons,
            )
        )

    @property
    def _resting(self) -> bool:
        return self.stopped or self.paused or self.quit

    def _stuck(self, why: str) -> None:
        self.stopped = True
        self.notify(why)

    def _execute(self, step: Step) -> Step:
        space = self.env.action_space
        assert isinstance(space, gymnasium.spaces.Box)  # as check_fit found
        if not np.isfinite(step.action).all():  # should be impossible; must not happen
            step = replace(step, action=self.transfer.rest)
        action = executable(space, step.action)
        self._undo.keep((self.obs, self.info, self.reward, self.transfer.last))
        self.obs, *_, self.info = result = self._checked.step(action)
        step = step.executed(action, *result)
        report(self.operator, self._resting, step.action)
        self.steps += 1
        self.reward += step.reward
        self.driven |= bool(step.given.any())
        self._tell("add", step)
        if step.terminated or step.truncated:
            self.reset(success=step.info.get("success", False), keep=True)
        return step

    def _tell(self, event: str, *args: Any) -> None:
        if self.recorder is not None:
            told = getattr(self.recorder, event)
            self.guard.tell("recording", told, "driving goes on", *args)

    def _obey(self, events: tuple[str, ...]) -> None:
        for command, argument in self._commands.take(events):
            try:
                COMMANDS[command](self, argument)
            except InputError as error:  # driving goes on
                self.notify(str(error))
