"""`bus-publish` against a real broker and a real drop directory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from fleet.auditor.rules.contract import blanks
from fleet.contract.schema_validator import schema_validators
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from tests.support.broker import SHIPPED, Mosquitto, free_port
from tests.support.one_liner import PRESENT, SCRIPT, bin_without, enrol, run, serve, waiting
from tests.support.waiting import wait_until

JUDGES = schema_validators()
TOPICS = Topics()
ROOT = str(Path(__file__).parents[2])
HORSE = "right horse#1"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker where alpha's password is known and alpha may write its own topics only."""
    passwords = tmp_path / "passwords"
    passwords.write_text(f"alpha:{HORSE}\n")
    passwords.chmod(0o600)
    subprocess.run(["mosquitto_passwd", "-U", passwords], check=True)
    rights = tmp_path / "rights"
    rights.write_text("user alpha\ntopic readwrite fleet/alpha/#\n")
    rights.chmod(0o600)
    broker = Mosquitto(
        tmp_path / "guarded",
        [*SHIPPED, f"password_file {passwords}", f"acl_file {rights}"],
        anonymous=False,
    ).start()
    yield broker
    broker.stop()


def retained(broker: Mosquitto, kind: MessageKind, *login: str) -> dict[str, object]:
    """The message that a hub finds when it comes later."""
    found = subprocess.run(
        ["mosquitto_sub", "-p", str(broker.port), "-t", TOPICS.of(kind, "alpha"), "-C", "1",
         "-W", "10", "--retained-only", "-N", *login],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert blanks(found) == 0, "no blank, which the audit would report: not even an end of line"
    return JUDGES[kind].read(found)


@pytest.mark.parametrize("shell", PRESENT)
def test_each_message_is_retained_and_valid(shell: str, broker: Mosquitto, tmp_path: Path) -> None:
    enrol(tmp_path, broker)
    for words in (
        ["heartbeat", "ok=false", "errors_total=3", "disk=warn", "alerts=disk-pressure"],
        ["status", "state=degraded", "agent=0.3.5"],
        ["alert", "code=disk-pressure", "severity=warning", "value=91"],
    ):
        answer = run(*words, home=tmp_path, shell=shell)
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    heartbeat = retained(broker, MessageKind.HEARTBEAT)
    assert heartbeat["metrics"] == {"errors_total": 3}
    assert heartbeat["checks"] == {"disk": "warn"}
    assert heartbeat["alerts"] == ["disk-pressure"]
    assert retained(broker, MessageKind.STATUS)["versions"] == {"agent": "0.3.5"}
    assert retained(broker, MessageKind.ALERT)["state"] == "firing"


def test_a_plain_heartbeat_is_filled_in(broker: Mosquitto, tmp_path: Path) -> None:
    enrol(tmp_path, broker)
    me = tmp_path / "agent.pid"
    me.write_text(f"{os.getpid()}\n")
    assert run("heartbeat", home=tmp_path, FLEET_PID_FILE=str(me)).returncode == 0
    heartbeat = retained(broker, MessageKind.HEARTBEAT)
    assert heartbeat["ok"] is True
    assert isinstance(heartbeat["uptime"], int)


def test_a_failing_check_is_not_ok_unless_said(broker: Mosquitto, tmp_path: Path) -> None:
    enrol(tmp_path, broker)
    assert run("heartbeat", "disk=fail", home=tmp_path).returncode == 0
    assert retained(broker, MessageKind.HEARTBEAT)["ok"] is False


@pytest.mark.parametrize("shell", PRESENT)
def test_the_password_works_and_shows_in_no_argument(
    shell: str, guarded: Mosquitto, tmp_path: Path
) -> None:
    enrol(tmp_path, guarded, secret=HORSE)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    spy = bin_ / "mosquitto_pub"
    real = shutil.which("mosquitto_pub")
    spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{tmp_path}/argv"\nexec {real} "$@"\n')
    spy.chmod(0o755)
    answer = run("heartbeat", home=tmp_path, shell=shell, path=f"{bin_}:{os.environ['PATH']}")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "horse" not in (tmp_path / "argv").read_text()
    held = tmp_path / ".config/fleet/.bus-publish/alpha/mosquitto_pub"
    assert held.stat().st_mode & 0o077 == 0
    retained(guarded, MessageKind.HEARTBEAT, "-u", "alpha", "-P", HORSE)


def test_a_new_password_is_taken_up(guarded: Mosquitto, tmp_path: Path) -> None:
    folder = enrol(tmp_path, guarded, secret=HORSE[::-1])
    answer = run("heartbeat", home=tmp_path)
    assert answer.returncode == 3
    assert answer.stderr.startswith("the broker refuses agent alpha: ")
    assert "\nTry: " in answer.stderr
    (folder / "password").write_text(f"{HORSE}\n")
    assert run("heartbeat", home=tmp_path).returncode == 0


def test_a_denied_publish_is_no_success(guarded: Mosquitto, tmp_path: Path) -> None:
    enrol(tmp_path, guarded, agent="beta", secret=HORSE)
    broker = f"mqtt://alpha@127.0.0.1:{guarded.port}"
    answer = run("heartbeat", home=tmp_path, FLEET_BROKER=broker)
    assert answer.returncode == 3
    assert answer.stderr.startswith("the broker denies ")


def test_a_password_file_open_to_others_is_refused(guarded: Mosquitto, tmp_path: Path) -> None:
    folder = enrol(tmp_path, guarded, secret=HORSE)
    (folder / "password").chmod(0o644)
    answer = run("heartbeat", home=tmp_path)
    assert answer.returncode == 3
    assert "Try: chmod 600 " in answer.stderr


def test_calls_at_the_same_time_all_arrive(broker: Mosquitto, tmp_path: Path) -> None:
    enrol(tmp_path, broker)
    seen: set[int] = set()
    granted = threading.Event()
    listener = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    listener.on_subscribe = lambda *_: granted.set()
    listener.on_message = lambda _, __, m: seen.add(json.loads(m.payload)["metrics"]["n"])
    listener.connect("127.0.0.1", broker.port)
    listener.loop_start()
    listener.subscribe(TOPICS.every(MessageKind.HEARTBEAT), qos=1)
    assert granted.wait(10)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: run("heartbeat", f"n={n}", home=tmp_path), range(24)))
    assert [answer.stderr for answer in answers] == [""] * 24
    wait_until(lambda: seen == set(range(24)), what="all 24 messages")
    listener.disconnect()
    listener.loop_stop()


