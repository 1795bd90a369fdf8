"""Workers in containers, on a real engine: what is promised holds against those that mean harm."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState
from tests.support.docker import IMAGE, NEEDS_ENGINE, Docker, engine
from tests.support.waiting import wait_until
from tests.support.workers import Bench, carrying, helpers, sidecar_argv, wait_for_none

pytestmark = NEEDS_ENGINE


@pytest.fixture(scope="module")
def docker() -> Iterator[Docker]:
    with engine() as running:
        running.run("rm", "-f", "canary")
        yield running


@pytest.fixture
def bench(docker: Docker, tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path / "work", "container", docker.environ, {"image": IMAGE})
    assert docker.run("ps", "-aq") == ""


def test_a_script_reads_its_input_and_the_board_and_hands_both_back(bench: Bench) -> None:
    kept = bench.hub.submit("job", b"question\n")
    bench.hub.write(kept, BoardSection.CONTEXT, "brief.md", b"brief\n")
    bench.loop(
        'cat "$1" "$3/context/brief.md" > "$2/answer.md"; echo found > "$2/findings/first.md"'
    ).run(once=True)
    assert kept.state is TaskState.COMPLETED
    assert bench.hub.blobs[kept.output[0].digest] == b"question\nbrief\n"
    assert bench.hub.read(kept, BoardSection.FINDINGS, "first.md") == b"found\n"
    assert bench.left() == []


LOOK = """
busybox id > out/id; busybox ls -A / > out/root; cat /proc/net/dev > out/net
cat /proc/1/environ | busybox tr '\\0' '\\n' > out/environ; cat /proc/self/status > out/status
busybox ls -A /run /var/run /root /etc/shadow /var/run/docker.sock > out/host 2>&1
for place in / /bin /work /work/in /work/blackboard/final /proc/sys/kernel; do
    busybox touch $place/x 2>/dev/null && echo $place; done > out/written
