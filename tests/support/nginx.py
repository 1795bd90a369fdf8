"""Debian's nginx before a hub, with the configuration that the documentation shows."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.support.broker import free_port
from tests.support.certificates import TestAuthority
from tests.support.served import Served
from tests.support.waiting import wait_until

NGINX: Final = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
PAGE: Final = Path(__file__).parents[2] / "docs/how-to/hub-elsewhere.md"
OWN: Final = """\
daemon off;
pid {at}/nginx.pid;
error_log {at}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    {server}
}}
"""
"""What a system's own nginx.conf has, for one that runs beside it."""

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def shown() -> str:
    """The server that the page shows."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


class Nginx:
    """Before `hub`, by TLS; only ports and the files of its certificate are others than shown."""

    def __init__(self, folder: Path, hub: Served, server: str = "") -> None:
        folder.mkdir()
        certificate = TestAuthority(folder).issue("hub", names=("hub.lan", "localhost"))
        self.port = free_port()
        text = server or shown()
        for old, new in (
            ("listen 8443", f"listen 127.0.0.1:{self.port}"),
            ("/etc/ssl/hub.lan.pem", str(certificate)),
            ("/etc/ssl/hub.lan.key", str(certificate.with_suffix(".key"))),
            ("127.0.0.1:8088", f"127.0.0.1:{hub.port}"),
        ):
            assert old in text, f"the page shows no {old}"
            text = text.replace(old, new)
        self._folder = folder
        self._file = folder / "nginx.conf"
        self._file.write_text(OWN.format(at=folder, server=text))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Nginx:
        log = self._folder / "error.log"
        assert NGINX is not None
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [NGINX, "-e", log, "-p", self._folder, "-c", self._file], stdout=out, stderr=out
            )
        wait_until(self._answers, what="nginx's start")
        return self

    def stop(self) -> None:
        """At once, with what is open through it."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