def test_agent_env_is_read_but_never_run(broker: Mosquitto, tmp_path: Path) -> None:
    folder = enrol(tmp_path, broker)
    (folder / "agent.env").write_text(f"FLEET_AGENT='$(touch {tmp_path}/owned)'\nFLEET_DROP=-\n")
    answer = run("heartbeat", home=tmp_path)
    assert answer.returncode == 3
    assert "is no agent name" in answer.stderr
    assert not (tmp_path / "owned").exists()


def test_no_broker_is_said_with_a_remedy(tmp_path: Path) -> None:
    answer = run(
        "heartbeat", home=tmp_path, FLEET_AGENT="alpha", FLEET_DROP="-",
        FLEET_BROKER="mqtt://127.0.0.1:1",
    )  # fmt: skip
    assert answer.returncode == 3
    assert answer.stderr.startswith("no broker at 127.0.0.1:1: ")
    assert "\nTry: set FLEET_BROKER" in answer.stderr


def test_an_agent_without_a_name_is_told_so(tmp_path: Path) -> None:
    answer = run("heartbeat", home=tmp_path, FLEET_DROP="-")
    assert answer.returncode == 3
    assert answer.stderr.startswith("this agent has no name: ")


def test_the_dry_run_prints_topic_and_payload(tmp_path: Path) -> None:
    answer = run("heartbeat", "--dry-run", "x_total=1", home=tmp_path, FLEET_AGENT="alpha")
    topic, payload = answer.stdout.rstrip("\n").split(" ", 1)
    assert TOPICS.parse(topic).agent == "alpha"
    assert JUDGES[MessageKind.HEARTBEAT].read(payload.encode())["metrics"] == {"x_total": 1}


