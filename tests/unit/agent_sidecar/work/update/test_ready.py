"""Ready-made updates by the real pip and npm, from packages in a folder."""

from __future__ import annotations

import venv
import zipfile
from pathlib import Path

import pytest

from agent_sidecar.work.update.commands import Commands
from agent_sidecar.work.update.ready import main
from agent_sidecar.work.update.updater import Updater
from agent_sidecar.work.update_plan import parse
from fleet.contract.update_words import UpdateAction, UpdateOrder
from fleet.contract.work_vocabulary import TaskReason

ROLLOUT = "01JQ00000000000000000R0001"


def wheel(folder: Path, version: str) -> Path:
    """The smallest package that pip installs."""
    info = f"toybot-{version}.dist-info"
    parts = {
        "toybot.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: toybot\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    parts[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*parts, f"{info}/RECORD"))
    path = folder / f"toybot-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, text in parts.items():
            file.writestr(name, text)
    return path


def placed(opt: Path, version: str, from_: Path) -> None:
    """The version as an earlier update left it: in an environment of its own, which runs."""
    place = opt / "versions" / version
    venv.create(place, symlinks=True)
    (site,) = place.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel(from_, version)).extractall(site)
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
