"""Receivers of alerts that fail, each in its own way, and write down what they took."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Judge = Callable[[dict[str, Any]], int]
"""The status that a message is answered with; 0: never."""


@dataclass(slots=True)
class Taken:
    """One message that was taken, and when (s, monotonic)."""

    at: float
    id: str
    message: dict[str, Any]


@dataclass(slots=True)
class Receiver:
    """Listens on loopback, or at another address of ours. `ended` lets go of who hangs."""

    judge: Judge
    host: str = "127.0.0.1"
    taken: list[Taken] = field(default_factory=list)
    refused: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    server: ThreadingHTTPServer = field(init=False)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                message = json.loads(body)
                status = receiver.judge(message)
                if not status:
                    receiver.ended.wait()
                    return
                if status == 200:
                    receiver.taken.append(Taken(time.monotonic(), message["id"], message))
                else:
                    receiver.refused += 1
                self.send_response(status)
                if status == 429:
                    self.send_header("Retry-After", "2")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((self.host, 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.server.server_address[1]}"

    def close(self) -> Self:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()
        return self

    def states(self, code: str) -> list[tuple[str, str]]:
        """(agent, state) of each message about `code` that came, in its order; one that came again
        is left out."""
        every = {one.id: one.message for one in list(self.taken) if one.message["code"] == code}
        return [(m["agent"], one["state"]) for one in every.values() for m in one["members"]]

    def told(self) -> dict[tuple[str, str], list[tuple[float, str]]]:
        """(moment, id of the message) of each time that an alert was told as firing, by agent and
        code; a message that came again is left out, as a receiver does by its id."""
        found: dict[tuple[str, str], list[tuple[float, str]]] = {}
        known = set()
        for one in list(self.taken):
            if one.id in known or one.message["state"] != "firing":
                continue
            known.add(one.id)
            for member in one.message["members"]:
                key = member["agent"], one.message["code"]
                found.setdefault(key, []).append((one.at, one.id))
        return found
