"""A Docker engine of a test's own: no network, no privileges taken, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.waiting import wait_until

IMAGE: Final = "busybox-of-the-tests"
PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
"""Where programs are looked for: an ordinary user's PATH lacks the engine's folder."""


def why_not() -> str:
    """Why no engine can run here; empty: it can be tried."""
    if os.geteuid() != 0:
        return "a Docker engine needs root"
    for program in ("dockerd", "docker", "busybox"):
        if shutil.which(program, path=PATH) is None:
            return f"{program} is not installed; sh scripts/test.sh --all installs it"
    return ""


class Docker:
    """One engine; `kill` and `start` again keep its containers.

    Attributes:
        command: what runs the engine, and how it stores and connects.
    """

    def __init__(self) -> None:
        self.command = ["dockerd", "--storage-driver", "vfs", "--iptables=false", "--bridge=none"]
        # A short path: sockets below it may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="fd", dir="/tmp"))
        self.socket = self.folder / "d.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Docker:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *self.command,
                    *("--host", f"unix://{self.socket}"),
                    *("--data-root", str(self.folder / "data")),
                    *("--exec-root", str(self.folder / "exec")),
                    *("--pidfile", str(self.folder / "pid")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": PATH},
            )
        wait_until(self._answers, what="the engine's start")
        return self

    def make_image(self, *versions: str) -> None:
        """An image of one static program; with versions, one of each reference, which differ."""
        root = self.folder / "root"
        if root.exists():
            shutil.rmtree(root)
        (root / "bin").mkdir(parents=True)
        busybox = shutil.which("busybox", path=PATH)
        assert busybox
        shutil.copy(busybox, root / "bin/busybox")
        for name in ("sh", "sleep", "true", "false", "tail", "cat"):
            (root / "bin" / name).symlink_to("busybox")
        archive = self.folder / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        for name in versions or (IMAGE,):
            self.run("import", "--change", f"ENV MADE_AS={name}", str(archive), name)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def environ(self) -> dict[str, str]:
        """For any client: this engine, and no configuration of a person's."""
        host = {"DOCKER_HOST": f"unix://{self.socket}", "HOME": str(self.folder)}
        return {**os.environ, "PATH": PATH} | host

    def run(self, *words: str, check: bool = True) -> str:
        done = self.ask(*words)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def ask(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """What a call of the client says, whatever its end."""
        return subprocess.run(
            ["docker", *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self.environ,
        )

    def container(self, name: str, script: str, *options: str) -> None:
        """Start a container that runs a shell script."""
        self.run(
            *("run", "-d", "--name", name, "--network", "none", *options),
            *(IMAGE, "/bin/sh", "-c", script),
        )

    def stop(self) -> None:
        """End the engine as an operator does; it stops its containers."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the engine as a crash does; its containers live on."""
        self._end(signal.SIGKILL)

    def hang(self) -> None:
        """The engine stops answering, and does not hang up."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            names = self.run("ps", "-aq", check=False).split()
            if names:
                self.run("rm", "-f", *names, check=False)
            self.stop()
        self._end_orphans()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            mounted = line.split()[1]
            if mounted.startswith(f"{self.folder}/"):
                subprocess.run(["umount", mounted], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)

    def _end_orphans(self) -> None:
        """What a killed engine leaves: processes with our folder's unique name, and theirs."""
        ours = [pid for pid in _pids() if str(self.folder) in _read(pid, "cmdline")]
        children = [pid for pid in _pids() if _parent(pid) in ours]
        for pid in (*children, *ours):
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in ours), what="ends")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the engine ended"
        return bool(self.run("version", "--format", "{{.Server.Version}}", check=False))


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def _parent(pid: int) -> int:
    fields = _read(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 else 0


NEEDS_ENGINE = [
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.xdist_group("docker"),
    pytest.mark.timeout(180),
]


@contextmanager
def engine() -> Iterator[Docker]:
    """An engine that has run a container once; where none can, the test is skipped with why."""
    docker = Docker()
    try:
        try:
            docker.start()
            docker.make_image()
            docker.container("canary", "exit 0")
        except AssertionError as error:
            pytest.skip(f"no Docker engine runs here: {error}")
        yield docker
    finally:
        docker.close()
