"""`agent-sidecar schedule`: what it prints and installs, judged by the tools that will read it."""

from __future__ import annotations

import getpass
import os
import plistlib
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent_sidecar.schedule import account
from fleet.contract.service_units import start_of
from tests.support.other_user import as_root

NASTY = 'a b%c$d"e'
ENVIRON = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    "FLEET_AGENT": "alpha",
}


def call(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "agent_sidecar", "schedule", *words],
        env={**ENVIRON, "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def printed(*words: str, **environ: str) -> str:
    done = call("print", *words, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("what", ["beat", "handle", "run"])
def test_systemd_finds_nothing_to_complain_of(tmp_path: Path, what: str) -> None:
    home = f"/srv/{NASTY}"
    done = call("install", what, "--as", "systemd", "--dir", str(tmp_path), FLEET_HOME=home)
    assert done.returncode == 0, done.stderr
    made = sorted(str(path) for path in tmp_path.iterdir())
    assert len(made) == (1 if what == "run" else 2)
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *made],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert verified.stderr == "", "it exits 0 on bad keys, so only silence counts"
    service = (tmp_path / f"fleet-sidecar-alpha-{what}.service").read_text()
    assert 'Environment="FLEET_HOME=/srv/a b%%c$d\\"e"' in service


def test_a_timer_beats_with_the_agents_interval() -> None:
    assert "OnUnitActiveSec=90\n" in printed("beat", "--as", "systemd", FLEET_INTERVAL="90")
    assert "OnUnitActiveSec=60\n" in printed("handle", "--as", "systemd", FLEET_INTERVAL="90")
    assert "OnUnitActiveSec=5\n" in printed("handle", "--as", "systemd", "--every", "5")


def test_launchd_gets_a_property_list_without_a_stdin_to_wait_for(tmp_path: Path) -> None:
    done = call("install", "beat", "--as", "launchd", "--dir", str(tmp_path), FLEET_HOME=NASTY)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    content = plistlib.loads(path.read_bytes())
    assert path.name == f"{content['Label']}.plist"
    assert content["ProgramArguments"][-1] == "beat"
    assert content["StartInterval"] == 600
    assert content["StandardInPath"] == "/dev/null"
    assert content["EnvironmentVariables"] == {"FLEET_AGENT": "alpha", "FLEET_HOME": NASTY}
    shown = printed("run", "--as", "launchd", FLEET_HOME="/srv/a\tb")
    assert "\\t" not in shown
    content = plistlib.loads(shown.encode())
    assert content["KeepAlive"]
    assert content["EnvironmentVariables"]["FLEET_HOME"] == "/srv/a\tb"
    if shutil.which("xmllint"):
        subprocess.run(["xmllint", "--noout", "--nonet", path], check=True, timeout=30)


def test_a_cron_line_survives_the_shell(tmp_path: Path) -> None:
    program = tmp_path / "agent-sidecar"
    program.write_text(f'#!/bin/sh\nprintf "%s|%s" "$1" "$FLEET_HOME" >{tmp_path}/called\n')
    program.chmod(0o755)
    line = printed("beat", "--as", "cron", FLEET_HOME=NASTY)
    assert line.startswith("*/10 * * * * ")
    [installed] = start_of("agent-sidecar", "agent_sidecar")
    assert f" {installed} beat " in line
    command = line.split(" ", 5)[5].replace(installed, str(program))
    assert not re.search(r"(?<!\\)%", command), "an unescaped % would end the command"
    subprocess.run(["sh", "-c", command.replace(r"\%", "%")], check=True, timeout=30)
    assert (tmp_path / "called").read_text() == f"beat|{NASTY}"


@pytest.mark.parametrize(
    ("every", "when"),
    [(60, "*/1 * * * *"), (1800, "*/30 * * * *"), (7200, "0 */2 * * *"), (86_400, "0 0 * * *")],
)
def test_what_cron_can_do(every: int, when: str) -> None:
    assert printed("beat", "--as", "cron", "--every", str(every)).startswith(f"{when} ")


@pytest.mark.parametrize("every", [10, 90, 420, 18_000])
def test_what_cron_cannot_do_is_said(every: int) -> None:
    done = call("print", "beat", "--as", "cron", "--every", str(every))
    assert done.returncode == 3
    assert f"cron cannot run something every {every} s" in done.stderr
    assert "Try: --every 600, or --as systemd" in done.stderr


def test_a_crontab_keeps_its_other_lines_and_ours_stands_once(tmp_path: Path) -> None:
    tab = tmp_path / "tab"
    tab.write_text("5 4 * * * keep-me\n")
    program = tmp_path / "crontab"
    program.write_text(f'#!/bin/sh\nif [ "$1" = -l ]; then cat {tab}; else cat >{tab}; fi\n')
    program.chmod(0o755)
    path = f"{tmp_path}:{ENVIRON['PATH']}"
    for every in ("600", "1200"):
        user = ("--user", getpass.getuser())
        done = call("install", "beat", "--as", "cron", "--every", every, *user, PATH=path)
        assert done.returncode == 0, done.stderr
    lines = tab.read_text().splitlines()
    assert lines[:2] == ["5 4 * * * keep-me", "# fleet-sidecar-alpha-beat"]
    assert [line[:4] for line in lines[2:]] == ["*/20"]


def test_no_unit_carries_a_password(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2-hunter2")
    secret.chmod(0o600)
    for system in ("cron", "launchd", "systemd"):
        text = printed("run", "--as", system, FLEET_PASSWORD_FILE=str(secret))
        assert str(secret) in text
        assert "hunter2" not in text


@as_root
@pytest.mark.parametrize("system", ["systemd", "launchd", "cron"])
def test_what_root_installs_for_nobody_is_refused(system: str, tmp_path: Path) -> None:
    done = call("install", "beat", "--every", "600", "--as", system, FLEET_HOME=str(tmp_path))
    assert done.returncode == 3
    assert "needs an account to run as" in done.stderr
    assert "Try: --user NAME" in done.stderr


def test_a_unit_of_the_system_runs_as_the_account_that_was_named() -> None:
    assert "\nUser=nobody\n" in printed("run", "--as", "systemd", "--user", "nobody")
    assert "<string>nobody</string>" in printed("run", "--as", "launchd", "--user", "nobody")
    assert "User=" not in printed("run", "--as", "systemd")
    done = call("print", "run", "--as", "systemd", "--user", "no-such-account")
    assert done.returncode == 3
    assert "there is no account 'no-such-account'" in done.stderr


@as_root
def test_the_owner_of_the_state_directory_is_who_a_unit_runs_as(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(tmp_path, nobody.pw_uid, nobody.pw_gid)
    assert account(tmp_path / "sidecar" / "alpha", None) == "nobody"
