"""A pair of real agents that poll one bot server, which counts who polls at the same time."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from fleet.provisioning.registry import Enrolled, Registry
from tests.support.broker import SHIPPED, Mosquitto, free_port
from tests.support.processes import alive
from tests.support.served import Served
from tests.support.sidecar import Sidecar
from tests.support.waiting import wait_until

NOTHING: Final[Mapping[str, tuple[str, ...]]] = {}

HERE: Final = "127.0.0.1"

HELD: Final = 0.3
"""Seconds that a poll is held open."""

POLLER: Final = """
import http.server, sys, threading, time, urllib.request
url, port, host = sys.argv[1], int(sys.argv[2]), sys.argv[3]
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = b'{"ok": true}'
        self.send_response(200); self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said))); self.end_headers()
        self.wfile.write(said)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
while True:
    try:
        served = http.server.ThreadingHTTPServer((host, port), Health)
        break
    except OSError:
        time.sleep(0.1)  # somebody else of this machine has the port for now
threading.Thread(target=served.serve_forever, daemon=True).start()
while True:
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except OSError:
        time.sleep(0.05)
"""
"""Polls for ever, and answers for its health."""

IS_MINE: Final = """
mine() { test -f pid && grep -qaF "$1" "/proc/$(cat pid)/cmdline"; } 2>/dev/null
"""
"""Whether the pid is the poller's: numbers come round, and another may have this one by now."""

ACTIVATE: Final = f"""{IS_MINE}
mine "$1" && exit 0
setsid "$0" poller.py "$1" "$2" "$3" >/dev/null 2>>poller.log </dev/null &
echo $! >pid.new && mv pid.new pid
"""

DEACTIVATE: Final = f"""{IS_MINE}
mine "$1" || exit 0
p=$(cat pid)
kill -9 $p 2>/dev/null
while test -d /proc/$p && ! grep -q ') Z ' /proc/$p/stat; do sleep 0.02; done
rm -f pid
"""


