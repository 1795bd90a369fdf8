"""Something that takes CONNECTs, notes who they say they are, and refuses them all."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

from tests.support.packet_proxy import packets

REFUSED_5 = bytes([0x20, 3, 0, 135, 0])
REFUSED_3 = bytes([0x20, 2, 0, 5])


class ConnectRecorder:
    """`accounts` are the user names and passwords of the CONNECTs, in order."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.accounts: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._server.accept()
                with link, contextlib.suppress(OSError):
                    self._answer(link)

    def _answer(self, link: socket.socket) -> None:
        data = b""
        while True:
            more = link.recv(4096)
            if not more:
                return
            data += more
            for packet, _ in packets(data):
                five = self._note(packet)
                link.sendall(REFUSED_5 if five else REFUSED_3)
                return

    def _note(self, packet: bytes) -> bool:
        """Note the account of a CONNECT; whether it speaks MQTT 5."""
        rest = packet[packet.index(b"MQTT") + 4 :]
        level, flags, rest = rest[0], rest[1], rest[4:]
        if level == 5:
            rest = rest[1 + rest[0] :]
        fields = []
        while rest:
            size = int.from_bytes(rest[:2], "big")
            fields.append(rest[2 : 2 + size].decode())
            rest = rest[2 + size :]
            if level == 5 and len(fields) == 1 and flags & 4:
                rest = rest[1 + rest[0] :]  # the will's properties
        fields = fields if flags & 0x80 else ["", ""]
        user, password = fields[-2:] if flags & 0x40 else (fields[-1], "")
        self.accounts.append((user, password))
        return level == 5
