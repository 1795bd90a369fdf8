"""What a sidecar costs at rest, and how fast it is when it matters.

    python benchmarks/sidecar.py [SECONDS AT REST]

At rest: memory (RSS) and CPU of a sidecar with five probes and a beat every 10 s, beside a bare
`mosquitto_sub`, node_exporter scraped and collectd publishing in the same rhythm, where they are
installed. Then: 10,000 queued alerts drained after an outage, the time from kill -9 of the agent
to its alert at a subscriber, and one `beat` from start to finish.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
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

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agent_sidecar.outbox import Draft, Outbox  # noqa: E402  # run as a file, too
from fleet.contract.words import MessageKind  # noqa: E402
from tests.support.broker import Mosquitto, free_port  # noqa: E402
from tests.support.sidecar import Listener, Sidecar  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

SETTLE = 5.0
"""Seconds after the start that do not count: imports and first looks."""


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


def five_probes(folder: Path, url: str, health: str, pid: int) -> Sidecar:
    """Process, endpoint, work, disk and memory; every 10 s."""
    folder.mkdir(parents=True, exist_ok=True)
    pid_file, work = folder / "agent.pid", folder / "work.log"
    pid_file.write_text(str(pid))
    work.write_text("")
    return Sidecar(
        folder, url, FLEET_INTERVAL="10", FLEET_PID_FILE=str(pid_file), FLEET_ENDPOINT=health,
        FLEET_WORK_FILES=str(work), FLEET_KIND="generic",
    )  # fmt: skip


def rss(pid: int) -> float:
    """MiB in memory, shared pages included, as `ps` shows it."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def cpu(pid: int) -> float:
    """Seconds on a CPU so far, of all its threads, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def at_rest(broker: Mosquitto, folder: Path, seconds: float) -> None:
    """Everything side by side, for the same time."""
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
        pids["sidecar, five probes"] = sidecar.process.pid
        start("mosquitto_sub", "mosquitto_sub", "-p", str(broker.port), "-t", "none", "-k", "10")
        exporter = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
        if exporter:
            port = free_port()
            start("node_exporter", exporter, f"--web.listen-address=127.0.0.1:{port}")
            threading.Thread(target=scrape, args=(port, stop), daemon=True).start()
        collectd = shutil.which("collectd")
        if collectd and Path("/usr/lib/collectd/mqtt.so").exists():
            start("collectd, mqtt", collectd, "-f", "-C", collectd_configuration(folder, broker))
        time.sleep(SETTLE)
        for child in children:
            if child.poll() is not None:
                sys.exit(f"{child.args!r} ended with {child.returncode}")
        before = {name: cpu(pid) for name, pid in pids.items()}
        time.sleep(seconds)
        found = {name: (rss(pid), cpu(pid) - before[name]) for name, pid in pids.items()}
        stop.set()
        sidecar.stop()
    for child in children:
        child.kill()
        child.wait()
    print(f"at rest for {seconds:.0f} s, a beat every 10 s")
    ours = found["sidecar, five probes"]
    for name, (memory, used) in found.items():
        hourly = used * 3600 / seconds
        ratio = f"   ours {ours[0] / memory:5.2f} x memory {ours[1] / used:6.2f} x CPU"
        print(f"  {name:22} {memory:6.1f} MiB {hourly:6.2f} CPU s/h{ratio if used else ''}")
    print("  goals: 28 MiB, 1 CPU s/h; 1.4 x memory and 0.4 x CPU of node_exporter")


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


def drain(folder: Path, rows: int = 10_000) -> None:
    """An outbox full of alerts meets a broker and a hub that receipts."""
    broker = Mosquitto(folder / "drain-broker").start()
    hub = Listener(broker.port, receipts=True).start()
    sidecar = Sidecar(folder / "drain", broker.url, FLEET_INTERVAL="10")
    sidecar.state.mkdir(parents=True)
    outbox = Outbox(sidecar.state / "outbox.sqlite3")
    alert = {"code": "disk-pressure", "severity": "warning", "state": "firing",
             "ts": "2026-03-18T21:30:00Z", "boot": 1}  # fmt: skip
    for seq in range(rows):
        payload = json.dumps({**alert, "seq": seq, "value": seq}).encode()
        outbox.add(Draft(1, seq, MessageKind.ALERT, 1, True, payload))
    outbox.close()
    sidecar.start()
    assert sidecar.process
    hub.wait("alert")
    begin, first = time.monotonic(), len(hub.all("alert"))
    at_begin = rss(sidecar.process.pid)
    wait_until(lambda: len(hub.all("alert")) >= rows, deadline=120)
    took = time.monotonic() - begin
    at_end = rss(sidecar.process.pid)
    sidecar.stop()
    hub.stop()
    broker.stop()
    print(f"drain of {rows} alerts: {(rows - first) / took:,.0f}/s")
    print(f"  memory {at_begin:.1f} MiB at its beginning, {at_end:.1f} MiB at its end")


def kill_to_alert(folder: Path, rounds: int = 7) -> None:
    """kill -9 of the agent until its alert is at a subscriber."""
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
    print(f"kill -9 of the agent to its alert: median {statistics.median(times) * 1000:.0f} ms")


def one_beat(folder: Path, rounds: int = 5) -> None:
    """`agent-sidecar beat`, start to finish, beside a bare Python."""
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
    beat, python = statistics.median(ours), statistics.median(bare)
    print(f"beat: {beat * 1000:.0f} ms, of which 250 wait for commands; Python {python * 1000:.0f}")


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder / "broker").start()
        at_rest(broker, folder, seconds)
        broker.stop()
        drain(folder)
        kill_to_alert(folder)
        one_beat(folder)


if __name__ == "__main__":
    main()
