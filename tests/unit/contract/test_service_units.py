"""Units call what is installed, by a path that holds for everybody."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from fleet.contract.service_units import exec_start, start_of
from fleet.provisioning.snippets import systemd_unit


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this installation's programs; nothing is on PATH."""
    folder = tmp_path / "an environment" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(folder))
    monkeypatch.setenv("PATH", "")
    return folder


def install(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_the_program_of_this_installation_goes_before_one_of_another(
    scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = install(tmp_path / "other", "fleet")
    monkeypatch.setenv("PATH", str(other.parent))
    assert start_of("fleet", "fleet") == (str(other),)
    ours = install(scripts, "fleet")
    assert start_of("fleet", "fleet") == (str(ours),)


def test_without_a_program_the_module_is_run(scripts: Path) -> None:
    assert start_of("fleet", "fleet") == (sys.executable, "-m", "fleet")


def test_the_unit_for_an_agent_calls_the_sidecar_where_it_was_installed(scripts: Path) -> None:
    ours = install(scripts, "agent-sidecar")
    lines = systemd_unit("alpha").splitlines()
    assert [line for line in lines if line.startswith("ExecStart=")] == [f'ExecStart="{ours}" run']


def test_what_systemd_would_read_otherwise_is_escaped() -> None:
    assert exec_start(("/a b/fleet", "100%", "$x")) == 'ExecStart="/a b/fleet" "100%%" "$$x"'
