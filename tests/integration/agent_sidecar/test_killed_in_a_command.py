"""A sidecar that dies between a command and the end of its answer: the broker brings it again."""

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
    def dies(self, *words):
        mark = Path(os.environ["HOME"], "died")
        if given(self) and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return method(self, *words)
    return dies

from agent_sidecar.commands.executor import Executor
from agent_sidecar.state.outbox import Outbox
from agent_sidecar.telemetry.publisher import Publisher
"""

MOMENTS = {
    "before it is carried out": "Executor.work = once(Executor.work, lambda e: len(e._queue))",
    "while probes run": "Executor.probed = once(Executor.probed, lambda e: e._checking)",
    "with the answer made": "Publisher.reply = once(Publisher.reply, lambda p: True)",
    "with the answer out": "Outbox.flush = once(Outbox.flush, lambda o: o.unsaved)",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_command_is_answered_by_the_next_process(
    hub: Listener, sidecar: Sidecar, tmp_path: Path, moment: str
) -> None:
    # Python itself runs a module of this name at its start.
    (tmp_path / "sitecustomize.py").write_text(DIES + MOMENTS[moment])
    sidecar.settings["PYTHONPATH"] = os.pathsep.join((str(tmp_path), str(ROOT)))
    sidecar.start()
    hub.wait("status", state="running")
    id_ = hub.command("alpha", "health-check")
    process = sidecar.process
    assert process is not None
    wait_until(lambda: process.poll() is not None, what="its death in the command")
    assert process.returncode == -signal.SIGKILL
    before = hub.wait("status", state="running")["boot"]
    sidecar.start()

    def answered() -> bool:
        statuses = [one for one in hub.all("status") if one["boot"] != before]
        return any(one.get("reply", {}).get("to") == id_ for one in statuses)

    wait_until(answered, what="the answer of the next process")
