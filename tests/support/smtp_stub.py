"""A mail server that takes one message after another and keeps them."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import Self


class Smtp:
    """`messages` are the texts that came, headers first."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        stub = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self._say("220 stub")
                while line := self.rfile.readline().decode().strip():
                    if line.upper() == "DATA":
                        self._say("354 go on")
                        stub.messages.append(self._text())
                    elif line.upper() == "QUIT":
                        self._say("221 bye")
                        return
                    self._say("250 ok")

            def _say(self, line: str) -> None:
                self.wfile.write(f"{line}\r\n".encode())

            def _text(self) -> str:
                lines = []
                while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    lines.append(line)
                return "\n".join(lines)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
