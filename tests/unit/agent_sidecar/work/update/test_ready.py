"""Ready-made updates by the real pip and npm, from packages in a folder."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading
import venv
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.ready import main
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import parse
from fleet.contract.update_words import UpdateAction, UpdateOrder
from fleet.contract.work_vocabulary import TaskReason
from tests.support.installed_agents import installed, needs

ROLLOUT = "01JQ00000000000000000R0001"


def wheel(folder: Path, version: str, package: str = "toybot") -> Path:
    """The smallest package that pip installs."""
    info = f"{package}-{version}.dist-info"
    parts = {
        f"{package}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    parts[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*parts, f"{info}/RECORD"))
    path = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return path


def placed(opt: Path, version: str, from_: Path) -> None:
    """The version as an earlier update left it: in an environment of its own, which runs."""
    place = opt / "versions" / version
    venv.create(place, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel(from_, version)).extractall(site)  # noqa: S202 - made above
    (opt / "current").symlink_to(f"versions/{version}")


def test_pip_installs_a_version_that_is_not_there_yet_and_goes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opt, wheels, state = (tmp_path / name for name in ("opt", "wheels", "state"))
    wheels.mkdir()
    state.mkdir(mode=0o700)
    placed(opt, "1.0", wheels)
    wheel(wheels, "2.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    table = {
        "type": "pip", "package": "toybot", "folder": str(opt), "allow": ["2.*"],
        "restart": ["true"], "environment": ["PIP_NO_INDEX", "PIP_FIND_LINKS"],
    }  # fmt: skip
    plan = parse(table, "work.toml")

    def ordered(action: UpdateAction, version: str, leaving: str) -> TaskReason | None:
        order = UpdateOrder(action, version, ROLLOUT, leaving)
        return Updater(plan, state, Commands(plan.timeout, plan.environment)).carry_out(order)

    assert ordered(UpdateAction.INSTALL, "2.0", "1.0") is None
    assert (opt / "current").resolve() == (opt / "versions" / "2.0").resolve()
    assert ordered(UpdateAction.ROLL_BACK, "1.0", "2.0") is None
    assert (opt / "current").resolve() == (opt / "versions" / "1.0").resolve()


def test_nothing_is_installed_where_nothing_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pip", str(tmp_path), "toybot", "current"]) == 1
    assert main(["npm", str(tmp_path), "toybot", "current"]) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("manager", ["pip", "npm"])
@pytest.mark.parametrize("version", ["..", ".", "../..", "", "-g"])
def test_what_is_no_version_removes_nothing(tmp_path: Path, manager: str, version: str) -> None:
    kept = tmp_path / "versions" / "1.0"
    kept.mkdir(parents=True)
    assert main([manager, str(tmp_path), "toybot", "install", version]) == 1
    assert kept.exists()


class NodeRegistry:
    """What npm asks for a package, on loopback, and a count of the packages that it gave away."""

    def __init__(self, *versions: str) -> None:
        self._versions = versions
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rpartition("/")[2]
                body = registry.package(name[:-4]) if name.endswith(".tgz") else registry.index()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def index(self) -> bytes:
        versions = {
            version: {
                "name": "toybot", "version": version, "bin": {"toybot": "run.js"},
                "dist": {"tarball": f"{self.url}/{version}.tgz"},
            }
            for version in self._versions
        }  # fmt: skip
        latest = {"latest": self._versions[-1]}
        return json.dumps({"name": "toybot", "dist-tags": latest, "versions": versions}).encode()

    def package(self, version: str) -> bytes:
        described = {"name": "toybot", "version": version, "bin": {"toybot": "run.js"}}
        parts = {
            "package.json": json.dumps(described),
            "run.js": f"#!/usr/bin/env node\nconsole.log('{version}')\n",
        }
        written = io.BytesIO()
        with tarfile.open(fileobj=written, mode="w:gz") as archive:
            for name, text in parts.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size, entry.mode = len(text), 0o755
                archive.addfile(entry, io.BytesIO(text.encode()))
        return written.getvalue()

    def __enter__(self) -> NodeRegistry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_npm_installs_a_version_beside_and_goes_back_without_its_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opt, state, ran = tmp_path / "opt", tmp_path / "state", tmp_path / "ran"
    state.mkdir(mode=0o700)
    settings = {
        "npm_config_cache": str(tmp_path / "cache"), "npm_config_update_notifier": "false",
        "npm_config_fetch_retries": "0",
    }  # fmt: skip
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    table = {
        "type": "npm", "package": "toybot", "folder": str(opt), "allow": ["*"],
        "restart": ["/bin/sh", "-c", f"{opt}/current/bin/toybot >> {ran}"],
        "environment": [*settings, "npm_config_registry"],
    }  # fmt: skip
    plan = parse(table, "work.toml")

    def ordered(action: UpdateAction, version: str, leaving: str) -> TaskReason | None:
        order = UpdateOrder(action, version, ROLLOUT, leaving)
        return Updater(plan, state, Commands(plan.timeout, plan.environment)).carry_out(order)

    with NodeRegistry("1.0.0", "2.0.0") as registry:
        monkeypatch.setenv("npm_config_registry", registry.url)
        assert main(["npm", str(opt), "toybot", "install", "1.0.0"]) == 0
        assert ordered(UpdateAction.INSTALL, "2.0.0", "1.0.0") is None
        assert ordered(UpdateAction.INSTALL, "3.0.0", "2.0.0") is TaskReason.ROLLED_BACK
        assert "No matching version found for toybot@3.0.0" in caplog.text
        assert ran.read_text().split() == ["2.0.0", "2.0.0"], "one that nobody has was not begun"
        assert ordered(UpdateAction.INSTALL, "1.0.0", "2.0.0") is None
    assert ordered(UpdateAction.ROLL_BACK, "2.0.0", "1.0.0") is None
    assert ran.read_text().split()[-2:] == ["1.0.0", "2.0.0"]


@needs("hermes-0.19.0")
def test_a_hermes_goes_back_to_the_real_one_from_a_build_that_has_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one real release: what comes after it is made here."""
    opt, wheels, state, ran = (tmp_path / name for name in ("opt", "wheels", "state", "ran"))
    wheels.mkdir()
    state.mkdir(mode=0o700)
    (opt / "versions").mkdir(parents=True)
    (opt / "versions" / "0.19.0").symlink_to(str(installed("hermes-0.19.0")))
    (opt / "current").symlink_to("versions/0.19.0")
    wheel(wheels, "0.20.0", "hermes_agent")
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels, "HOME": tmp_path}.items():
        monkeypatch.setenv(name, str(value))
    table = {
        "type": "hermes", "folder": str(opt), "allow": ["0.*"],
        "restart": ["/bin/sh", "-c", f"{opt}/current/bin/hermes --version >> {ran}"],
        "environment": ["PIP_NO_INDEX", "PIP_FIND_LINKS"],
    }  # fmt: skip
    plan = parse(table, "work.toml")
    updater = Updater(plan, state, Commands(plan.timeout, plan.environment))
    same = updater.carry_out(UpdateOrder(UpdateAction.INSTALL, "0.19.0", ROLLOUT, ""))
    assert same is TaskReason.ALREADY_CURRENT
    new = updater.carry_out(UpdateOrder(UpdateAction.INSTALL, "0.20.0", ROLLOUT, "0.19.0"))
    assert new is TaskReason.ROLLED_BACK
    assert (opt / "current").readlink() == Path("versions/0.19.0")
    assert "0.19.0" in ran.read_text()
