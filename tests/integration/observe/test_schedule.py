"""`fleet schedule`: what it prints and installs, judged by the tools that will read it."""

from __future__ import annotations

import plistlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.schedule import TASKS
from tests.support.other_user import as_root
from tests.support.served import environment, fleet

NASTY = 'a b%c$d"e'
NAMES = [task.what for task in TASKS]


def run(tmp_path: Path, *words: str) -> str:
    home = tmp_path / NASTY
    done = fleet("schedule", *words, environ=environment(home, FLEET_INTERVAL="60"))
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is absent")
def test_systemd_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    run(tmp_path, "install", "--systemd", "--dir", str(tmp_path / "units"))
    made = sorted(str(path) for path in (tmp_path / "units").iterdir())
    assert len(made) == 2 * len(NAMES)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *made],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.stderr == "", "it exits 0 on bad keys, so only silence counts"
    weekly = (tmp_path / "units" / "fleet-audit.timer").read_text()
    clock = re.search(r"OnCalendar=(.+)", weekly)
    assert clock
    judged = subprocess.run(
        ["systemd-analyze", "calendar", clock[1]], capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert judged.returncode == 0
    assert "Mon" in judged.stdout


def test_launchd_gets_property_lists(tmp_path: Path) -> None:
    run(tmp_path, "install", "--launchd", "--dir", str(tmp_path / "lists"))
    found = {}
    for path in (tmp_path / "lists").iterdir():
        content = plistlib.loads(path.read_bytes())
        assert path.name == f"{content['Label']}.plist"
        assert content["EnvironmentVariables"]["FLEET_HOME"] == str(tmp_path / NASTY)
        found[content["Label"]] = content
        if shutil.which("xmllint"):
            subprocess.run(["xmllint", "--noout", "--nonet", path], check=True, timeout=30)
    assert found.keys() == {f"fleet.{name}" for name in NAMES}
    assert found["fleet.audit"]["StartCalendarInterval"] == {"Weekday": 1, "Hour": 3, "Minute": 17}
    assert found["fleet.collect"]["StartInterval"] == 600


def test_a_crontab_has_a_line_a_task_that_a_shell_reads_as_meant(tmp_path: Path) -> None:
    lines = run(tmp_path, "print", "--cron").splitlines()
    assert len(lines) == len(NAMES)
    for line in lines:
        when, command = re.fullmatch(r"((?:\S+ ){5})(.+)", line).groups()  # type: ignore[union-attr]
        assert re.fullmatch(r"[0-9*/ ]+", when)
        assert not re.search(r"(?<!\\)%", command), "a bare % would end the command"
        asked = command.replace(r"\%", "%").split("</dev/null")[0]
        program = asked.partition("FLEET_INTERVAL=60 ")[2].split(" ")[0]
        shown = asked.replace(program, f"{sys.executable} -c 'import os,sys;"
                              "print(os.environ[\"FLEET_HOME\"])' #", 1)  # fmt: skip
        said = subprocess.run(
            ["/bin/sh", "-c", shown], capture_output=True, text=True, timeout=30, check=True
        )
        assert said.stdout == f"{tmp_path / NASTY}\n"


@as_root
@pytest.mark.parametrize("system", ["systemd", "launchd", "cron"])
def test_what_root_installs_for_nobody_is_refused(system: str, tmp_path: Path) -> None:
    done = fleet("schedule", "install", "check", f"--{system}", environ=environment(tmp_path))
    assert done.returncode == 3
    assert "needs an account to run as" in done.stderr
    assert "Try: --user NAME" in done.stderr


def test_what_is_scheduled_for_the_system_runs_as_the_account_that_was_named(
    tmp_path: Path,
) -> None:
    assert "\nUser=nobody\n" in run(tmp_path, "print", "audit", "--systemd", "--user", "nobody")
    plist = run(tmp_path, "print", "audit", "--launchd", "--user", "nobody")
    assert "\\t" not in plist, "the output shows a tab so, and launchd would read it"
    content = plistlib.loads(plist.encode())
    assert content["UserName"] == "nobody"
    assert content["EnvironmentVariables"]["FLEET_HOME"] == str(tmp_path / NASTY)
    assert "User=" not in run(tmp_path, "print", "audit", "--systemd")


def test_one_task_by_name_and_an_unknown_one_with_a_remedy(tmp_path: Path) -> None:
    [line] = run(tmp_path, "print", "backup", "--cron").splitlines()
    assert "--keep 14" in line
    environ = environment(tmp_path)
    wrong = fleet("schedule", "print", "backdup", environ=environ)
    assert (wrong.returncode, "Try: one of: collect" in wrong.stderr) == (3, True)


def test_backups_of_a_folder_are_kept_up_to_a_number(tmp_path: Path) -> None:
    from fleet.store.sqlite import SqliteStore

    environ = environment(tmp_path / "home")
    (tmp_path / "home").mkdir()
    SqliteStore(tmp_path / "home").open()
    folder = tmp_path / "copies"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"fleet-2020010{day}T000000Z.db").touch()
    (folder / "mine.db").touch()
    done = fleet("backup", "--keep", "2", str(folder), environ=environ)
    assert done.returncode == 0, done.stderr
    kept = sorted(path.name for path in folder.iterdir())
    assert kept[0] == "fleet-20200103T000000Z.db"
    assert kept[-1] == "mine.db"
    assert len(kept) == 3
