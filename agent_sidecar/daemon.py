"""Runs the runner as a process: lock, signals, logging, and the way a reload starts over."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from agent_sidecar import kinds
from agent_sidecar.config import Config, load, slips
from agent_sidecar.lock import exclusive
from agent_sidecar.mqtt.lean_imports import import_paho
from agent_sidecar.mqtt.lean_imports import imports as lean_imports
from agent_sidecar.one_shot import Purpose
from fleet.contract.errors import FleetError
from fleet.contract.printable import log_to_stderr
from fleet.contract.vocabulary import MessageKind

if TYPE_CHECKING:
    from agent_sidecar.pair.beside import PairBeside
    from agent_sidecar.runner import Runner
    from agent_sidecar.work.beside import WorkBeside

log = logging.getLogger(__name__)

LOCK_WAIT = 5.0
"""Seconds a one-shot waits for the run before it to end."""


def run_daemon(config: Config) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP reads the settings again and starts over with them.

    Raises:
        FleetError: something it needs is not usable.
    """
    log_to_stderr()
    for line in slips(os.environ):
        log.warning(line)
    _close_umask()
    with exclusive(config.state):
        work = _work_beside(config, None)
        current: Config | None = config
        try:
            while current is not None:
                current = _run_until_signal(current, work)
                if current is not None:
                    work = _work_following(current, work)
        finally:
            if work is not None:
                work.stop()


def _work_beside(config: Config, work: WorkBeside | None) -> WorkBeside | None:
    """Work as the settings want it, in a thread of its own; None where none was ever asked for, and
    nothing is loaded.

    Raises:
        ConfigError: the settings of work are not usable.
    """
    if work is None:
        if not config.text("FLEET_WORK"):
            return None
        from agent_sidecar.work.beside import WorkBeside

        work = WorkBeside()
    work.apply(config)
    return work


def _work_following(config: Config, work: WorkBeside | None) -> WorkBeside | None:
    """The same after settings were read again: they were good then, and may not be any more."""
    try:
        return _work_beside(config, work)
    except FleetError as error:
        log.warning("work goes on with the old settings: %s", str(error).splitlines()[0])
        return work


def run_once(
    config: Config,
    purpose: Purpose,
    timeout: float | None,
    mail: Sequence[tuple[MessageKind, dict[str, Any]]] = (),
) -> None:
    """Run for one purpose, within `timeout` s (None: until a signal).

    Raises:
        FleetError: something it needs is not usable, or it did not get through in time.
    """
    # Cron mails what is on stderr: only how it ended. A person is told what takes so long.
    log_to_stderr(logging.WARNING if sys.stderr.isatty() else logging.ERROR)
    _close_umask()
    with exclusive(config.state, LOCK_WAIT):
        runner = _runner(config, purpose, mail)
        _on_signals(runner)
        runner.run(None if timeout is None else time.monotonic() + timeout)


def _runner(
    config: Config,
    purpose: Purpose,
    mail: Sequence[tuple[MessageKind, dict[str, Any]]] = (),
    work: WorkBeside | None = None,
) -> Runner:
    import_paho()
    from agent_sidecar.runner import Runner

    with lean_imports():  # probes of plain HTTP need no TLS either
        assembly = kinds.assemble(config)
    pair = _pair(config) if purpose is Purpose.DAEMON else None
    if work is None:
        return Runner(config, assembly, purpose, mail, pair=pair)
    from agent_sidecar.telemetry.task_progress import TaskProgress

    offered = (lambda _offer, _now: work.wake()) if work.works else None
    runner = Runner(config, assembly, purpose, mail, offered, pair)
    work.listen(
        lambda claim, state, progress, reason: runner.tell_progress(
            TaskProgress(claim.task, claim.epoch, claim.attempt, state, progress, reason)
        )
    )
    return runner


def _pair(config: Config) -> PairBeside | None:
    if not config.text("FLEET_PAIR"):
        return None
    from agent_sidecar.pair.beside import pair_of

    return pair_of(config)


def _run_until_signal(config: Config, work: WorkBeside | None) -> Config | None:
    """Run one session; the configuration to start over with, or None to end."""
    runner = _runner(config, Purpose.DAEMON, work=work)
    following: list[Config] = []

    def reload(_number: int, _frame: FrameType | None) -> None:
        try:
            following.append(_read_again(config))
        except FleetError as error:
            log.warning("going on with the old settings: %s", str(error).splitlines()[0])
        else:
            runner.stop(farewell=False)

    _on_signals(runner, work)
    signal.signal(signal.SIGHUP, reload)
    try:
        runner.run()
    finally:
        signal.set_wakeup_fd(-1)
    return following[-1] if following else None


def _read_again(config: Config) -> Config:
    fresh = load(config.flags)
    if fresh.state != config.state:
        why = "another agent or state directory needs another lock"
        raise FleetError("the settings do not fit this process", why, "restart it")
    from agent_sidecar.config_check import judge

    judge(fresh)
    return fresh


def _on_signals(runner: Runner, work: WorkBeside | None = None) -> None:
    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stop()
        if work is not None:  # beside our goodbye, since both take seconds
            work.ask_to_stop()

    signal.set_wakeup_fd(runner.wake_descriptor, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def _close_umask() -> None:
    """Nothing that we make is for others to write, however the program was started."""
    os.umask(os.umask(0o022) | 0o022)
