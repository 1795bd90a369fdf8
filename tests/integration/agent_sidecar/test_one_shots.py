"""`beat`, `handle`, `publish` and `check`, as cron, launchd and a person call them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from fleet.contract.quantise import gauge
from tests.support.broker import Mosquitto
from tests.support.http_stub import hanging
from tests.support.sidecar import Listener, Sidecar


@pytest.fixture
def agent(sidecar: Sidecar) -> Sidecar:
    sidecar.folder.mkdir(parents=True, exist_ok=True)
    sidecar.settings["FLEET_DROP"] = "-"
    sidecar.settings["FLEET_INTERVAL"] = "600"
    return sidecar


def test_beat_publishes_one_heartbeat_and_its_state_once(hub: Listener, agent: Sidecar) -> None:
    for _ in range(3):
        done = agent.call("beat")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    hub.wait("heartbeat", count=3)
    beats = hub.all("heartbeat")
    assert len(beats) == 3
    assert len(hub.all("status")) == 1
    assert {message["boot"] for message in beats} == {beats[0]["boot"]}
    assert "offline" not in {message["state"] for message in hub.all("status")}


def test_beat_answers_the_commands_that_wait(hub: Listener, agent: Sidecar) -> None:
    agent.call("beat")
    id_ = hub.command("alpha", "version-report", ttl=3600)
    assert agent.call("beat").returncode == 0
    assert hub.reply(id_)["result"] == "done"


def test_a_beat_that_is_refused_while_it_probes_still_keeps_what_it_finds(
    agent: Sidecar, tmp_path: Path
) -> None:
    """Its link comes about beside the probes, and ends first: what is probed hangs."""
    closed = Mosquitto(tmp_path / "closed", anonymous=False).start()
    with hanging() as stub:
        looks = {"FLEET_ENDPOINT": f"{stub.url}/health", "FLEET_ENDPOINT_TIMEOUT": "0.6"}
        for _ in range(3):  # once is no alert yet
            done = agent.call("beat", FLEET_BROKER=closed.url, **looks)
    closed.stop()
    assert done.returncode == 3
    assert "Not authorized" in done.stderr
    with sqlite3.connect(agent.state / "outbox.sqlite3") as outbox:
        kept = outbox.execute("SELECT kind FROM message").fetchall()
    outbox.close()
    assert ("alert",) in kept


def test_handle_answers_the_commands_that_wait_urgent_first(hub: Listener, agent: Sidecar) -> None:
    agent.call("handle")
    late = hub.command("alpha", "health-check", ttl=3600)
    first = hub.command("alpha", "version-report", ttl=3600, priority="urgent")
    assert agent.call("handle").returncode == 0
    hub.reply(late)
    replies = [s["reply"]["to"] for s in hub.all("status") if "reply" in s]
    assert replies == [first, late]


def test_publish_goes_straight_to_the_broker_where_no_sidecar_runs(
    hub: Listener, agent: Sidecar
) -> None:
    done = agent.call("publish", "alert", "code=disk-pressure", "severity=warning", "value=91")
    assert (done.returncode, done.stderr) == (0, "")
    assert hub.wait("alert")["value"] == 91
    assert agent.call("publish", "heartbeat", "ok=false", "errors_total=3").returncode == 0
    beat = hub.wait("heartbeat")
    assert (beat["ok"], beat["metrics"]) == (False, {"errors_total": 3})


def test_publish_hands_the_message_to_a_sidecar_that_runs(hub: Listener, sidecar: Sidecar) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    assert sidecar.call("publish", "status", "state=maintenance").returncode == 0
    hub.wait("status", state="maintenance")


def test_publish_reliable_keeps_what_the_broker_does_not_take(
    broker: Mosquitto, agent: Sidecar
) -> None:
    broker.stop()
    words = ("publish", "alert", "code=disk-pressure", "severity=critical", "--timeout", "1")
    waits = agent.call(*words)
    assert waits.returncode == 4
    assert waits.stderr.startswith("kept in the outbox")
    kept = agent.call(*words, "--reliable")
    assert kept.returncode == 0
    assert "kept in the outbox" in kept.stderr
    broker.start()
    late = Listener(broker.port).start()
    agent.call("beat")
    late.wait("alert", count=2, code="disk-pressure")
    late.stop()


def test_publish_claims_to_keep_only_what_the_outbox_has(
    broker: Mosquitto, agent: Sidecar, tmp_path: Path
) -> None:
    """A password that cannot be read is found before anything is in the outbox."""
    words = ("publish", "alert", "code=disk-pressure", "severity=critical", "--reliable")
    done = agent.call(*words, FLEET_PASSWORD_FILE=str(tmp_path / "missing"))
    assert done.returncode == 3
    assert "kept" not in done.stderr


def test_a_wrong_publish_is_refused_with_a_corrected_call(agent: Sidecar) -> None:
    done = agent.call("publish", "alert", "code=disk-full", "severity=warning")
    assert done.returncode == 3
    assert "allowed: auth-failure" in done.stderr
    assert "Try: agent-sidecar publish alert" in done.stderr


def test_without_a_broker_the_error_says_what_why_and_what_to_try(
    broker: Mosquitto, agent: Sidecar
) -> None:
    broker.stop()
    done = agent.call("beat", "--timeout", "1")
    assert done.returncode == 3
    assert "nothing listens there" in done.stderr
    assert "\nTry: " in done.stderr
    assert "Traceback" not in done.stderr


def test_check_shows_what_would_be_sent_and_sends_nothing(hub: Listener, agent: Sidecar) -> None:
    done = agent.call("check")
    assert done.returncode == 0
    assert "would publish on fleet/alpha/heartbeat every 600 s" in done.stdout
    assert "FLEET_INTERVAL=600 (environment)" in done.stdout
    metrics = json.loads(done.stdout.splitlines()[-1])["metrics"]
    gauges = {name: value for name, value in metrics.items() if not name.endswith("_total")}
    assert gauges == {name: gauge(value) for name, value in gauges.items()}
    assert metrics["disk_available_bytes"] > 0
    assert hub.heard == []
    assert not agent.state.exists()


def test_check_lists_every_setting(agent: Sidecar) -> None:
    done = agent.call("check", "--settings", FLEET_AGENT="")
    assert done.returncode == 0
    assert "FLEET_COMMAND_KEYS=" in done.stdout


@pytest.mark.parametrize(
    "words", [["bet"], ["beat", "--sooner"], ["publish", "command"], ["handle", "now"], []]
)
def test_a_wrong_call_exits_3_and_says_what_to_try(agent: Sidecar, words: list[str]) -> None:
    done = agent.call(*words)
    assert done.returncode == 3
    assert "Try: " in done.stderr or "Usage" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("FLEET_AGENT", "Not A Name"),
        ("FLEET_BROKER", "ftp://x"),
        ("FLEET_AGENT_ENV", "/no/such/file"),
        ("FLEET_PASSWORD_FILE", "/no/such/file"),
        ("FLEET_COMMAND_KEYS", "/no/such/file"),
        ("FLEET_HOME", "/proc/none"),
        ("FLEET_INTERVAL", "0"),
        ("FLEET_RELOAD", "signal:NOPE"),
    ],
)
def test_a_wrong_setting_exits_3_and_says_what_to_try(
    agent: Sidecar, setting: str, value: str
) -> None:
    for words in (["run"], ["beat"]):
        done = agent.call(*words, **{setting: value})
        assert done.returncode == 3, done.stderr
        assert "\nTry: " in done.stderr
        assert "Traceback" not in done.stderr
