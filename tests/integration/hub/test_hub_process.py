"""`fleet serve` against a real broker: killed, restarted, starved of disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.timestamps import timestamp
from tests.support.broker import Mosquitto
from tests.support.hub import HubProcess, Publisher, wait_stored
from tests.support.waiting import wait_until


@pytest.fixture
def hub(tmp_path: Path, broker: Mosquitto) -> Iterator[HubProcess]:
    hub = HubProcess(tmp_path / "home", broker)
    yield hub
    hub.kill()


def beat(**fields: object) -> bytes:
    return json.dumps({"ok": True, "ts": timestamp(time.time()), **fields}).encode()


def status(state: str = "running", **fields: object) -> bytes:
    return json.dumps({"state": state, "ts": timestamp(time.time()), **fields}).encode()


@pytest.mark.timeout(180)  # four hubs are started while two agents keep both cores busy
def test_killed_in_mid_load_it_loses_nothing_and_doubles_nothing(
    hub: HubProcess, broker: Mosquitto
):
    hub.start()
    count = 3000
    numbered = Publisher(broker, "larry")
    plain = Publisher(broker, "moe")

    def load() -> None:
        for start in range(0, count, 100):
            some = range(start, start + 100)
            numbered.publish_all("heartbeat", [beat(boot=7, seq=n) for n in some])
            plain.publish_all("heartbeat", [beat(uptime=n) for n in some])

    thread = threading.Thread(target=load)
    thread.start()
    for kills in range(1, 4):
        aim = kills * count // 3
        wait_until(lambda aim=aim: hub.count() >= aim, deadline=60, what=f"{aim} stored")
        hub.kill()
        hub.start()
    thread.join(60)
    wait_stored(hub, 2 * count)
    stored = [json.loads(payload) for payload in hub.stored().elements()]
    assert sorted(m["seq"] for m in stored if "seq" in m) == list(range(count))
    assert sorted(m["uptime"] for m in stored if "uptime" in m) == list(range(count))
    numbered.close()
    plain.close()


def test_what_came_while_it_was_down_is_stored_when_it_returns(hub: HubProcess, broker: Mosquitto):
    hub.start()
    hub.stop()
    larry = Publisher(broker, "larry")
    larry.publish_all("heartbeat", [beat(boot=7, seq=n) for n in range(2000)])
    hub.start()
    wait_stored(hub, 2000)
    larry.close()


def test_a_restart_is_no_event_for_agents_that_stayed_well(hub: HubProcess, broker: Mosquitto):
    hub.start()
    larry = Publisher(broker, "larry")
    ended = threading.Event()

    def live() -> None:
        seq = 0
        while not ended.wait(0.1):
            larry.publish("heartbeat", beat(boot=7, seq=seq, interval=1), retain=True)
            seq += 1

    thread = threading.Thread(target=live)
    thread.start()
    wait_until(lambda: hub.count() > 2)
    hub.kill()
    time.sleep(3)  # longer than the agent may be silent
    hub.start()
    told = "SELECT fact, word, at FROM event WHERE agent = 'larry' ORDER BY id"
    known = hub.query(told)
    wait_until(lambda: hub.count() > 30)
    ended.set()
    thread.join()
    stopped = time.time()
    news = wait_until(lambda: hub.query(told)[len(known) :], what="the end of the beats")
    assert news[0][:2] in (("verdict", "late"), ("verdict", "stale"))
    assert all(at > stopped - 1 for _, _, at in news)
    larry.close()


def test_a_hub_that_stood_still_blames_nobody(hub: HubProcess, broker: Mosquitto):
    hub.start()
    larry = Publisher(broker, "larry")
    watcher = Publisher(broker, "watcher")
    watcher.listen("zephyr/broadcast")
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(0.1):
            larry.publish("heartbeat", beat(interval=2), retain=True)

    thread = threading.Thread(target=live)
    thread.start()
    wait_until(lambda: hub.count() > 2)
    os.kill(hub.pid, signal.SIGSTOP)  # a laptop's lid, a snapshot of the machine
    time.sleep(5.5)  # more than 2.5 intervals
    os.kill(hub.pid, signal.SIGCONT)
    wait_until(lambda: watcher.inbox, what="the call for births")
    seen = hub.count()
    wait_until(lambda: hub.count() > seen + 20)
    told = hub.query("SELECT word FROM event WHERE agent = 'larry' AND fact = 'verdict'")
    ended.set()
    thread.join()
    assert ("late",) not in told
    assert ("stale",) not in told
    larry.close()
    watcher.close()


def test_receipts_follow_the_commit_and_cover_the_session(hub: HubProcess, broker: Mosquitto):
    hub.start()
    larry = Publisher(broker, "larry")
    larry.listen("fleet/larry/receipt")
    larry.publish_all("status", [status(boot=7, seq=n) for n in range(5)])
    topic, receipt = wait_until(lambda: larry.inbox and larry.inbox[-1])
    wait_until(lambda: larry.inbox[-1][1] == {"boot": 7, "seq": 4})
    assert (topic, receipt["boot"]) == ("fleet/larry/receipt", 7)
    assert len(larry.inbox) <= 5
    larry.close()


def test_a_rejected_message_is_a_dead_letter_and_changes_nothing(
    hub: HubProcess, broker: Mosquitto
):
    hub.start()
    larry = Publisher(broker, "larry")
    larry.publish("heartbeat", b'{"ok":true,"note":"call me"}')
    larry.publish("command", b'{"verb":"health-check"}', retain=True)
    found = "SELECT topic, reason, field FROM dead_letter ORDER BY id"
    poison = ("fleet/larry/command", "retained-command", "")
    dead_letters = wait_until(lambda: len(rows := hub.query(found)) == 2 and rows)
    assert dead_letters == [("fleet/larry/heartbeat", "unknown-field", "*"), poison], "also live"
    assert not hub.stored()
    hub.stop()
    hub.start()  # the retained command is found at connect, again
    wait_until(
        lambda: hub.query(found)[2:] == [poison],
        what="the poison to be told",
    )
    larry.close()


def test_it_says_hello_and_goodbye_and_ctrl_c_is_clean(hub: HubProcess, broker: Mosquitto):
    watcher = Publisher(broker, "watcher")
    watcher.listen("zephyr/broadcast")
    hub.start()
    assert hub.stop(signal.SIGINT) == 0
    wait_until(lambda: len(watcher.inbox) >= 2)
    assert [message["notice"] for _, message in watcher.inbox] == ["hub-online", "hub-offline"]
    assert "Traceback" not in hub.log
    watcher.close()


def test_a_lost_broker_is_an_alert_and_no_agent_is_blamed(hub: HubProcess, broker: Mosquitto):
    hub.start()
    larry = Publisher(broker, "larry")
    larry.publish_all("heartbeat", [beat(interval=1)])
    wait_stored(hub, 1)
    broker.stop()
    alerts = "SELECT agent, code, state FROM alert"
    wait_until(lambda: ("", "broker-down", "firing") in hub.query(alerts))
    broker.start()
    wait_until(lambda: ("", "broker-down", "resolved") in hub.query(alerts))
    larry.close()


def test_no_broker_is_an_error_with_a_remedy(tmp_path: Path, broker: Mosquitto):
    broker.stop()
    done = subprocess.run(
        [sys.executable, "-m", "fleet", "serve", "--home", str(tmp_path / "h"), "--broker",
         broker.url],
        check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    broker.start()
    assert done.returncode == 3
    assert "Try:" in done.stderr
    assert "Traceback" not in done.stderr
