"""The drop directory between two users, with a real sidecar."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.sidecar import Listener, Sidecar
from tests.support.waiting import wait_until

NOBODY = 65_534


def as_nobody(work: str, folder: Path) -> int:
    """Run Python code as another user, in `folder`; its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.chdir(folder)
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.umask(0o022)
            exec(compile(work, "nobody", "exec"), {"os": os, "json": json})  # noqa: S102
            code = 0
        except PermissionError:
            code = 13
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


PUT = """
with open('.alert-1.tmp', 'w') as stream:
    json.dump({'code': 'cron-failure', 'severity': 'warning', 'state': 'firing'}, stream)
os.rename('.alert-1.tmp', 'alert-1.json')
"""

FORGE = """
with open('.agent.mine', 'w') as stream:
    stream.write('beta')
os.rename('.agent.mine', '.agent')
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_can_put_a_message_in_and_do_no_more(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    for parent in (*sidecar.drop.parents,)[:4]:
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o011)
    assert as_nobody(PUT, sidecar.drop) == 0
    hub.wait("alert", code="cron-failure")
    assert as_nobody("os.listdir('.')", sidecar.drop) == 13
    assert as_nobody("assert open('.agent').read() == 'alpha\\n'", sidecar.drop) == 0
    assert as_nobody("os.unlink('.agent')", sidecar.drop) == 13
    assert as_nobody(FORGE, sidecar.drop) == 13
    sidecar.put("status", {"state": "maintenance"}, "keep")
    assert as_nobody("os.listdir('rejected')", sidecar.drop) == 13


def test_a_message_of_the_agent_goes_out_with_the_numbers_of_the_session(
    hub: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    birth = hub.wait("status", state="running")
    sidecar.put("alert", {"code": "cron-failure", "severity": "info", "state": "firing"})
    alert = hub.wait("alert", code="cron-failure")
    assert alert["boot"] == birth["boot"]
    assert hub.retained()["fleet/alpha/alert"] == alert


def test_a_heartbeat_of_the_agent_is_forwarded_and_its_word_counts(
    hub: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    hub.wait("heartbeat", ok=True)
    sidecar.put("heartbeat", {"ok": False, "metrics": {"errors_total": 3}})
    said = hub.wait("heartbeat", ok=False)
    assert said["metrics"]["errors_total"] == 3
    later = hub.wait("heartbeat", count=2, ok=False)
    assert later["metrics"]["errors_total"] == 3
    hub.wait("status", state="degraded")


def test_a_state_the_agent_claims_is_kept(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    sidecar.put("status", {"state": "maintenance"})
    hub.wait("status", state="maintenance")
    hub.reply(hub.command("alpha", "status-report"))
    assert hub.all("status")[-1]["state"] == "maintenance"


def test_what_the_contract_rejects_never_leaves(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    sidecar.put("alert", {"code": "cron-failure", "severity": "info", "state": "firing",
                          "note": "client@example.com"})  # fmt: skip
    sidecar.put("status", {"state": "running", "reply": {"verb": "health-check", "result": "done"}})

    def rejected() -> float:
        beats = hub.all("heartbeat")
        return float(beats[-1]["metrics"]["rejected_total"]) if beats else 0.0

    wait_until(lambda: rejected() == 2)
    assert hub.all("alert") == []
    assert len(list((sidecar.drop / "rejected").iterdir())) == 2


def test_two_sidecars_do_not_share_a_drop_directory(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    other = Sidecar(tmp_path / "other", sidecar.settings["FLEET_BROKER"], "beta")
    other.settings["FLEET_DROP"] = str(sidecar.drop)
    other.folder.mkdir(exist_ok=True)
    done = other.call("run")
    assert done.returncode == 3
    assert "is taken: the sidecar of alpha" in done.stderr


def test_what_an_agent_may_not_say_in_a_day_is_refused_and_counted(
    hub: Listener, sidecar: Sidecar
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    for number in range(40):
        beat = {"ok": True, "metrics": {f"name_{number:02}": 123_456}}
        temporary = sidecar.drop / f".{number}.tmp"
        temporary.write_text(json.dumps(beat))
        temporary.rename(sidecar.drop / f"heartbeat-{number:02}.json")
    rejected = sidecar.drop / "rejected"
    wait_until(lambda: len(list(rejected.glob("*.json"))) == 8)
    wait_until(lambda: hub.all("heartbeat")[-1]["metrics"]["rejected_total"] == 8)
    said = {name for beat in hub.all("heartbeat") for name in beat["metrics"]}
    assert {name for name in said if name.startswith("name_")} == {
        f"name_{number:02}" for number in range(32)
    }
    values = {
        v for beat in hub.all("heartbeat") for k, v in beat["metrics"].items() if "name_" in k
    }
    assert values == {123_000}


def test_a_version_that_the_agent_names_is_told_with_each_answer_and_over_a_restart(
    hub: Listener, sidecar: Sidecar
) -> None:
    """No probe knows the version of a generic agent: a rollout asks for it again and again."""
    sidecar.start()
    hub.wait("status", state="running")
    sidecar.put("status", {"state": "running", "versions": {"agent": "2026.9.6"}})
    wait_until(lambda: tells(hub.all("status")[-1:]), what="its version")
    reply = hub.command("alpha", "version-report")
    hub.reply(reply)
    answers = [one for one in hub.all("status") if one.get("reply", {}).get("to") == reply]
    assert tells(answers)
    sidecar.stop()
    said = len(hub.all("status"))
    sidecar.start()
    wait_until(lambda: len(hub.all("status")) > said, what="its next birth")
    assert tells(hub.all("status")[said:])


def tells(messages: list[dict[str, Any]]) -> bool:
    """Whether each names the agent's version; one that has gone said so before."""
    named = [m["versions"].get("agent") for m in messages if m["state"] != "offline"]
    return bool(named) and set(named) == {"2026.9.6"}
