"""`bus-publish` where a drop directory has no sidecar, and `--direct` where an agent has one."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_sidecar.drop.directory import is_served
from tests.support.broker import Mosquitto
from tests.support.one_liner import PRESENT, SCRIPT, bin_without, run, serve, waiting
from tests.support.sidecar import ROOT, Listener, Sidecar
from tests.support.waiting import wait_until

ALERT = ["alert", "code=cron-failure", "severity=warning"]
NOBODY = "mqtt://127.0.0.1:1"


@pytest.fixture
def hub(broker: Mosquitto) -> Iterator[Listener]:
    listener = Listener(broker.port).start()
    yield listener
    listener.stop()


@pytest.fixture
def sidecar(broker: Mosquitto, tmp_path: Path) -> Iterator[Sidecar]:
    beside = Sidecar(tmp_path / "sidecar", broker.url)
    yield beside
    beside.kill()


def settings(drop: Path, broker: str, agent: str = "alpha") -> dict[str, str]:
    return {"FLEET_AGENT": agent, "FLEET_DROP": str(drop), "FLEET_BROKER": broker}


def let_lease_end(drop: Path) -> None:
    past = time.time() - 1
    os.utime(drop / ".agent", (past, past))


@pytest.mark.parametrize("shell", PRESENT)
@pytest.mark.parametrize("said", [None, "alpha\n", "beta\n"])
def test_past_a_directory_that_nobody_serves_it_goes_direct(
    said: str | None, shell: str, broker: Mosquitto, hub: Listener, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    if said is not None:
        serve(drop, said, ahead=-1)
    answer = run(*ALERT, home=tmp_path, shell=shell, **settings(drop, broker.url))
    assert (answer.returncode, answer.stderr) == (0, "")
    hub.wait("alert", code="cron-failure")
    assert {path.name for path in drop.iterdir()} <= {".agent"}


@pytest.mark.parametrize("shell", PRESENT)
@pytest.mark.parametrize("said", [None, "alpha\n"])
def test_what_gets_nowhere_is_kept_and_said_with_an_exit_code_of_its_own(
    said: str | None, shell: str, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    if said is not None:
        serve(drop, said, ahead=-1)
    answer = run("heartbeat", "ok=false", home=tmp_path, shell=shell, **settings(drop, NOBODY))
    assert answer.returncode == 4
    assert answer.stderr.startswith(f"kept in {drop}, where no sidecar takes it up now: no broker")
    assert "\nTry: " in answer.stderr
    [path] = waiting(drop)
    assert path.read_text().startswith('{"ok":false')
    assert path.read_text().count("uptime") <= 1
    assert {p.name for p in drop.iterdir()} <= {".agent", path.name}


@pytest.mark.parametrize("shell", PRESENT)
def test_nothing_is_kept_in_the_directory_of_another_agent(shell: str, tmp_path: Path) -> None:
    drop = serve(tmp_path / "drop", "beta\n", ahead=-1)
    answer = run(*ALERT, home=tmp_path, shell=shell, **settings(drop, NOBODY))
    assert answer.returncode == 3
    assert answer.stderr.startswith("no broker at ")
    assert [path.name for path in drop.iterdir()] == [".agent"]


@pytest.mark.parametrize("shell", PRESENT)
def test_without_a_name_it_waits_where_it_was_told_to(shell: str, tmp_path: Path) -> None:
    drop = serve(tmp_path / "drop", ahead=-1)
    answer = run(*ALERT, home=tmp_path, shell=shell, FLEET_DROP=str(drop))
    assert answer.returncode == 4
    assert len(waiting(drop)) == 1


def test_without_a_name_nothing_waits_in_the_default_directory(tmp_path: Path) -> None:
    """It may be anybody's. A mount namespace has a /run of its own."""
    script = """
        set -e
        mount -t tmpfs none /run
        mkdir -p /run/fleet/drop
        [ "$1" = nobody ] || { echo alpha >/run/fleet/drop/.agent; touch -d @1 /run/fleet/drop/.agent; }
        set +e
        dash "$0" heartbeat
        echo "exit $?"
        ls -A /run/fleet/drop
    """  # noqa: E501
    for whose in ("nobody", "alpha"):
        answer = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, str(SCRIPT), whose],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "unshare" in answer.stderr or "mount" in answer.stderr:
            pytest.skip(f"no mount namespace here: {answer.stderr}")
        assert answer.stdout.split() == ["exit", "3", *([".agent"] if whose == "alpha" else [])]
        assert answer.stderr.startswith("this agent has no name: ")


@pytest.mark.parametrize("options", [[], ["--reliable"]])
def test_python_decides_alike_where_there_is_no_mosquitto_pub(
    options: list[str], broker: Mosquitto, hub: Listener, tmp_path: Path
) -> None:
    path = bin_without(tmp_path / "bin", "mosquitto_pub")
    drop = serve(tmp_path / "drop", ahead=-1)
    env = {**settings(drop, broker.url), "PYTHONPATH": str(ROOT)}
    answer = run(*options, *ALERT, home=tmp_path, path=path, **env)
    assert answer.returncode == 0, answer.stderr
    hub.wait("alert", code="cron-failure")
    answer = run("heartbeat", home=tmp_path, path=path, **{**env, "FLEET_BROKER": NOBODY})
    assert answer.returncode == 4
    assert answer.stderr.startswith(f"kept in {drop}, where no sidecar takes it up now: no link to")
    assert len(waiting(drop)) == 1


