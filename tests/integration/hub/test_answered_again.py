"""A sidecar that is killed before it wrote an answer down gives it again: the hub counts one."""

from __future__ import annotations

import json
import os
import signal
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


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_one_answer_counts_for_each_id(tmp_path: Path, broker: Mosquitto, signed: bool) -> None:
    home, trusted = tmp_path / "hub", {}
    if signed:
        home.mkdir(mode=0o700)
        keys.rotate(home, time.time())
        trusted = {"FLEET_COMMAND_KEYS": str(home / "keys" / keys.PUBLIC)}
    hub = HubProcess(home, broker).start()
    token, _ = Tokens(hub.home).create(Principal(Role.OPERATOR), timestamp(time.time()))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    (tmp_path / "sitecustomize.py").write_text(DIES)
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    alpha = Sidecar(tmp_path / "alpha", broker.url, PYTHONPATH=path, **trusted).start()
    process = alpha.process
    assert process is not None

    def send() -> bool:
        order = json.dumps({"to": "alpha", "verb": "version-report"}).encode()
        return ask(f"http://{hub.http}/v1/send", "POST", order, headers).status == 202

    def replies() -> int:
        return sum(count for said, count in hub.stored(kind=1).items() if REPLY in said.decode())

    try:
        wait_until(send, what="a hub that knows alpha")
        wait_until(lambda: process.poll() is not None, what="its death behind the answer")
        assert process.returncode == -signal.SIGKILL
        wait_until(lambda: replies() == 1, what="the first answer")
        alpha.start()
        wait_until(lambda: replies() == 2, what="the answer of the next process")
        assert any(b'"other-session"' in said for said in hub.stored(kind=1)) is signed
        asked = ask(f"http://{hub.http}/v1/inbox", headers=headers)
        assert asked.status == 200, "and the hub has taken in what it stored"
        page = hub.scrape()
        assert 'fleet_commands_total{outcome="done",verb="version-report"} 1.0' in page
        assert "fleet_command_latency_seconds_count 1.0" in page
        assert "fleet_commands_open 0.0" in page
        assert 'fleet_facts_total{fact="command-refused"} 0.0' in page
    finally:
        alpha.kill()
        hub.kill()
