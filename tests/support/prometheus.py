"""Real Prometheus and Alertmanager processes on ports of their own, and a webhook to post to."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.broker import free_port
from tests.support.waiting import wait_until

PROMETHEUS = shutil.which("prometheus")
ALERTMANAGER = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")


class Daemon:
    """A process with an HTTP port; `stop` ends it."""

    def __init__(self, argv: Sequence[str], port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._argv = list(argv)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Daemon:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, stdout=log, stderr=log, cwd=self._log.parent
            )
        wait_until(self._ready, what=f"the start of {self._argv[0]}")
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)

    def get(self, path: str, **query: str) -> Any:
        """The JSON that a GET answers."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.loads(response.read())

    def _ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text()[-600:]
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def prometheus(folder: Path, *more: str) -> Daemon:
    """Prometheus on the `prometheus.yml` in `folder`, with more options."""
    assert PROMETHEUS
    port = free_port()
    argv = [
        PROMETHEUS,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *more,
    ]
    return Daemon(argv, port, folder / "prometheus.log")


def alertmanager(folder: Path, port: int) -> Daemon:
    """Alertmanager on the `alertmanager.yml` in `folder`."""
    assert ALERTMANAGER
    argv = [
        ALERTMANAGER,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    return Daemon(argv, port, folder / "alertmanager.log")


class Webhook:
    """Takes what is posted; `answers` are the statuses it gives, the last one for ever, each with
    the text `said`."""

    def __init__(self, *answers: int, said: bytes = b"") -> None:
        self.posts: list[tuple[str, dict[str, str], bytes]] = []
        self._answers = list(answers or (200,))
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.posts.append((self.path, dict(self.headers), body))
                answers = webhook._answers
                self.send_response(answers.pop(0) if len(answers) > 1 else answers[0])
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def json(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.posts]

    def __enter__(self) -> Webhook:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
