"""A sidecar of a pair that was restarted by another name takes up the role that its agent has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent_sidecar import machine_time
from agent_sidecar.lock import exclusive
from agent_sidecar.pair.former_name import take_over
from agent_sidecar.pair.kept import KeptPair, Report
from agent_sidecar.pair.lease_keeper import Role
from fleet.contract import trusted_path
from fleet.contract.vocabulary import PairRole

FILE = "/etc/fleet/pair.toml"
HELD = Role(7, PairRole.ACTIVE, 1000.0, machine_time.boot_id())


@contextmanager
def guard(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is called as the guard of that folder."""
    words = ["-c", "import time; time.sleep(600)", "agent_sidecar.pair.guard", str(folder)]
    process = subprocess.Popen([sys.executable, *words])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[KeptPair, KeptPair]:
    """What is kept by the old name, and by the new one: nothing yet."""
    old, new = (KeptPair(tmp_path / "sidecar" / name / "pair" / "p") for name in ("ada", "eve"))
    for one in (old, new):
        trusted_path.make_folder(one.folder)
    old.save_role(HELD)
    return old, new


def say(old: KeptPair, pid: int, file: str = FILE) -> None:
    old.save_report(Report(pid, 0.0, machine_time.boot_id(), 7, True, True, True, file))


def test_the_role_goes_with_the_agent_and_the_guard_of_before_ends(
    pairs: tuple[KeptPair, KeptPair],
) -> None:
    old, new = pairs
    with guard(old.folder) as process:
        say(old, process.pid)
        take_over(new, FILE)
        assert process.wait(20) == -9
    assert (new.role(), old.role()) == (HELD, Role())
    take_over(new, FILE)
    assert new.role() == HELD


@pytest.mark.parametrize("why", ["another file", "newer here", "no guard spoke", "it runs"])
def test_what_is_of_another_agent_or_older_or_at_work_stays_where_it_is(
    pairs: tuple[KeptPair, KeptPair], why: str
) -> None:
    old, new = pairs
    own = Role(8 if why == "newer here" else 0)
    new.save_role(own)
    with guard(old.folder) as process:
        if why != "no guard spoke":
            say(old, process.pid, "/etc/fleet/bob.toml" if why == "another file" else FILE)
        if why == "it runs":
            with exclusive(old.folder.parent.parent):
                take_over(new, FILE)
        else:
            take_over(new, FILE)
        assert process.poll() is None
    assert (new.role(), old.role()) == (own, HELD)
