"""What a Hermes gateway leaves in its home, in the shapes of 0.19.0, around a process of the
test's. Each free text holds the word `secret`."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from tests.support.openclaw import ticks_of, titled


class Hermes(AbstractContextManager["Hermes"]):
    """One home, and a gateway once it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("state", "cron"):
            (folder / name).mkdir(parents=True)
        (folder / "config.yaml").write_text("model: secret\n")
        (folder / ".env").write_text("API_SERVER_KEY=secret\n")
        self.process: subprocess.Popen[bytes] | None = None
        with closing(sqlite3.connect(folder / "state.db")) as database:
            database.executescript("""
                PRAGMA journal_mode=WAL;
                CREATE TABLE session_model_usage (session_id TEXT, model TEXT, api_call_count INT,
                    input_tokens INT, output_tokens INT, estimated_cost_usd REAL,
                    first_seen REAL, last_seen REAL);
                CREATE TABLE messages (id INTEGER PRIMARY KEY, role TEXT, content TEXT,
                    timestamp REAL, finish_reason TEXT);
            """)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> Hermes:
        self.process = titled("hermes")
        said = {
            "pid": self.pid,
            "kind": "hermes-gateway",
            "argv": ["hermes", "gateway", "run", "secret"],
            "start_time": ticks_of(self.pid),
        }
        for name in ("gateway.lock", "gateway.pid"):
            (self.folder / name).write_text(json.dumps(said))
        (self.folder / "state/gateway.heartbeat").write_text(json.dumps({"start_time": 1}))
        self.platforms(telegram="connected", discord="connected")
        return self

    def platforms(self, **states: str) -> None:
        told = {name: {"state": word, "error_message": "secret"} for name, word in states.items()}
        said = {"gateway_state": "running", "exit_reason": "secret", "platforms": told}
        (self.folder / "gateway_state.json").write_text(json.dumps(said))

    def jobs(self, *jobs: dict[str, Any]) -> None:
        said = [{"name": "secret", "prompt": "secret", "last_error": "secret", **j} for j in jobs]
        (self.folder / "cron/jobs.json").write_text(json.dumps({"jobs": said}))

    def executions(self, *statuses: str) -> None:
        with closing(sqlite3.connect(self.folder / "cron/executions.db")) as database, database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS executions (job TEXT, status TEXT, error TEXT)"
            )
            rows = [("secret", status, "secret") for status in statuses]
            database.executemany("INSERT INTO executions VALUES (?, ?, ?)", rows)

    def called(self, times: int, tokens: tuple[int, int]) -> None:
        now = time.time()
        with closing(sqlite3.connect(self.folder / "state.db")) as database, database:
            row = ("secret", "secret", times, *tokens, 0.5, now, now)
            database.execute("INSERT INTO session_model_usage VALUES (?,?,?,?,?,?,?,?)", row)
            said = [("user", "secret", now, None), ("assistant", "secret", now, "stop")]
            database.executemany(
                "INSERT INTO messages (role, content, timestamp, finish_reason) VALUES (?,?,?,?)",
                said,
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def __exit__(self, *_: object) -> None:
        self.kill()
