"""A server that answers raw bytes the way a test wants: whole, slowly, half, or never."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

Script = Callable[[socket.socket, str], None]
"""Answers one connection; the second argument is the path that was asked for."""


def answer(
    document: object = None,
    *,
    body: bytes | None = None,
    kind: str = "application/json",
    status: str = "200 OK",
) -> bytes:
    """An HTTP answer, whole."""
    content = json.dumps(document).encode() if body is None else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def says(whole: bytes) -> Script:
    return lambda options, _path: options.sendall(whole)


def drips(whole: bytes, pause: float = 0.05) -> Script:
    """One byte at a time, so that no single read ever times out."""

    def script(options: socket.socket, _path: str) -> None:
        for byte in whole:
            options.sendall(bytes([byte]))
            time.sleep(pause)

    return script


class Stub:
    """Listens on loopback, or on a Unix socket at `path`; a thread a connection.

    Args:
        context: of TLS, where it speaks that.
    """

    def __init__(
        self, script: Script, path: Path | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._script = script
        self._context = context
        self._closed = threading.Event()
        family = socket.AF_INET if path is None else socket.AF_UNIX
        self._listener = socket.socket(family, socket.SOCK_STREAM)
        self._listener.bind(("127.0.0.1", 0) if path is None else str(path))
        self._listener.listen(20)
        self.port: int = self._listener.getsockname()[1] if path is None else 0
        self._threads = [threading.Thread(target=self._accept, name="stub")]

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Stub:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def hangs(self, options: socket.socket, _path: str) -> None:
        """Use as a script through `hanging`: accepts, and says nothing until the stub closes."""
        self._closed.wait(30)

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                options, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(options,), name="stub")
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            options = stack.enter_context(plain)
            options.settimeout(10)
            if self._context:
                options = stack.enter_context(self._context.wrap_socket(plain, server_side=True))
            asked = options.recv(4096).decode("latin-1").split(" ")
            self._script(options, asked[1] if len(asked) > 1 else "")


@contextlib.contextmanager
def hanging(first: bytes = b"") -> Iterator[Stub]:
    """A server that takes the connection, perhaps says a little, and then nothing more."""
    stub: Stub

    def script(options: socket.socket, path: str) -> None:
        options.sendall(first)
        stub.hangs(options, path)

    stub = Stub(script)
    with stub:
        yield stub
