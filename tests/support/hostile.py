"""What a fleet's commands read, each part of it gone bad: a hub, a broker, Docker, files."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fleet.domain.rollout.states import ExecutionState
from tests.support.http_stub import Script, Stub, answer
from tests.support.terminal import HOSTILE

TS: Final = "2026-03-18T21:30:00Z"
H: Final = f"x{HOSTILE}"

AGENT: Final[dict[str, Any]] = {
    "agent": H, "state": "degraded", "age": 1.0, "last_seen": TS, "uptime": 5.0,
    "versions": {"agent": H, "sidecar": H, H: H}, "alerts": [H], "severities": {H: "critical"},
    "checks": {H: "fail"}, "since": TS, "says": "running", "goodbye": False, "ok": False,
    "enrolled": True, "kind": "generic", "labels": {H: H, "group": H, "container": "a"},
    "interval": 30.0, "planes": {H: {"check": "fail", "age": 1.0}}, "skew": 0.0, "boot": 1,
    "seq": 1, "missing": 0, "metrics": {H: 1.0}, "config": H,
}  # fmt: skip
BEAT: Final = {"ok": True, "ts": TS, "versions": H, H: H}
MESSAGE: Final = {"id": 1, "ts": H, "agent": H, "kind": "heartbeat", "retained": False,
                  "message": BEAT}  # fmt: skip
ALERT: Final = {"severity": H, "agent": H, "code": H, "state": H, "since": H,
                "acknowledged_by": H, "silenced": False}  # fmt: skip
SILENCE: Final = {"id": H, "agent": H, "code": None, "until": "2099-03-18T21:30:00Z", "by": H}
HOUR: Final = {"hour": H, "agent": H, "beats": 1, "failing": 0, "statuses": 0, "alerts": 0,
               "metrics": {H: {"min": 0.0, "max": 1.0}}}  # fmt: skip
LETTER: Final = {"id": 1, "ts": H, "topic": H, "reason": H, "field": H, "size": 3, H: H}

EXECUTION: Final = {
    "agent": H, "wave": 1, "from": H, "running": H, "state": "rollback-failed", "reason": H,
    "reached": H, "lacks": None, "until": None, "away": False, "since": TS,
}  # fmt: skip
ROLLOUT: Final[dict[str, Any]] = {
    "id": H, "version": H, "state": "aborted", "why": H, "wave": 1, "waves": H, "abort": H,
    "on_abort": H, "max_unavailable": 1, "verify": 300.0, "soak": 1800.0, "timeout": 3600.0,
    "created": TS, "undo": False, "counts": dict.fromkeys(ExecutionState, 1),
    "agents": [EXECUTION, EXECUTION | {"state": "committed"}], "left_out": {H: "busy"},
}  # fmt: skip
MEMBER: Final = {"agent": H, "role": H, "presence": H, "active": True, "fences": False}
PAIR: Final[dict[str, Any]] = {
    "pair": H, "phase": "manual", "cause": H, "auto": True, "epoch": 3, "since": H,
    "failed_over": H, "frozen": True, "ttl": 30, "needs_person": {"look": H, "command": H},
    "members": [MEMBER, MEMBER],
}  # fmt: skip

LIES: Final[dict[str, Any]] = {
    "agents": {"agents": [AGENT, AGENT | {"agent": "ada"}], "problems": [],
               "hub": [{"agent": None, "code": H, "severity": "critical", "held": H}]},
    "alerts": {"alerts": [ALERT], "silences": [SILENCE]},
    "silences": {"id": H, "silences": [SILENCE]},
    "history": {"messages": [MESSAGE], "next": None},
    "rollups": {"hours": [HOUR], "next": None},
    "dead-letters": {"dead_letters": [LETTER]},
    "audit": {"reports": [{"ts": H, "messages": 1, "findings": 1, "gaps": 1, "rules": {H: 1}}]},
    "verified": {"agrees": True}, "rollouts": {**ROLLOUT, "rollouts": [ROLLOUT]},
    "pairs": {**PAIR, "pairs": [PAIR]}, "commands": {"ids": [H], "broadcast": H},
}  # fmt: skip
"""What a hub would say at `/v1/…`, with a text of its own wherever it has a text."""


def lies() -> Script:
    def script(peer: socket.socket, path: str) -> None:
        room = path.removeprefix("/v1/").partition("?")[0].partition("/")[0]
        peer.sendall(answer(LIES.get(room, {H: H})))

    return script


def refuses() -> Script:
    problem = {"title": H, "detail": H, "try": H, "status": 422}
    return lambda peer, _path: peer.sendall(answer(problem, status="422 No\x1b[35;5m\x9b\u202e"))


def docker() -> Script:
    """An engine whose every text is hostile, errors included."""
    found = {"message": H, "Id": H, "State": {"Running": True, "Status": H, "StartedAt": H,
             "Health": {"Status": H}}, "Config": {"Labels": {H: H}}}  # fmt: skip

    def script(peer: socket.socket, path: str) -> None:
        status = "200 OK" if path.endswith(("/version", "a/json")) else "500 Out of order"
        peer.sendall(answer({"ApiVersion": "1.41", **found}, status=status))

    return script


class Broker:
    """Speaks MQTT 5 as far as it takes to refuse with words: CONNECT, or what comes after it."""

    def __init__(self, *, accepts: bool) -> None:
        self._accepts = accepts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"mqtt://127.0.0.1:{self._listener.getsockname()[1]}"
        self._peers: list[socket.socket] = []

    def __enter__(self) -> Broker:
        threading.Thread(target=self._accept, name="hostile-broker", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._peers):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self._peers.append(peer)
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError):
            while packet := _read(peer):
                kind, body = packet
                id_ = body[:2]
                if kind == 1:
                    code = b"\x00" if self._accepts else b"\x87"
                    peer.sendall(_packet(0x20, b"\x00" + code + _words()))
                elif kind == 3:
                    at = 2 + int.from_bytes(id_, "big")
                    peer.sendall(_packet(0x40, body[at : at + 2] + b"\x87" + _words()))
                elif kind == 8:
                    peer.sendall(_packet(0x90, id_ + _words() + b"\x87\x87\x87"[: _filters(body)]))
                    peer.sendall(_packet(0xE0, b"\x98" + _words()))


def _words() -> bytes:
    """A reason string and a user property, as the properties of a packet."""
    text = HOSTILE.replace("\x00", "").encode()
    string = len(text).to_bytes(2, "big") + text
    every = b"\x1f" + string + b"\x26" + string + string
    return _length(len(every)) + every


def _filters(body: bytes) -> int:
    """How many a SUBSCRIBE asks for; it has no properties of more than 127 bytes."""
    at, count = 3 + body[2], 0
    while at < len(body):
        at += 3 + int.from_bytes(body[at : at + 2], "big")
        count += 1
    return count


def _packet(head: int, body: bytes) -> bytes:
    return bytes([head]) + _length(len(body)) + body


def _length(size: int) -> bytes:
    found = b""
    while True:
        size, low = divmod(size, 128)
        found += bytes([low | (128 if size else 0)])
        if not size:
            return found


def _read(peer: socket.socket) -> tuple[int, bytes] | None:
    head = peer.recv(1)
    if not head:
        return None
    size = shift = 0
    while True:
        byte = peer.recv(1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    body = b""
    while len(body) < size:
        body += peer.recv(size - len(body))
    return head[0] >> 4, body


@contextlib.contextmanager
def hub(script: Script, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a client of such a hub."""
    token = folder / "token"
    token.touch(0o600)
    token.write_text("a word\n")
    with Stub(script) as stub:
        yield {"FLEET_HUB": stub.url, "FLEET_HUB_TOKEN_FILE": str(token)}


