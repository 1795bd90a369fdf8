"""A sidecar that is killed before it wrote an answer down gives it again: the hub counts one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fleet import keys
from fleet.contract.timestamps import timestamp
from fleet.tokens import Principal, Role, Tokens
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess
from tests.support.hub_http import ask
from tests.support.sidecar import ROOT, Sidecar
from tests.support.waiting import wait_until

DIES = """
import os, signal
from pathlib import Path
from agent_sidecar.state.settling import Settling

tick = Settling.tick
def dies(self, now, heard_at):
    mark = Path(os.environ["HOME"], "died")
    if self._outbox.unsaved and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    tick(self, now, heard_at)
Settling.tick = dies
"""

REPLY = '"reply":{"to":'


class Fleet:
    """A hub, and a sidecar that runs some code of the test as well."""

    def __init__(self, folder: Path, broker: Mosquitto, *, signed: bool) -> None:
        self.folder = folder
        home, trusted = folder / "hub", {}
        if signed:
            home.mkdir(mode=0o700)
            keys.rotate(home, time.time())
            trusted = {"FLEET_COMMAND_KEYS": str(home / "keys" / keys.PUBLIC)}
        self.hub = HubProcess(home, broker).start()
        token, _ = Tokens(home).create(Principal(Role.OPERATOR), timestamp(time.time()))
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        path = os.pathsep.join((str(folder), str(ROOT)))
        self.alpha = Sidecar(folder / "alpha", broker.url, PYTHONPATH=path, **trusted)

    def start(self, code: str) -> subprocess.Popen[bytes]:
        (self.folder / "sitecustomize.py").write_text(code)
        process = self.alpha.start().process
        assert process is not None
        return process

    def end(self) -> None:
        self.alpha.kill()
        self.hub.kill()

    def send(self, verb: str) -> bool:
        order = json.dumps({"to": "alpha", "verb": verb}).encode()
        return ask(f"http://{self.hub.http}/v1/send", "POST", order, self.headers).status == 202

    def replies(self, verb: str = "") -> int:
        """Answers that are stored, of `verb` only or all."""
        stored = ((said.decode(), count) for said, count in self.hub.stored(kind=1).items())
        return sum(count for said, count in stored if REPLY in said and f'"verb":"{verb}' in said)

    def counted(self) -> str:
        """What the hub counts, once it has taken in what it stored."""
        asked = ask(f"http://{self.hub.http}/v1/inbox", headers=self.headers)
        assert asked.status == 200
        return self.hub.scrape()


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_one_answer_counts_for_each_id(tmp_path: Path, broker: Mosquitto, signed: bool) -> None:
    fleet = Fleet(tmp_path, broker, signed=signed)
    process = fleet.start(DIES)
    try:
        wait_until(lambda: fleet.send("version-report"), what="a hub that knows alpha")
        wait_until(lambda: process.poll() is not None, what="its death behind the answer")
        assert process.returncode == -signal.SIGKILL
        wait_until(lambda: fleet.replies() == 1, what="the first answer")
        fleet.alpha.start()
        wait_until(lambda: fleet.replies() == 2, what="the answer of the next process")
        assert any(b'"other-session"' in said for said in fleet.hub.stored(kind=1)) is signed
        page = fleet.counted()
        assert 'fleet_commands_total{outcome="done",verb="version-report"} 1.0' in page
        assert "fleet_command_latency_seconds_count 1.0" in page
        assert "fleet_commands_open 0.0" in page
        assert 'fleet_facts_total{fact="command-refused"} 0.0' in page
    finally:
        fleet.end()


BUSY = """
import os, signal
from pathlib import Path
from agent_sidecar.commands import queue
from agent_sidecar.mqtt.answers import Answers
from agent_sidecar.state.seen_ids import SeenIds
from agent_sidecar.telemetry.publisher import Publisher

mark = Path(os.environ["HOME"], "died")
if not mark.exists():
    {no_room}
    reply, acknowledge = Publisher.reply, Answers.acknowledge
    def replies(*words):
        mark.touch()
        reply(*words)
    def dies(self, **how):
        if mark.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        acknowledge(self, **how)
    Publisher.reply, Answers.acknowledge = replies, dies
"""

NO_ROOM = {
    "for its id": "SeenIds.full = lambda *_: True",
    "in the queue": "queue.MAX_WAITING = 0",
}


@pytest.mark.parametrize("no_room", NO_ROOM)
def test_a_reload_that_was_answered_busy_by_a_sidecar_that_died_is_no_forgery(
    tmp_path: Path, broker: Mosquitto, no_room: str
) -> None:
    fleet = Fleet(tmp_path, broker, signed=True)
    process = fleet.start(BUSY.format(no_room=NO_ROOM[no_room]))
    try:
        wait_until(lambda: fleet.send("config-reload"), what="a hub that knows alpha")
        wait_until(lambda: process.poll() is not None, what="its death behind the answer")
        wait_until(lambda: fleet.replies() == 1, what="the answer")
        fleet.alpha.start()
        wait_until(lambda: fleet.send("version-report"), what="a hub that takes another command")
        done = "version-report"
        wait_until(lambda: fleet.replies(done) == 1, what="the answer of the next process")
        page = fleet.counted()
        assert 'fleet_commands_total{outcome="failed",verb="config-reload"} 1.0' in page
        assert 'fleet_facts_total{fact="command-refused"} 0.0' in page
    finally:
        fleet.end()
