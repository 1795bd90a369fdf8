"""What a sidecar costs at rest, and how fast it is when it matters.

    python -m benchmarks sidecar [SECONDS AT REST]

At rest: memory (RSS), CPU and wake-ups of a sidecar with five probes and a beat every 10 s, beside
a bare `mosquitto_sub`, node_exporter scraped and collectd publishing in the same rhythm, where they
are installed. Then: the memory of one over TLS, of one that took a signed command, and of one that
does both; 10,000 queued alerts drained after an outage, the time from kill -9 of the agent to its
alert at a subscriber, and one `beat` from start to finish.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402

from agent_sidecar.state.database import Database  # noqa: E402  # run as a file, too
from agent_sidecar.state.outbox import Outbox, OutboxEntry  # noqa: E402
from benchmarks import cost, peers  # noqa: E402
from benchmarks.result import tell  # noqa: E402
from fleet.contract.signing import sign  # noqa: E402
from fleet.contract.timestamps import timestamp, ulid  # noqa: E402
from fleet.contract.vocabulary import MessageKind  # noqa: E402
from tests.support.broker import Mosquitto, free_port  # noqa: E402
from tests.support.certificates import TestAuthority  # noqa: E402
from tests.support.sidecar import Listener, Sidecar  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

SETTLE = 15.0
"""Seconds after the start that do not count: imports, and the first beat of ten seconds."""


@contextlib.contextmanager
def endpoint() -> Iterator[str]:
    """A health endpoint as agents have one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"status":"ok"}')

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/health"
        server.shutdown()


def five_probes(folder: Path, url: str, health: str, pid: int, **settings: str) -> Sidecar:
    """Process, endpoint, work, disk and memory; every 10 s."""
    folder.mkdir(parents=True, exist_ok=True)
    pid_file, work = folder / "agent.pid", folder / "work.log"
    pid_file.write_text(str(pid))
    work.write_text("")
    return Sidecar(
        folder, url, FLEET_INTERVAL="10", FLEET_PID_FILE=str(pid_file), FLEET_ENDPOINT=health,
        FLEET_WORK_FILES=str(work), FLEET_KIND="generic",
        **settings,
    )  # fmt: skip


def at_rest(broker: Mosquitto, folder: Path, seconds: float) -> dict[str, Any]:
    """Everything side by side, for the same time: MiB, CPU seconds an hour, and ours to theirs."""
    pids: dict[str, int] = {}
    children: list[subprocess.Popen[bytes]] = []
    stop = threading.Event()

    def start(name: str, *argv: str) -> None:
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        children.append(child)
        pids[name] = child.pid

    agent = subprocess.Popen(["sleep", "3600"])
    children.append(agent)
    with endpoint() as health:
        sidecar = five_probes(folder / "rest", broker.url, health, agent.pid).start()
        assert sidecar.process
        pids["sidecar"] = sidecar.process.pid
        start("mosquitto_sub", "mosquitto_sub", "-p", str(broker.port), "-t", "none", "-k", "10")
        if exporter := peers.node_exporter():
            port = free_port()
            start("node_exporter", exporter, f"--web.listen-address=127.0.0.1:{port}")
            threading.Thread(target=scrape, args=(port, stop), daemon=True).start()
        if collectd := peers.collectd():
            start("collectd", collectd, "-f", "-C", collectd_configuration(folder, broker))
        time.sleep(SETTLE)
        for child in children:
            if child.poll() is not None:
                sys.exit(f"{child.args!r} ended with {child.returncode}")
        before = {name: (cost.cpu_seconds(pid), cost.wake_ups(pid)) for name, pid in pids.items()}
        time.sleep(seconds)
        hours = seconds / 3600
        found = {
            name: {
                "mib": round(cost.mebibytes(pid), 1),
                "cpu_s_an_hour": round((cost.cpu_seconds(pid) - cpu) / hours, 2),
                "wake_ups_an_hour": round((cost.wake_ups(pid) - wakes) / hours),
            }
            for (name, pid), (cpu, wakes) in zip(pids.items(), before.values(), strict=True)
        }
        stop.set()
        sidecar.stop()
    for child in children:
        child.kill()
        child.wait()
    ours = found["sidecar"]
    ratios = {
        name: {word: round(ours[word] / value, 2) if value else None for word, value in one.items()}
        for name, one in found.items()
        if name != "sidecar"
    }
    return {"seconds": seconds, "cost": found, "sidecar_to": ratios}


def scrape(port: int, stop: threading.Event) -> None:
    """An exporter works when it is asked: every 10 s, as often as the sidecar beats."""
    while not stop.wait(10):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read()


def collectd_configuration(folder: Path, broker: Mosquitto) -> str:
    path = folder / "collectd.conf"
    path.write_text(
        f'Interval 10\nHostname bench\nBaseDir "{folder}"\nPIDFile "{folder}/collectd.pid"\n'
        "LoadPlugin df\nLoadPlugin memory\nLoadPlugin processes\nLoadPlugin mqtt\n"
        f'<Plugin mqtt>\n<Publish "bench">\nHost "127.0.0.1"\nPort {broker.port}\n'
        "</Publish>\n</Plugin>\n"
    )
    return str(path)


