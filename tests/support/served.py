"""A real hub: `fleet serve` as a process, on ports and a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.tokens import Principal, Tokens
from tests.support.broker import Mosquitto, free_port
from tests.support.hub_http import PATIENCE, Answer, ask
from tests.support.waiting import wait_until

ROLES = ("admin", "operator", "viewer", "scraper", "agent:ada")


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Our environment with no setting of a real fleet in it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_")}
    return clean | {"HOME": str(home), "FLEET_HOME": str(home), "NO_COLOR": "1"} | settings


def fleet(
    *arguments: str, environ: Mapping[str, str], timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `fleet ARGUMENTS` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "fleet", *arguments],
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Served:
    """`fleet serve` beside a broker; `start` again after `kill` keeps home and port."""

    def __init__(
        self,
        home: Path,
        broker: Mosquitto,
        *,
        descriptors: int | None = None,
        host: str = "127.0.0.1",
        inside: Sequence[str] = (),
        **settings: str,
    ) -> None:
        """`inside`: words before the program, where it runs on another machine, at `host`."""
        self.home = home
        self._inside = list(inside)
        # How many files it may have open; None: as many as we.
        self._limit = "" if descriptors is None else f"ulimit -n {descriptors}; "
        self.port = free_port()
        self.url = f"http://{host}:{self.port}"
        self.environ = environment(
            home, FLEET_BROKER=broker.url, FLEET_HTTP=f"{host}:{self.port}", **settings
        )
        self.log = home / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.tokens: dict[str, str] = {}

    def start(self) -> Served:
        """Start and wait until it is ready; makes a token for each role the first time."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.tokens:
            store = Tokens(self.home)
            for role in ROLES:
                self.tokens[role] = store.create(Principal.parse(role), "2026-01-01T00:00:00Z")[0]
        with self.log.open("ab") as log:
            serve = f'{self._limit}exec "$0" -m fleet serve -v'
            self._process = subprocess.Popen(
                [*self._inside, "sh", "-c", serve, sys.executable],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._ready, 150, "the hub's start")
        except BaseException:
            self.kill()
            raise
        return self

    @property
    def serves(self) -> bool:
        """Whether it was started, and not ended by us."""
        return self._process is not None

    def stop(self) -> int:
        """End it as an operator does; its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def ask(
        self,
        method: str,
        path: str,
        role: str | None = "operator",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        patience: float = PATIENCE,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """(status, decoded body, headers) of one request, as `curl --retry` would make it: it waits
        when it is told to, for `patience` seconds."""
        given = dict(headers or {})
        if role is not None:
            given["Authorization"] = f"Bearer {self.tokens.get(role, role)}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        answer = ask(self.url + path, method, data, given, patience)
        return answer.status, _decoded(answer), answer.headers

    def get(self, path: str, role: str = "operator") -> Any:
        """The answer of a GET."""
        return self.ask("GET", path, role)[1]

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the hub ended: {self.log.read_text()[-600:]}"
        try:
            return self.ask("GET", "/readyz", None)[0] == 200
        except OSError:
            return False

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(20)


def _decoded(answer: Answer) -> Any:
    kind = answer.headers.get_content_type()
    return (
        json.loads(answer.body) if answer.body and kind.endswith("json") else answer.body.decode()
    )
