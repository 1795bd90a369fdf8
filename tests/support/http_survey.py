"""What HTTP servers live through: the table of ADR-0003, measured anew.

`python -m tests.support.http_survey [SERVER ...]` in an environment that has the servers
(`pip install uvicorn httptools hypercorn granian`); each is started with 1,024 file descriptors,
attacked by `http_attacks`, and asked by a good caller on a new connection five times a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Final

from tests.support.http_attacks import ATTACKS, attacked

SECONDS: Final = 10
DESCRIPTORS: Final = 1024
COUNTS: Final = {"nothing sent": 1300, "one request, then nothing": 1300}

SERVERS: Final = {
    "uvicorn h11": "uvicorn --http h11 --limit-concurrency 512 --log-level warning"
    " --no-access-log --port {port}",
    "uvicorn httptools": "uvicorn --http httptools --limit-concurrency 512 --log-level warning"
    " --no-access-log --port {port}",
    "hypercorn": "hypercorn --keep-alive 5 --read-timeout 10 --bind 127.0.0.1:{port}",
    "granian": "granian --interface asgi --http1-header-read-timeout 10000 --backpressure 512"
    " --log-level warning --port {port}",
    "ours": "tests.support.http_survey serve {port}",
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Reads a body, answers a word; /big answers 2 MB."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b"x" * 2_000_000 if scope["path"] == "/big" else b"ok"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main(wanted: list[str]) -> None:
    print("| Server | Attack | Good callers served | Memory MB | Log KB |\n|---|---|---|---|---|")
    for number, (name, call) in enumerate(SERVERS.items()):
        if wanted and name not in wanted:
            continue
        for kind in ATTACKS:
            print(f"| {name} | {kind} | {_measure(call, kind, 18400 + number)} |", flush=True)


def _measure(call: str, kind: str, port: int) -> str:
    words = call.format(port=port).split()
    if words[0] != "tests.support.http_survey":
        words.append("tests.support.http_survey:app")
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {DESCRIPTORS}; exec "$@"', "sh", sys.executable, "-m", *words],
            stdout=log,
            stderr=log,
        )
        try:
            _started(port)
            before = _memory(server.pid)
            path = "/big" if kind == "answers not read" else "/"
            with attacked(kind, port, COUNTS.get(kind, 520), path):
                time.sleep(2)
                served = _served(port)
                grown = _memory(server.pid) - before
            return f"{served} | {grown:.0f} | {log.seek(0, 2) / 1000:.0f}"
        finally:
            server.terminate()
            server.wait()


def _started(port: int) -> None:
    for _ in range(200):
        if _ask(port):
            return
        time.sleep(0.1)
    raise SystemExit("the server did not start")


def _served(port: int) -> str:
    end = time.monotonic() + SECONDS
    answers = []
    while time.monotonic() < end:
        answers.append(_ask(port))
        time.sleep(0.2)
    return f"{sum(answers)} of {len(answers)}"


def _ask(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def _memory(pid: int) -> float:
    """Resident megabytes of a process and its children."""
    found = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            told = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:
            continue
        if pid in (int(told["Pid"]), int(told["PPid"])) and "VmRSS" in told:
            found += int(told["VmRSS"].split()[0]) / 1000
    return found


def _serve(port: int) -> None:
    import asyncio

    from fleet.http.server import bind, serve

    asyncio.run(serve(app, bind("127.0.0.1", port)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        _serve(int(sys.argv[2]))
    else:
        main(sys.argv[1:])
