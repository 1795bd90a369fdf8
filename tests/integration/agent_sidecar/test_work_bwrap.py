"""Workers behind bubblewrap: no network, no host files, nothing left; or none at all."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from agent_sidecar.work.isolation.bwrap import BwrapRung
from fleet.contract.work_vocabulary import TaskReason, TaskState
from tests.support.waiting import wait_until
from tests.support.workers import Bench, carrying, sidecar_argv, wait_for_none


def why_not(folder: Path) -> str:
    if shutil.which("bwrap") is None:
        return "bwrap is not installed; sh scripts/test.sh --all installs it"
    kind = Bench(folder, "bwrap").work("true").kinds["job"]
    return BwrapRung(folder, os.environ).unavailable(kind)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    if why := why_not(tmp_path / "proof"):
        pytest.skip(why)
    return Bench(tmp_path / "work", "bwrap")


LOOK = """
id -u > out/id; ls -A / > out/root; cat /proc/net/dev > out/net
tr '\\0' '\\n' < /proc/1/environ > out/environ; grep Cap /proc/self/status > out/status
ls -A /home /root /var /run /etc/shadow /var/run/docker.sock > out/host 2>&1
for place in / /usr /dev /dev/shm /work /work/in /work/blackboard/final; do
    touch $place/x 2>/dev/null && echo $place; done > out/written
unshare -Ur true 2> out/nested; true
"""


def test_from_inside_there_is_no_network_no_host_no_right_and_no_word_of_ours(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TOKEN", "s3cret")
    kept = bench.do('. "$1"', LOOK.encode())
    assert kept.state is TaskState.COMPLETED, bench.said()
    names = ("environ", "host", "id", "nested", "net", "root", "status", "written")
    told = {
        name: bench.hub.blobs[content.digest].decode()
        for name, content in zip(names, kept.output, strict=True)
    }
    assert told["id"] == "65534\n"
    assert [line.split(":")[0].strip() for line in told["net"].splitlines()[2:]] == ["lo"]
    assert "s3cret" not in told["environ"]
    assert told["written"] == ""
    assert told["nested"]
    assert "CapEff:\t0000000000000000" in told["status"]
    assert not {"home", "root", "run", "var", "etc/shadow"} & set(told["root"].split())
    assert told["host"].count("No such file") == 6


def test_what_read_only_names_is_there_also_below_tmp(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / "words").write_text("said\n")
        kept = bench.do(f"cat {folder}/words > out/x; ! touch {folder}/y", read_only=[folder])
    assert kept.state is TaskState.COMPLETED, bench.said()
    assert bench.hub.blobs[kept.output[0].digest] == b"said\n"


@pytest.mark.parametrize(
    "lacks",
    [{"read_only": ["/opt/none-such"]}, {"argv": ["/none-such"]}, {"argv": ["none-such"]}],
    ids=str,
)
def test_what_is_not_there_is_said_before_a_task_is_claimed_for_it(
    bench: Bench, lacks: dict[str, list[str]]
) -> None:
    kind = bench.work("true", **lacks).kinds["job"]
    assert "none-such" in BwrapRung(bench.state, os.environ).unavailable(kind)
    kept = bench.do("true", **lacks)
    assert kept.reasons == [TaskReason.ISOLATION_UNAVAILABLE]


HOSTILE = {
    "writes one large file": (
        "dd if=/dev/zero of=out/x bs=1M count=99", TaskReason.OUTPUT_TOO_LARGE,
    ),
    # No bomb without end: root has no bound of the kernel's here, and others use the machine.
    "forks a lot": (
        "i=0; while [ $i -lt 400 ]; do sleep 99 & i=$((i+1)); done; wait",
        TaskReason.TOO_MANY_PROCESSES,
    ),
    "links to a secret": ("ln -s /etc/shadow out/x", TaskReason.OUTPUT_REFUSED),
    "ignores its time-out": (
        "trap '' TERM; (setsid sleep 4730.1 &); sleep 4730.1", TaskReason.WORKER_TIMEOUT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_worker_that_does_harm_costs_its_attempt_and_is_told_apart(
    bench: Bench, name: str
) -> None:
    script, reason = HOSTILE[name]
    assert bench.why(script, timeout=3) == reason
    assert carrying("4730.1") == []


def test_no_worker_outlives_a_sidecar_that_is_killed(bench: Bench, tmp_path: Path) -> None:
    argv = sidecar_argv(tmp_path / "work", "bwrap", "(setsid sleep 4731.2 &); sleep 4731.2")
    sidecar = subprocess.Popen(argv)
    wait_until(lambda: len(carrying("4731.2")) >= 3, what="that the worker runs")
    sidecar.send_signal(signal.SIGKILL)
    sidecar.wait()
    wait_for_none("4731.2")


@pytest.mark.parametrize(
    ("pretended", "why"),
    [
        (
            'exec /usr/bin/env -i PATH=/usr/bin:/bin /bin/sh -c "${look%%; echo in*}"',
            "network|files",
        ),
        ("echo 'setting up uid map: Permission denied' >&2; exit 1", "uid map"),
    ],
)
def test_a_bwrap_that_does_not_hold_is_found_out_from_within(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pretended: str, why: str
) -> None:
    """As where a policy, or a container around us, leaves the walls out."""
    folder = tmp_path / "bin"
    folder.mkdir()
    options = "--clearenv --size --disable-userns --remount-ro"
    fake = folder / "bwrap"
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = --help ] && {{ echo "{options}"; exit; }}\n'
        f"for look; do :; done\n{pretended}\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    bench = Bench(tmp_path / "work", "bwrap")
    kept = bench.do("echo x > out/x")
    assert kept.state is TaskState.REJECTED
    assert kept.reasons == [TaskReason.ISOLATION_UNAVAILABLE]
    kind = bench.work("true").kinds["job"]
    told = BwrapRung(tmp_path / "work", os.environ).unavailable(kind)
    assert any(word in told for word in why.split("|")), told
