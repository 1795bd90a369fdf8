"""A sidecar that dies, or ends, between a command and the end of its answer."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.sidecar import ROOT, Listener, Sidecar
from tests.support.waiting import wait_until

DIES = """
import os, signal
from pathlib import Path

def once(method, given):
    def dies(self, *words, **named):
        mark = Path(os.environ["HOME"], "died")
        if given(self) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return method(self, *words, **named)
    return dies

from agent_sidecar.commands.executor import Executor
from agent_sidecar.state import settling
from agent_sidecar.state.outbox import Outbox
from agent_sidecar.telemetry.publisher import Publisher
"""

NEVER = "settling.QUIET = settling.LONGEST = settling.SETTLE = 3600\n"
"""Answers wait to be written down until something else is."""

MOMENTS = {
    "before it is carried out": "Executor.work = once(Executor.work, lambda e: len(e._queue))",
    "while probes run": "Executor.probed = once(Executor.probed, lambda e: e._checking)",
    "with the answer made": "Publisher.reply = once(Publisher.reply, lambda p: True)",
    "with the answer out": "Outbox.flush = once(Outbox.flush, lambda o: o.unsaved)",
}

WRITTEN = """
from agent_sidecar.mqtt.answers import Answers
Answers.acknowledge = once(Answers.acknowledge, lambda a: a._owed)
"""

BEFORE_IT_LEAVES = """
from agent_sidecar.mqtt.sender import OutboxSender
def replied(sender):
    return any(b'"reply"' in row.payload for row in sender._outbox.after(sender._cursor, 99))
OutboxSender.pump = once(OutboxSender.pump, replied)
"""


def arm(sidecar: Sidecar, folder: Path, code: str) -> None:
    """Python itself runs a module of this name at its start."""
    (folder / "sitecustomize.py").write_text(DIES + code)
    sidecar.settings["PYTHONPATH"] = os.pathsep.join((str(folder), str(ROOT)))


def disarm(sidecar: Sidecar) -> None:
    sidecar.settings["PYTHONPATH"] = str(ROOT)


def await_death(sidecar: Sidecar) -> None:
    process = sidecar.process
    assert process is not None
    wait_until(lambda: process.poll() is not None, what="its death in the command")
    assert process.returncode == -signal.SIGKILL


def await_birth(hub: Listener, before: int) -> None:
    """Wait for the first word of another session than `before`."""
    wait_until(lambda: [one for one in hub.all("status") if one["boot"] != before], what="a birth")


def answers(hub: Listener, id_: str) -> set[tuple[int, int]]:
    """Numbers of the answers to that command: one that is sent again has the same."""
    said = (one for one in hub.all("status") if one.get("reply", {}).get("to") == id_)
    return {(one["boot"], one["seq"]) for one in said}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_command_is_answered_by_the_next_process(
    hub: Listener, sidecar: Sidecar, tmp_path: Path, moment: str
) -> None:
    arm(sidecar, tmp_path, MOMENTS[moment])
    sidecar.start()
    hub.wait("status", state="running")
    id_ = hub.command("alpha", "health-check")
    await_death(sidecar)
    before = hub.wait("status", state="running")["boot"]
    sidecar.start()
    wait_until(lambda: any(boot != before for boot, _ in answers(hub, id_)), what="its answer")


def test_answers_that_wait_to_be_written_down_are_given_again_after_kill_9(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    arm(sidecar, tmp_path, NEVER)
    sidecar.settings["FLEET_INTERVAL"] = "600"
    sidecar.start()
    born = hub.wait("status", state="running")["boot"]
    verbs = ["status-report", "version-report"] * 3
    ids = [hub.command("alpha", verb, ttl=3600) for verb in verbs]
    for id_ in ids:
        assert hub.reply(id_)["result"] == "done"
    sidecar.kill()
    hub.wait("status", state="offline")
    disarm(sidecar)
    sidecar.start()
    await_birth(hub, born)
    wait_until(lambda: all(len(answers(hub, id_)) == 2 for id_ in ids), what="each answer again")
    told = [(boot, seq) for id_ in ids for boot, seq in answers(hub, id_) if boot != born]
    assert told == sorted(told), "in the order in which they were asked"
    again = hub.command("alpha", "version-report", id=ids[0], ttl=3600)
    hub.reply(hub.command("alpha", "status-report"))
    assert len(answers(hub, again)) == 2, "now it is known by its id"


def test_what_was_written_down_and_not_acknowledged_is_known_by_its_id(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    arm(sidecar, tmp_path, WRITTEN)
    sidecar.start()
    hub.wait("status", state="running")
    id_ = hub.command("alpha", "version-report", ttl=3600)
    await_death(sidecar)
    disarm(sidecar)
    sidecar.start()
    wait_until(lambda: rejected(hub) == 1, what="the command, again")
    hub.reply(id_)
    hub.reply(hub.command("alpha", "status-report"))
    assert len(answers(hub, id_)) == 1


def test_the_answer_of_a_reload_is_on_disk_before_it_leaves_and_the_reload_runs_once(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "reload.sh"
    program.write_text(f"#!/bin/sh\necho once >>{ran}\n")
    program.chmod(0o700)
    sidecar.settings["FLEET_RELOAD"] = str(program)
    arm(sidecar, tmp_path, BEFORE_IT_LEAVES)
    sidecar.start()
    hub.wait("status", state="running")
    id_ = hub.command("alpha", "config-reload", ttl=3600)
    await_death(sidecar)
    assert not answers(hub, id_)
    disarm(sidecar)
    sidecar.start()
    assert hub.reply(id_)["result"] == "done"
    hub.reply(hub.command("alpha", "status-report"))
    assert len(answers(hub, id_)) == 1
    assert ran.read_text() == "once\n"


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_in_order_writes_the_answers_down_and_acknowledges_their_commands(
    hub: Listener, sidecar: Sidecar, tmp_path: Path, end: signal.Signals
) -> None:
    arm(sidecar, tmp_path, NEVER)
    sidecar.settings["FLEET_INTERVAL"] = "600"
    sidecar.start()
    born = hub.wait("status", state="running")["boot"]
    ids = [hub.command("alpha", verb, ttl=3600) for verb in ("version-report", "status-report")]
    for id_ in ids:
        hub.reply(id_)
    if end is signal.SIGTERM:
        assert sidecar.stop() == 0
        sidecar.start()
    else:
        sidecar.signal(end)  # it reads its settings again, and starts over
    await_birth(hub, born)
    hub.reply(hub.command("alpha", "health-check"))
    assert rejected(hub) == 0, "the broker had nothing to bring again"
    assert [len(answers(hub, id_)) for id_ in ids] == [1, 1]


def rejected(hub: Listener) -> float:
    beats = hub.all("heartbeat")
    return float(beats[-1]["metrics"]["rejected_total"]) if beats else -1.0
