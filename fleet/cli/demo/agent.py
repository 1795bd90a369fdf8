"""A simulated agent: a process with a health endpoint shaped like its kind's.

`python -m fleet.cli.demo.agent KIND` prints the port it listens on and serves until it is told to
stop. The sidecar beside it is the real one and cannot tell the difference.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

STARTED: Final = time.time()


HEALTH: Final = {"nanobot": "/health", "openclaw": "", "generic": "/health"}
"""Path of a kind's health endpoint; OpenClaw has three and its sidecar knows them."""


def furnish(home: Path, kind: str, pid: int) -> None:
    """The files that an agent of `kind` leaves beside its process, with nobody's data in them."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "agent.pid").write_text(f"{pid}\n")
    (home / "config.json").write_text(json.dumps({"kind": kind}))
    if kind != "nanobot":
        return
    jobs = home / "workspace" / "cron" / "jobs.json"
    jobs.parent.mkdir(parents=True, exist_ok=True)
    jobs.write_text(json.dumps({"jobs": [{"enabled": True, "state": {"lastStatus": "ok"}}]}))
    with closing(sqlite3.connect(home / "llm_usage.sqlite3")) as database:
        database.execute(
            "CREATE TABLE llm_calls (id INTEGER PRIMARY KEY, started_at_ms INTEGER, source TEXT,"
            " input_tokens INTEGER, output_tokens INTEGER, error_kind TEXT,"
            " error_status_code INTEGER, finish_reason TEXT)"
        )
        call = (int(time.time() * 1000), "user", 1200, 90, "stop")
        database.execute("INSERT INTO llm_calls VALUES (NULL, ?, ?, ?, ?, NULL, NULL, ?)", call)
        database.commit()


def answers(kind: str) -> dict[str, Any]:
    """Path → JSON body, as the real agents answer (see the anchors of the sidecar's kinds)."""
    uptime_ms = int((time.time() - STARTED) * 1000)
    if kind == "nanobot":
        body = {"status": "ok", "process": "alive", "ready": True, "websocket": "running"}
        return {"/health": body}
    if kind == "openclaw":
        return {
            "/healthz": {"ok": True, "status": "live"},
            "/readyz": {"ready": True, "failing": [], "uptimeMs": uptime_ms},
            "/startupz": {"ok": True, "version": "2026.9.6", "uptimeMs": uptime_ms},
        }
    return {"/health": {"status": "ok"}}


def handler(kind: str) -> type[BaseHTTPRequestHandler]:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers(kind).get(self.path)
            if body is None:
                self.send_error(404)
                return
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """The demo's terminal is for the demo."""

    return Health


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(sys.argv[1]))
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
