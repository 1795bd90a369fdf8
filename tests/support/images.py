"""The project's images, built for real: no registry of images is needed, PyPI and Debian are.

The bases that the deployment names are stood in for by one root of Debian's, made by mmdebstrap:
the same minor version of Python, and a Mosquitto where the broker's image has it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.support import docker as plain
from tests.support.docker import Docker

ROOT: Final = Path(__file__).parents[2]
DOCKERFILES: Final = sorted((ROOT / "deploy").glob("Dockerfile.*"))

CA: Final = "/etc/ssl/certs/ca-certificates.crt"
MARK: Final = "a-secret-of-the-build"
"""Stands in the pip.conf that the builds get, and must stand in no layer."""

SUITE: Final = "trixie"
PACKAGES: Final = (
    *("python3-venv", "python-is-python3", "passwd"),  # what the base of Python's has
    *("mosquitto", "netcat-openbsd"),  # what the broker's image has
)
PLUGIN: Final = "mosquitto_dynamic_security.so"
_NOT_NEEDED: Final = ("doc", "man", "locale")
_HOOKS: Final = (
    f'mkdir -p "$1/etc/ssl/certs" && cp {CA} "$1{CA}"',
    'install -d -o 1883 -g 1883 "$1/mosquitto/data" && install -d "$1/mosquitto/config"',
    f'cd "$1/usr/lib" && ln -s */{PLUGIN} {PLUGIN}',
)

BROKER: Final = "eclipse-mosquitto:2.0.22"
AGENT: Final = "your-agent:1.0.0"
_AGENT_FILE: Final = """\
FROM {base}
COPY scripts/bus-publish /usr/local/bin/bus-publish
RUN ln -s /bin/sleep /usr/local/bin/your-agent
CMD ["your-agent", "infinity"]
"""


def why_not() -> str:
    """Why images cannot be built here; empty: it can be tried."""
    if why := plain.why_not():
        return why
    for program in ("mmdebstrap", "unshare", "nsenter"):
        if shutil.which(program, path=plain.PATH) is None:
            return f"{program} is not installed; sh scripts/test.sh --all installs it"
    if not client():
        return "no docker client with BuildKit; sh scripts/test.sh --all installs Debian's"
    return ""


@cache
def client() -> str:
    """A docker client that builds by BuildKit: since 23 it takes a plugin, before that it is in."""
    for folder in plain.PATH.split(os.pathsep):
        path = shutil.which("docker", path=folder)
        if path is None:
            continue
        if _says(path, "buildx", "version").startswith("github.com/docker/buildx"):
            return path
        version = re.search(r"version (\d+)", _says(path, "--version"))
        if version is not None and int(version[1]) < 23:
            return path
    return ""


def base_image() -> str:
    """The base that all Dockerfiles name."""
    [base] = {re.search(r"^ARG BASE=(\S+)$", f.read_text(), re.MULTILINE)[1] for f in DOCKERFILES}  # type: ignore[index]
    return base


class Images(Docker):
    """An engine that builds on the host's network, then runs on one of its own.

    Attributes:
        again: what BuildKit said of a second build of the sidecar, with other code.
    """

    def __init__(self) -> None:
        super().__init__()
        self.command = ["dockerd", "--iptables=false", "--bridge=none"]
        self._in_memory()
        self.pip = self.folder / "pip.conf"
        self.again = ""

    def _in_memory(self) -> None:
        """Where there is plenty, what is built stays in memory: a busy disk takes minutes for it,
        and as long to forget it. `close` unmounts it."""
        data = self.folder / "data"
        data.mkdir()
        meminfo = Path("/proc/meminfo").read_text()
        available = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
        if available is not None and int(available[1]) > 8_000_000:
            options = ("-t", "tmpfs", "-o", "size=4g,mode=0700", "fleet-images", str(data))
            subprocess.run(["mount", *options], check=False, capture_output=True)

    def make_bases(self) -> None:
        archive = self.folder / "data" / "root.tar"
        done = subprocess.run(
            [
                *("mmdebstrap", "--quiet", "--variant=essential", "--dpkgopt=force-unsafe-io"),
                f"--include={','.join(PACKAGES)}",
                *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_NEEDED),
                *(f"--customize-hook={hook}" for hook in _HOOKS),
                *(SUITE, str(archive)),
            ],
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env={**os.environ, "PATH": plain.PATH, "TMPDIR": str(archive.parent)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-500:]
        self.run("import", str(archive), base_image())
        self.run("tag", base_image(), BROKER)
        archive.unlink()

    def build(self, dockerfile: Path, tag: str, context: Path = ROOT) -> str:
        """Build as the file's own comment says, but for what pip needs here; what was printed."""
        self.pip.write_text(_pip_conf())
        done = subprocess.run(
            [
                *(client(), "build", "--network", "host", "--progress", "plain"),
                *("--secret", f"id=pip,src={self.pip}"),
                *("-f", str(dockerfile), "-t", tag, str(context)),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=self.environ | {"DOCKER_BUILDKIT": "1"},
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    def build_again(self, dockerfile: Path) -> None:
        """The same build after a change of the code."""
        context = self.folder / "changed"
        away = shutil.ignore_patterns(".*", "tests", "benchmarks", "__pycache__")
        shutil.copytree(ROOT, context, ignore=away)
        shutil.copy(ROOT / ".dockerignore", context)
        with (context / "fleet" / "__init__.py").open("a") as stream:
            stream.write('\n"""Changed."""\n')
        self.again = self.build(dockerfile, "changed", context)

    def move_to_own_network(self) -> None:
        """Start again where bridges, ports and filters are the engine's own, and lead nowhere."""
        self.stop()
        loopback = 'busybox ip link set lo up && exec "$@"'
        self.command = [*("unshare", "--net", "sh", "-c", loopback, "sh"), "dockerd"]
        self.start()

    def get(self, url: str, **headers: str) -> str:
        """Fetch a URL as a program on the engine's machine would; empty: it was refused."""
        enter = ["nsenter", f"--net=/proc/{self.pid}/ns/net"]
        told = [word for name, said in headers.items() for word in ("--header", f"{name}: {said}")]
        done = subprocess.run(
            [*enter, "busybox", "wget", "-q", "-O", "-", *told, url],
            capture_output=True, text=True, timeout=30, check=False, env=self.environ,
        )  # fmt: skip
        return done.stdout

    def size(self, image: str) -> int:
        return int(self.run("image", "inspect", "-f", "{{.Size}}", image))


@contextmanager
def images(version: str) -> Iterator[Images]:
    """Hub, sidecar, broker and a stand-in agent under the names that compose and Kubernetes use;
    where no Debian root can be made or no engine runs, the test is skipped with why."""
    engine = Images()
    try:
        try:
            engine.start()
            engine.make_bases()
            engine.run("run", "--rm", "--network", "none", base_image(), "true")
        except AssertionError as error:
            pytest.skip(f"no images can be made here: {error}")
        for path in DOCKERFILES:
            engine.build(path, f"fleet-{path.suffix[1:]}:{version}")
        engine.build_again(ROOT / "deploy" / "Dockerfile.sidecar")
        agent = engine.folder / "Dockerfile.agent"
        agent.write_text(_AGENT_FILE.format(base=base_image()))
        engine.build(agent, AGENT)
        engine.move_to_own_network()
        yield engine
    finally:
        engine.close()


def _pip_conf() -> str:
    """What pip is told on this machine, as far as it can be had inside a build."""
    lines = ["[global]", f"# {MARK}", f"cert = {CA}"]
    for name in ("index-url", "extra-index-url", "trusted-host"):
        said = os.environ.get(f"PIP_{name.replace('-', '_').upper()}") or _says(
            "pip", "config", "get", f"global.{name}"
        )
        urls = [word for word in said.split() if not word.startswith("file:")]
        if urls:
            lines.append(f"{name} = {' '.join(urls)}")
    return "\n".join(lines) + "\n"


def _says(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


NEEDS_IMAGES = [
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.xdist_group("images"),
    pytest.mark.timeout(600),
]