def secured(folder: Path) -> dict[str, float]:
    """MiB at rest: over TLS with a client certificate, with a signed command taken, and both."""
    authority = TestAuthority(folder / "papers")
    paper, own = authority.issue("broker"), authority.issue("alpha")
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1", f"cafile {authority.file}", f"certfile {paper}",
        f"keyfile {paper.with_suffix('.key')}", "require_certificate true", "allow_anonymous true",
    ]  # fmt: skip
    broker = Mosquitto(folder / "tls-broker", lines).start()
    hub = Listener(broker.port).start()
    tls = {
        "FLEET_BROKER": f"mqtts://127.0.0.1:{port}", "FLEET_CA_FILE": str(authority.file),
        "FLEET_CERT_FILE": str(own), "FLEET_KEY_FILE": str(own.with_suffix(".key")),
    }  # fmt: skip
    key, keys = Ed25519PrivateKey.generate(), folder / "keys"
    keys.write_text(key.public_key().public_bytes_raw().hex())
    signing = {"FLEET_COMMAND_KEYS": str(keys)}
    found = {}
    with endpoint() as health:
        for name, settings in {"tls": tls, "signing": signing, "both": tls | signing}.items():
            agent = subprocess.Popen(["sleep", "3600"])
            sidecar = five_probes(folder / name, broker.url, health, agent.pid, **settings).start()
            assert sidecar.process
            born = hub.wait("status", count=len(hub.all("status")) + 1, state="running")
            if "FLEET_COMMAND_KEYS" in settings:
                done = len(hub.all("status"))
                hub.send("fleet/alpha/command", order(key, born["boot"]))
                wait_until(lambda before=done: answered(hub, before))
            time.sleep(SETTLE)
            found[name] = round(cost.mebibytes(sidecar.process.pid), 1)
            sidecar.stop()
            agent.kill()
            agent.wait()
    hub.stop()
    broker.stop()
    return found


def order(key: Ed25519PrivateKey, boot: int) -> dict[str, Any]:
    """A signed command for that session of alpha."""
    said = {
        "verb": "status-report", "id": ulid(time.time()), "ts": timestamp(time.time()), "ttl": 60,
        "boot": boot,
    }  # fmt: skip
    return sign(key, "fleet/alpha/command", said)


def answered(hub: Listener, before: int) -> bool:
    """Whether a command was carried out after so many states were heard."""
    replies = [said.get("reply", {}) for said in hub.all("status")[before:]]
    return any(reply.get("result") == "done" for reply in replies)


def drain(folder: Path, rows: int = 10_000) -> dict[str, float]:
    """An outbox full of alerts meets a broker and a hub that receipts."""
    broker = Mosquitto(folder / "drain-broker").start()
    hub = Listener(broker.port, receipts=True).start()
    sidecar = Sidecar(folder / "drain", broker.url, FLEET_INTERVAL="10")
    sidecar.state.mkdir(parents=True)
    committer = Database(sidecar.state / "outbox.sqlite3")
    outbox = Outbox(committer)
    alert = {"code": "disk-pressure", "severity": "warning", "state": "firing",
             "ts": "2026-03-18T21:30:00Z", "boot": 1}  # fmt: skip
    for seq in range(rows):
        payload = json.dumps({**alert, "seq": seq, "value": seq}).encode()
        outbox.add(OutboxEntry(1, seq, MessageKind.ALERT, 1, True, payload))
    committer.close()
    sidecar.start()
    assert sidecar.process
    hub.wait("alert")
    begin, first = time.monotonic(), len(hub.all("alert"))
    at_begin = cost.mebibytes(sidecar.process.pid)
    wait_until(lambda: len(hub.all("alert")) >= rows, deadline=120)
    took = time.monotonic() - begin
    at_end = cost.mebibytes(sidecar.process.pid)
    sidecar.stop()
    hub.stop()
    broker.stop()
    return {
        "alerts": rows,
        "per_s": round((rows - first) / took),
        "mib_at_begin": round(at_begin, 1),
        "mib_at_end": round(at_end, 1),
    }


def kill_to_alert(folder: Path, rounds: int = 7) -> float:
    """Median ms from kill -9 of the agent until its alert is at a subscriber."""
    broker = Mosquitto(folder / "kill-broker").start()
    hub = Listener(broker.port).start()
    times = []
    with endpoint() as health:
        for number in range(rounds):
            agent = subprocess.Popen(["sleep", "3600"])
            sidecar = five_probes(folder / f"kill{number}", broker.url, health, agent.pid).start()
            hub.wait("heartbeat", count=len(hub.all("heartbeat")) + 1)
            time.sleep(0.5)
            known = len(hub.all("alert", code="process-down"))
            begin = time.monotonic()
            agent.send_signal(signal.SIGKILL)
            agent.wait()
            hub.wait("alert", count=known + 1, code="process-down")
            times.append(time.monotonic() - begin)
            sidecar.stop()
    hub.stop()
    broker.stop()
    return round(statistics.median(times) * 1000, 1)


def one_beat(folder: Path, rounds: int = 5) -> dict[str, float]:
    """ms of `agent-sidecar beat`, start to finish (250 wait for commands), and of a bare Python."""
    broker = Mosquitto(folder / "beat-broker").start()
    sidecar = Sidecar(folder / "beat", broker.url, FLEET_DROP="-", FLEET_KIND="generic")
    sidecar.folder.mkdir(parents=True)
    ours, bare = [], []
    for _ in range(rounds):
        begin = time.monotonic()
        assert sidecar.call("beat").returncode == 0
        ours.append(time.monotonic() - begin)
        begin = time.monotonic()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        bare.append(time.monotonic() - begin)
    broker.stop()
    return {
        "beat": round(statistics.median(ours) * 1000),
        "python": round(statistics.median(bare) * 1000),
    }


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder / "broker").start()
        found = at_rest(broker, folder, seconds)
        broker.stop()
        found |= {
            "secured_mib": secured(folder),
            "drain": drain(folder),
            "kill_to_alert_ms": kill_to_alert(folder),
            "beat_ms": one_beat(folder),
        }
    tell(found)


if __name__ == "__main__":
    main()