@pytest.mark.parametrize("shell", PRESENT)
def test_a_drop_needs_no_name_no_account_and_no_network(shell: str, tmp_path: Path) -> None:
    drop = serve(tmp_path / "drop")
    for _ in range(3):
        answer = run(
            "alert", "code=cron-failure", "severity=info",
            home=tmp_path, shell=shell, FLEET_DROP=str(drop),
        )  # fmt: skip
        assert (answer.returncode, answer.stderr) == (0, "")
    names = [path.name for path in waiting(drop)]
    assert len(names) == 3
    assert all(name.startswith("alert-") and name.endswith(".json") for name in names)


@pytest.mark.parametrize("options", [[], ["--reliable"]])
def test_python_publishes_where_there_is_no_mosquitto_pub(
    options: list[str], broker: Mosquitto, tmp_path: Path
) -> None:
    enrol(tmp_path, broker)
    path = bin_without(tmp_path / "bin", "mosquitto_pub")
    answer = run(*options, "status", "state=degraded", home=tmp_path, path=path, PYTHONPATH=ROOT)
    assert answer.returncode == 0, answer.stderr
    assert retained(broker, MessageKind.STATUS)["state"] == "degraded"


def test_what_can_publish_is_named_where_nothing_can(tmp_path: Path) -> None:
    path = bin_without(tmp_path / "bin", "mosquitto_pub", "agent-sidecar", "python3")
    answer = run("heartbeat", home=tmp_path, path=path, FLEET_AGENT="alpha", FLEET_DROP="-")
    assert answer.returncode == 3
    assert "Try: apt-get install mosquitto-clients" in answer.stderr


def test_a_drop_does_not_follow_a_link_laid_in_its_way(tmp_path: Path) -> None:
    drop = serve(tmp_path / "drop")
    # exec keeps the number of the process, so this one can foresee the name of the file to come,
    # but for the clock: it lays a link under each of the next 300 ticks of 1/100 s.
    trap = """
        read -r up _ </proc/uptime
        tick=${up%.*}${up#*.}
        for n in $(seq "$tick" $((tick + 300))); do
            ln -s "$HOME/victim" "$FLEET_DROP/.heartbeat-${n%??}.${n#"${n%??}"}-$$.tmp"
        done
        exec dash "$0" heartbeat
    """
    answer = subprocess.run(
        ["dash", "-c", trap, str(SCRIPT)],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "FLEET_DROP": str(drop)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 3, "no trap was met"
    assert "Try: " in answer.stderr
    assert not (tmp_path / "victim").exists()


def test_of_several_brokers_the_first_that_lets_us_in_gets_it(
    tmp_path: Path, broker: Mosquitto
) -> None:
    away = f"mqtt://127.0.0.1:{free_port()}"
    folder = enrol(tmp_path, broker)
    env = folder / "agent.env"
    env.write_text(env.read_text().replace(broker.url, f"{away}, {broker.url}"))
    for shell in PRESENT:
        done = run("heartbeat", "--direct", home=tmp_path, shell=shell)
        assert (done.returncode, done.stderr) == (0, ""), shell
    assert retained(broker, MessageKind.HEARTBEAT)["ok"] is True


def test_where_none_lets_us_in_each_is_named(tmp_path: Path, broker: Mosquitto) -> None:
    places = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    env = enrol(tmp_path, broker) / "agent.env"
    several = ",".join(f"mqtt://{place}" for place in places)
    env.write_text(env.read_text().replace(broker.url, several))
    done = run("heartbeat", "--direct", home=tmp_path)
    assert done.returncode == 3
    assert f"no broker at {','.join(places)}: " in done.stderr


@pytest.mark.parametrize(
    ("several", "why"),
    [
        ("mqtt://a,mqtt://a", "stands there twice"),
        ("mqtt://x@a,mqtt://y@b", "users differ"),
        ("mqtts://a,mqtt://b", "would get the password"),
        ("mqtt://a,", "neither mqtt nor mqtts"),
        ("mqtt://a,mqtt://b,mqtt://c,mqtt://d,mqtt://e", "more than 4"),
    ],
)
def test_brokers_that_do_not_go_together_are_refused(
    tmp_path: Path, broker: Mosquitto, several: str, why: str
) -> None:
    env = enrol(tmp_path, broker) / "agent.env"
    env.write_text(env.read_text().replace(broker.url, several))
    done = run("heartbeat", "--direct", home=tmp_path)
    assert done.returncode == 3
    assert why in done.stderr
