"""Callers that cost an HTTP server something and never say who they are, as a process of its own.

`python -m tests.support.http_attacks KIND PORT COUNT [PATH]` keeps COUNT connections open until it
is ended; one that the server closes is opened again within seconds. It is about what is held, not
about how many requests a machine can answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PAUSE: Final = 1.0
"""Seconds between the bytes of one that drips."""

AGAIN: Final = 10.0
"""Seconds after which a closed one has come again."""

GREETING: Final = b" HTTP/1.1\r\nHost: localhost\r\n"


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent at once (`times`), and what then once a PAUSE; `reads`: whether answers are."""

    method: bytes
    rest: bytes
    drip: bytes = b""
    reads: bool = True
    times: int = 1

    def opening(self, path: str) -> bytes:
        first = self.method and self.method + b" " + path.encode() + GREETING
        return self.times * (first + self.rest)


ATTACKS: Final = {
    "half-sent headers": Attack(b"GET", b"X-Slow: ", b"x"),
    "half-sent bodies": Attack(b"POST", b"Content-Length: 9999\r\n\r\n", b"x"),
    "nothing sent": Attack(b"", b""),
    "one request, then nothing": Attack(b"GET", b"\r\n"),
    "one request, then half-sent headers": Attack(b"GET", b"\r\nGET / HTTP/1.1\r\nX-Slow: ", b"x"),
    "answers not read": Attack(b"GET", b"\r\n", reads=False, times=20),
    "nonsense": Attack(b"", b"\x16\x03\x01 this is no HTTP\r\n\r\n"),
}


async def _hold(attack: Attack, port: int, path: str) -> None:
    while True:
        with contextlib.suppress(OSError):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=connection)
            try:
                writer.write(attack.opening(path))
                await _stay(attack, reader, writer)
            finally:
                writer.transport.abort()
        await asyncio.sleep(random.uniform(1, AGAIN))


async def _stay(attack: Attack, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if not attack.reads:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        while not writer.transport.is_closing():
            await asyncio.sleep(PAUSE)
            writer.write(b"\r\n")
        return
    while True:
        try:
            if not await asyncio.wait_for(reader.read(65536), PAUSE):
                return
        except TimeoutError:
            writer.write(attack.drip)
            await writer.drain()


async def _attack(kind: str, port: int, count: int, path: str) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_hold(ATTACKS[kind], port, path))
        print("open", flush=True)


@contextlib.contextmanager
def attacked(kind: str, port: int, count: int, path: str = "/healthz") -> Iterator[None]:
    """`count` connections of this kind are held while the block runs."""
    call = [sys.executable, "-m", __name__, kind, str(port), str(count), path]
    process = subprocess.Popen(call, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"open\n"
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(_attack(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