# --- with a real sidecar


def test_a_sidecar_that_stops_leaves_no_directory_that_swallows(
    hub: Listener, sidecar: Sidecar, broker: Mosquitto, tmp_path: Path
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    assert is_served(sidecar.drop)
    assert sidecar.stop() == 0
    assert not is_served(sidecar.drop)
    answer = run(*ALERT, home=tmp_path, **settings(sidecar.drop, broker.url))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "seq" not in hub.wait("alert", code="cron-failure"), "it went direct"


def test_a_sidecar_that_starts_takes_up_what_waits_and_says_so(
    hub: Listener, sidecar: Sidecar, tmp_path: Path
) -> None:
    sidecar.drop.mkdir(parents=True)
    assert run(*ALERT, home=tmp_path, **settings(sidecar.drop, NOBODY)).returncode == 4
    assert run("heartbeat", "x=1", home=tmp_path, **settings(sidecar.drop, NOBODY)).returncode == 4
    [beat] = sidecar.drop.glob("heartbeat-*")
    os.utime(beat, (time.time() - 3600,) * 2)
    sidecar.start()
    assert "seq" in hub.wait("alert", code="cron-failure")
    log = sidecar.log.read_text()
    assert f"2 messages waited in {sidecar.drop}, the oldest for 60 min" in log
    assert f"1 messages in {sidecar.drop} were too old to be news" in log
    aside = [path.name for path in (sidecar.drop / "rejected").iterdir()]
    assert aside == [f"{beat.name}.too-old"]
    wait_until(
        lambda: any(b["metrics"]["rejected_total"] == 1 for b in hub.all("heartbeat")),
        what="the counter",
    )
    assert not any("x" in b["metrics"] for b in hub.all("heartbeat"))


def test_what_is_dropped_after_a_kill_waits_for_the_next_sidecar(
    hub: Listener, sidecar: Sidecar, broker: Mosquitto, tmp_path: Path
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    sidecar.kill()
    answer = run(*ALERT, home=tmp_path, **settings(sidecar.drop, broker.url))
    assert (answer.returncode, answer.stderr) == (0, "")
    let_lease_end(sidecar.drop)
    answer = run("status", "state=degraded", home=tmp_path, **settings(sidecar.drop, broker.url))
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "seq" not in hub.wait("status", state="degraded"), "it went direct"
    sidecar.start()
    assert "seq" in hub.wait("alert", code="cron-failure")


@pytest.mark.parametrize("shell", PRESENT)
def test_a_direct_call_does_not_push_its_own_sidecar_off_the_broker(
    shell: str, hub: Listener, sidecar: Sidecar, broker: Mosquitto, tmp_path: Path
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    env = settings(sidecar.drop, broker.url)
    answer = run(*ALERT, "--direct", home=tmp_path, shell=shell, **env)
    assert answer.returncode == 0
    assert answer.stderr.startswith("handed to the sidecar of alpha: ")
    assert "seq" in hub.wait("alert", code="cron-failure")
    path = bin_without(tmp_path / "bin", "mosquitto_pub")
    env["PYTHONPATH"] = str(ROOT)
    answer = run(*ALERT, "--direct", home=tmp_path, shell=shell, path=path, **env)
    assert answer.returncode == 0
    assert answer.stderr.startswith("handed to the sidecar of alpha: ")
    hub.wait("alert", count=2, code="cron-failure")
    assert hub.all("status", state="offline") == []
    assert len({status["boot"] for status in hub.all("status")}) == 1


@pytest.mark.parametrize("shell", PRESENT)
def test_a_call_that_cannot_drop_is_refused_while_its_own_sidecar_has_the_link(
    shell: str, hub: Listener, sidecar: Sidecar, broker: Mosquitto, tmp_path: Path
) -> None:
    """Without a drop directory the lock on the sidecar's state tells that it lives."""
    sidecar.settings["FLEET_DROP"] = "-"
    sidecar.start()
    hub.wait("status", state="running")
    env = {
        "FLEET_AGENT": "alpha", "FLEET_DROP": "-", "FLEET_BROKER": broker.url,
        "FLEET_HOME": sidecar.settings["FLEET_HOME"],
    }  # fmt: skip
    for words in (ALERT, [*ALERT, "--direct"]):
        answer = run(*words, home=tmp_path, shell=shell, **env)
        assert answer.returncode == 3
        assert answer.stderr.startswith("the sidecar of alpha is at work: ")
        assert "Try: set FLEET_DROP" in answer.stderr
    assert hub.all("alert") == []
    assert sidecar.stop() == 0
    assert run(*ALERT, home=tmp_path, shell=shell, **env).returncode == 0
    hub.wait("alert", code="cron-failure")
    assert len(hub.all("status", state="offline")) == 1, "its goodbye"


def test_the_sidecar_of_another_agent_is_in_nobodys_way(
    hub: Listener, sidecar: Sidecar, broker: Mosquitto, tmp_path: Path
) -> None:
    sidecar.start()
    hub.wait("status", state="running")
    env = settings(sidecar.drop, broker.url, "beta")
    answer = run(*ALERT, "--direct", home=tmp_path, **env)
    assert (answer.returncode, answer.stderr) == (0, "")
    hub.wait("alert", code="cron-failure")