echo "#!/bin/sh" > out/run; busybox chmod 700 out/run; out/run 2> out/executed; true
"""


def test_from_inside_there_is_no_network_no_host_no_right_and_no_word_of_ours(
    bench: Bench, docker: Docker
) -> None:
    bench.environ = {**docker.environ, "FLEET_TOKEN": "s3cret"}
    kept = bench.do('. "$1"', LOOK.encode())
    assert kept.state is TaskState.COMPLETED
    names = ("environ", "executed", "host", "id", "net", "root", "run", "status", "written")
    told = {
        name: bench.hub.blobs[content.digest].decode()
        for name, content in zip(names, kept.output, strict=True)
    }
    assert "uid=65534" in told["id"]
    assert [line.split(":")[0].strip() for line in told["net"].splitlines()[2:]] == ["lo"]
    assert "s3cret" not in told["environ"]
    assert "DOCKER_HOST" not in told["environ"]
    assert told["written"] == ""
    assert "ermission denied" in told["executed"]
    assert "CapEff:\t0000000000000000" in told["status"]
    assert "CapBnd:\t0000000000000000" in told["status"]
    assert "NoNewPrivs:\t1" in told["status"]
    assert set(told["root"].split()) <= {
        *(".dockerenv", "bin", "dev", "etc", "proc", "sys", "tmp", "work"),
    }
    assert "docker.sock: No such file" in told["host"]


HOSTILE = {
    "writes one large file": (
        "busybox dd if=/dev/zero of=out/x bs=1M count=99", TaskReason.OUTPUT_TOO_LARGE,
    ),
    "fills the disk with files that have no name": (
        'for i in 3 4 5 6 7 8 9; do eval "exec $i> out/f$i"; busybox rm out/f$i;'
        " busybox dd if=/dev/zero bs=1M count=3 >&$i || { echo full; exit 3; }; done; sleep 99",
        TaskReason.WORKER_EXIT,
    ),
    "forks without end": ("b() { b | b & }; b; sleep 99", TaskReason.TOO_MANY_PROCESSES),
    "eats memory": (
        "busybox dd if=/dev/zero of=/dev/null bs=300M count=1", TaskReason.OUT_OF_MEMORY,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_worker_that_does_harm_costs_its_attempt_and_is_told_apart(
    bench: Bench, name: str
) -> None:
    script, reason = HOSTILE[name]
    assert bench.why(script) == reason


def test_at_its_time_out_a_container_ends_whatever_signals_it_ignores(bench: Bench) -> None:
    script = "trap '' TERM; (busybox setsid sleep 4720.1 &); sleep 4720.1"
    assert bench.why(script, timeout=6) == TaskReason.WORKER_TIMEOUT
    assert carrying("4720.1") == []


def test_two_tasks_side_by_side_see_nothing_of_each_other(bench: Bench) -> None:
    script = (
        "cat $1 > out/mine; busybox ps > out/seen; busybox find /work /tmp -name 0 > out/found;"
        " echo > $TASK_PROGRESS; sleep 1"
    )
    kept = [bench.hub.submit("job", name.encode()) for name in ("red", "blue")]
    bench.loop(script, parallel=2).run(once=True)
    for one, name in zip(kept, (b"red", b"blue"), strict=True):
        found, mine, seen = (bench.hub.blobs[content.digest] for content in one.output)
        assert mine == name
        assert found.split() == [b"/work/in/0"]
        assert len(seen.splitlines()) <= 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_container_outlives_the_sidecar_however_that_ends(
    docker: Docker, tmp_path: Path, number: signal.Signals
) -> None:
    argv = sidecar_argv(tmp_path / "work", "container", "trap '' TERM; sleep 4721.2", IMAGE)
    sidecar = subprocess.Popen(argv, env=docker.environ)
    wait_until(lambda: docker.run("ps", "-q"), what="that the container runs")
    sidecar.send_signal(number)
    sidecar.wait()
    wait_until(lambda: not docker.run("ps", "-aq"), what="that it is gone")
    wait_for_none("4721.2")
    bench = Bench(tmp_path / "work", "container", docker.environ, {"image": IMAGE})
    bench.loop("true").run(once=True)  # the next one takes the folder and its mount away
    assert bench.left() == []


def test_what_a_sidecar_and_all_its_helpers_left_the_next_one_removes(
    docker: Docker, tmp_path: Path
) -> None:
    state = tmp_path / "work"
    argv = sidecar_argv(state, "container", "sleep 4722.3", IMAGE)
    sidecar = subprocess.Popen(argv, env=docker.environ)
    wait_until(lambda: docker.run("ps", "-q"), what="that the container runs")
    for pid in (*helpers(sidecar.pid), sidecar.pid):
        os.kill(pid, signal.SIGKILL)
    sidecar.wait()
    docker.container("bystander", "sleep 4723.4", "--label", "fleet.work=another")
    bench = Bench(state, "container", docker.environ, {"image": IMAGE})
    bench.loop("true").run(once=True)
    assert docker.run("ps", "--format", "{{.Names}}") == "bystander"
    assert bench.left() == []
    docker.run("rm", "-f", "bystander")


def test_without_its_image_a_task_is_rejected_and_nothing_is_pulled_or_run(bench: Bench) -> None:
    kept = bench.do("echo x > out/x", image="no-such-image:1")
    assert kept.state is TaskState.REJECTED
    assert kept.reasons == [TaskReason.ISOLATION_UNAVAILABLE]


def test_without_an_engine_a_task_is_rejected_and_nothing_weaker_is_taken(tmp_path: Path) -> None:
    nowhere = {**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    bench = Bench(tmp_path / "work", "container", nowhere, {"image": IMAGE})
    kept = bench.do("echo x > out/x; echo x > /tmp/fleet-escaped")
    assert kept.state is TaskState.REJECTED
    assert kept.reasons == [TaskReason.ISOLATION_UNAVAILABLE]
    assert bench.left() == []