def files(folder: Path) -> dict[str, Path]:
    """Files that commands read, each with text that steers."""
    beside = {
        "payload": f'{{"ok":{json.dumps(H)},"ts":"{TS}",{json.dumps(H)}:1}}',
        "capture.jsonl": f"{json.dumps({'at': TS, 'topic': H, 'payload': H})}\n{H}\n",
        "broker.log": f"1700000000: Received PUBLISH from {H} (d0, q1, r0, m1, '{H}', ...)\n",
        "agents.list": f"agents:\n  - name: {json.dumps(H)}\n    kind: {json.dumps(H)}\n",
        "invitation": f"fleet-invite:{H}".replace("\x00", ""),
        "suppressions": f"[[suppress]]\nrule = {json.dumps(H)}\n",
        "secret.txt": "a word\n",
        "bad-adr/0001-x.md": f"# ADR-0001: {H}\n\n- Status: {H}\n- Date: {H}\n\n{H}\n",
        "settings/fleet.toml": f"broker = {json.dumps(H)}\n{json.dumps(H)} = 1\n",
        "agent.env": f"FLEET_AGENT={H}\nFLEET_KIND={H}\nFLEET_RELOAD={H}\n".replace("\x00", ""),
    }  # fmt: skip
    for name, text in beside.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(errors="surrogatepass"))
    return {name: folder / name for name in beside}