class BotServer:
    """Counts who polls at the same time. `doubles`: moments at which it was more than one."""

    def __init__(self, host: str) -> None:
        self.open: dict[int, tuple[str, socket.socket]] = {}
        self.doubles: list[tuple[float, list[str]]] = []
        self.polls: dict[str, float] = {}
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.poll(self.path.strip("/"), self.connection)
                with suppress(OSError):
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                pass  # a poller that was killed

        self._server = Server((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def poll(self, who: str, connection: socket.socket) -> None:
        me = threading.get_ident()
        with self._lock:
            self.open = {k: v for k, v in self.open.items() if not _is_closed(v[1])}
            self.open[me] = (who, connection)
            self.polls[who] = time.monotonic()
            at_once = {name for name, _ in self.open.values()}
            if len(at_once) > 1:
                self.doubles.append((time.monotonic(), sorted(at_once)))
        time.sleep(HELD)
        with self._lock:
            self.open.pop(me, None)

    def polled_by(self, who: str, since: float) -> bool:
        return self.polls.get(who, 0.0) > since

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _is_closed(connection: socket.socket) -> bool:
    try:
        readable = select.select([connection], [], [], 0)[0]
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True


class BotPair:
    """Broker, hub, two agents with sidecars and guards, and the bot server, which is at `bot`.

    Attributes:
        hosts: where each agent answers for its health; `brokers`: where its sidecar finds the
            broker. `listeners` are addresses that the broker has beside its own.
    """

    def __init__(
        self,
        folder: Path,
        names: tuple[str, str] = ("ada", "bob"),
        *,
        bot: str = HERE,
        listeners: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        lines = [*SHIPPED, *(f"listener {one}" for one in listeners)]
        self.broker = Mosquitto(folder / "broker", lines, persistence=True)
        self.hub = Served(folder / "home", self.broker)
        self.bot = BotServer(bot)
        self.names = names
        self.hosts = dict.fromkeys(names, HERE)
        self.brokers = dict.fromkeys(names, self.broker.url)
        self.ports = {name: free_port() for name in names}
        self.sidecars: dict[str, Sidecar] = {}

    def start(self, before: Mapping[str, tuple[str, ...]] = NOTHING) -> BotPair:
        """Until the first of them polls. `before`: words before the sidecar of an agent."""
        for name in ("broker", *self.names):
            (self.folder / name).mkdir(parents=True)
        self.broker.start()
        registry = Registry(self.hub.home)
        for name in self.names:
            registry.save(Enrolled(name))
        self.hub.start()
        for name, peer in (self.names, self.names[::-1]):
            self.make(name, peer)
            self.sidecars[name].start(*before.get(name, ()))
        active, standby = self.names
        body = {"name": "bots", "active": active, "standby": standby, "auto": True}
        status, answer, _ = self.hub.ask("POST", "/v1/pairs", body=body)
        assert status == 201, answer
        self.wait_polled(active)
        wait_until(lambda: self.pair()["phase"] == "steady", 60, "a steady pair")
        assert self.member(standby)["active"] is False
        return self

    def make(self, name: str, peer: str, *, fence: bool = True) -> None:
        place = self.folder / name
        (place / "poller.py").write_text(POLLER)
        health = {one: f"{self.hosts[one]}:{self.ports[one]}" for one in (name, peer)}
        words = [sys.executable, f"{self.bot.url}/{name}", str(self.ports[name]), self.hosts[name]]
        activate = ["sh", "-c", f"cd {place}\n{ACTIVATE}", *words]
        deactivate = ["sh", "-c", f"cd {place}\n{DEACTIVATE}", *words]
        file = place / "pair.toml"
        file.write_text(
            f"pair = 'bots'\nactivate = {_toml(activate)}\ndeactivate = {_toml(deactivate)}\n"
            f"fence = {str(fence).lower()}\n"
            f"probe = 'http://{health[peer]}/health'\n"
        )
        file.chmod(0o600)
        self.sidecars[name] = Sidecar(
            place, self.brokers[name], name, FLEET_PAIR=str(file), FLEET_INTERVAL="4",
            FLEET_ENDPOINT=f"http://{health[name]}/health", FLEET_KIND="generic",
            FLEET_ENDPOINT_TIMEOUT="2",
        )  # fmt: skip

    def pair(self) -> dict[str, Any]:
        found: dict[str, Any] = self.hub.get("/v1/pairs/bots")
        return found

    def member(self, name: str) -> dict[str, Any]:
        return next(one for one in self.pair()["members"] if one["agent"] == name)

    def wait_polled(self, name: str, patience: float = 120.0) -> float:
        """Until it polls, from now on; how long that took."""
        since = time.monotonic()
        wait_until(lambda: self.bot.polled_by(name, since), patience, f"a poll by {name}")
        return time.monotonic() - since

    def agent_pid(self, name: str) -> int:
        return int((self.folder / name / "pid").read_text())

    def guard_pid(self, name: str) -> int:
        import json

        report = self.sidecars[name].state / "pair" / "bots" / "guard"
        return int(json.loads(report.read_text())["pid"])

    def kill_machine(self, name: str) -> None:
        """All that runs for one agent, at once."""
        for pid in self.pids(name):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.sidecars[name].kill()

    def pids(self, name: str) -> list[int]:
        """Sidecar, guard and agent, those that there are."""
        sidecar = self.sidecars[name].process
        found = [sidecar.pid] if sidecar else []
        for ask, word in ((self.guard_pid, str(self.folder)), (self.agent_pid, self.bot.url)):
            with suppress(OSError, ValueError, KeyError):
                pid = ask(name)
                if word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
        return found

    def close(self) -> None:
        for name, sidecar in self.sidecars.items():
            for pid in self.pids(name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            sidecar.kill()
            for _ in range(2):
                for pid in self.pids(name):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        self.hub.kill()
        self.broker.kill()
        self.bot.close()


def gone(pid: int) -> Callable[[], bool]:
    return lambda: not alive(pid)


def _toml(words: list[str]) -> str:
    import json

    return json.dumps(words)
