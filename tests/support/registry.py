"""A real registry of images on loopback, so that images have digests: Debian's docker-registry."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.broker import free_port
from tests.support.waiting import wait_until


def why_not() -> str:
    """Why there is none; empty: it can be started."""
    if shutil.which("docker-registry") is None:
        return "docker-registry is not installed; sh scripts/test.sh --all installs it"
    return ""


class Registry(AbstractContextManager["Registry"]):
    """`address` is what stands before the name of an image."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Registry:
        return self.start()

    def start(self) -> Registry:
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "config.yml"
        settings.write_text(
            "version: 0.1\nlog: {level: error}\n"
            f"storage: {{filesystem: {{rootdirectory: {self._folder / 'data'}}}}}\n"
            f"http: {{addr: '{self.address}'}}\n"
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(settings)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]},
            )  # fmt: skip
        wait_until(self._answers, what="the registry")
        return self

    def _answers(self) -> bool:
        with socket.socket() as asking:
            return asking.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """It is away from now on."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def __exit__(self, *_: object) -> None:
        self.stop()
