"""Workers as plain processes: what is promised of them holds against those that mean harm."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState
from tests.support.waiting import wait_until
from tests.support.workers import Bench, carrying, helpers, sidecar_argv, wait_for_none

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the rungs need Linux"),
    pytest.mark.timeout(120),
]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "work")


def test_five_lines_of_shell_read_their_input_and_the_board_and_hand_both_back(
    bench: Bench,
) -> None:
    kept = bench.hub.submit("job", b"question\n")
    bench.hub.write(kept, BoardSection.CONTEXT, "brief.md", b"brief\n")
    bench.loop(
        'cat "$1" "$3/context/brief.md" > "$2/answer.md"\necho 40 > "$TASK_PROGRESS"\n'
        'echo found > "$2/findings/first.md"'
    ).run(once=True)
    assert kept.state is TaskState.COMPLETED
    assert bench.hub.blobs[kept.output[0].digest] == b"question\nbrief\n"
    assert kept.output[0].media_type == "text/markdown"
    assert bench.hub.read(kept, BoardSection.FINDINGS, "first.md") == b"found\n"
    assert bench.left() == []


ASKING = """\
if [ -e in/1 ]; then cat blackboard/findings/draft.md in/1 > out/answer.md; exit; fi
echo "Which day?" > out/question.md
echo "Booked for " > out/findings/draft.md
exit 75
"""


def test_a_worker_asks_by_a_file_and_its_exit_code_and_goes_on_with_the_answer(
    bench: Bench,
) -> None:
    kept = bench.hub.submit("job", b"book a table")
    loop, heard = bench.loop(ASKING, required=["answer.md"]), []
    loop.told = lambda _claim, state, _progress, reason: heard.append((state, reason))
    loop.run(once=True)
    assert kept.state is TaskState.INPUT_REQUIRED
    assert heard[-1] == (TaskState.INPUT_REQUIRED, None)
    assert bench.hub.blobs[kept.output[0].digest] == b"Which day?\n"
    bench.hub.answer(kept, b"Monday\n")
    bench.loop(ASKING, required=["answer.md"]).run(once=True)
    assert kept.state is TaskState.COMPLETED
    assert bench.hub.blobs[kept.output[0].digest] == b"Booked for \nMonday\n"
    assert bench.left() == []


@pytest.mark.parametrize("script", ["exit 75", "echo what > out/answer.md; exit 75"])
def test_who_asks_without_a_question_has_failed(bench: Bench, script: str) -> None:
    assert bench.why(script) in ("output-missing", "worker-exit")


def test_nothing_of_our_environment_reaches_a_worker_but_what_its_kind_names(
    tmp_path: Path,
) -> None:
    secrets = {**os.environ, "FLEET_TOKEN": "s3cret", "MODEL_KEY": "k"}
    bench = Bench(tmp_path / "work", environ=secrets)
    bench.do("env > out/env.txt", environment=["MODEL_KEY"])
    told = next(blob for blob in bench.hub.blobs.values() if b"TASK_ID=" in blob).decode()
    assert "MODEL_KEY=k" in told
    assert "s3cret" not in told
    assert {line.split("=")[0] for line in told.splitlines()} <= {
        *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "PWD", "MODEL_KEY", "SHLVL", "OLDPWD", "_"),
        *("TASK_ID", "TASK_IN", "TASK_OUT", "TASK_BOARD", "TASK_PROGRESS"),
    }


HOSTILE = {
    "exits": ("exit 7", TaskReason.WORKER_EXIT),
    "crashes": ("kill -SEGV $$", TaskReason.WORKER_SIGNAL),
    "is not there": ("exec /no/such/program", TaskReason.WORKER_EXIT),
    "leaves nothing": ("true", TaskReason.OUTPUT_MISSING),
    "writes one large file": (
        "dd if=/dev/zero of=out/x bs=1M count=99 2>/dev/null", TaskReason.OUTPUT_TOO_LARGE,
    ),
    "writes many files": (
        "i=0; while :; do i=$((i+1)); head -c 9000 /dev/zero > out/f$i; done",
        TaskReason.OUTPUT_TOO_LARGE,
    ),
    "makes folders without end": (
        "i=0; while :; do i=$((i+1)); mkdir -p out/d$i/e/f/g; done", TaskReason.OUTPUT_TOO_LARGE,
    ),
    "talks without end": ("exec yes", TaskReason.OUTPUT_TOO_LARGE),
    # No bomb without end: root has no bound of the kernel's here, and others use the machine.
    "forks a lot": (
        "i=0; while [ $i -lt 400 ]; do sleep 99 & i=$((i+1)); done; wait",
        TaskReason.TOO_MANY_PROCESSES,
    ),
    "links to a secret": ("ln -s /etc/shadow out/x", TaskReason.OUTPUT_REFUSED),
    "links a section elsewhere": (
        "rm -r out/final; ln -s /etc out/final", TaskReason.OUTPUT_REFUSED,
    ),
    "hands a pipe back": ("mkfifo out/x", TaskReason.OUTPUT_REFUSED),
    "names a second name": ("echo x > y; ln y out/x", TaskReason.OUTPUT_REFUSED),
    "names a path": ("echo x > 'out/A b'", TaskReason.OUTPUT_REFUSED),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_worker_that_does_harm_costs_its_attempt_and_is_told_apart(
    bench: Bench, name: str
) -> None:
    script, reason = HOSTILE[name]
    assert bench.why(script) == reason


def test_a_worker_that_eats_memory_is_told_apart(bench: Bench) -> None:
    eater = 'x=[]\nwhile True: x.append(b"x" * 3_000_000); import time; time.sleep(0.004)'
    assert bench.why(f"exec {sys.executable} -c '{eater}'") == TaskReason.OUT_OF_MEMORY


def test_one_that_takes_all_memory_at_once_gets_none(bench: Bench) -> None:
    eater = "x = bytearray(2_000_000_000); import time; time.sleep(60)"
    reason = bench.why(f"exec {sys.executable} -c '{eater}'")
    assert reason in (TaskReason.WORKER_EXIT, TaskReason.OUT_OF_MEMORY)


def test_at_its_time_out_everybody_ends_whatever_signals_they_ignore_and_wherever_they_hid(
    bench: Bench,
) -> None:
    hidden = "sleep 4711.1"
    script = (
        f"trap '' TERM; (setsid env -i sh -c \"trap '' TERM HUP; (setsid {hidden} &); {hidden}\" &)"
        f"; {hidden}"
    )
    assert bench.why(script, timeout=2) == TaskReason.WORKER_TIMEOUT
    assert carrying(hidden.split()[1]) == []


def test_whoever_gets_on_may_take_long_and_whoever_is_silent_stalls(bench: Bench) -> None:
    bench.hub._lease = 3.0
    steps = "for i in 1 2 3 4 5 6; do echo $i > $TASK_PROGRESS; sleep 0.5; done; cp $1 out/x"
    busy = bench.do(steps, stall=2)
    assert busy.state is TaskState.COMPLETED
    assert busy.progress
    assert bench.why("sleep 99", stall=1) == TaskReason.WORKER_STALLED


def test_a_task_that_is_called_off_is_ended_at_the_next_renewal(bench: Bench) -> None:
    bench.hub._lease = 3.0
    kept = bench.hub.submit("job", b"x")
    kept.cancel = True
    bench.loop("sleep 4712.2").run(once=True)
    assert kept.state is TaskState.CANCELED
    assert carrying("4712.2") == []


def test_a_worker_whose_lease_is_lost_ends_at_once_and_nothing_of_it_counts(bench: Bench) -> None:
    bench.hub._lease = 3.0
    kept = bench.hub.submit("job", b"x")
    loop = bench.loop("trap '' TERM; echo x > out/x; echo > $TASK_PROGRESS; sleep 4713.3")

    def take_away() -> None:
        kept.epoch += 1  # another one has it by now

    renew = bench.hub.renew

    def lose(claim: object, progress: int, _result: bool) -> tuple[float, bool]:
        take_away()
        loop.stop()
        return renew(claim, progress)  # type: ignore[arg-type]

    bench.hub.renew = lose  # type: ignore[method-assign]
    loop.run()
    assert kept.state is TaskState.WORKING
    assert kept.output == ()
    assert carrying("4713.3") == []
    assert bench.left() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_sidecar_however_that_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    script = "trap '' TERM; (setsid sleep 4714.4 &); sleep 4714.4"
    state = tmp_path / "work"
    sidecar = subprocess.Popen(sidecar_argv(state, "process", script))
    wait_until(lambda: len(carrying("4714.4")) >= 3, what="that the worker has hidden itself")
    sidecar.send_signal(number)
    sidecar.wait()
    wait_for_none("4714.4")


def test_a_sidecar_that_is_frozen_lets_nobody_run_beyond_the_lease(tmp_path: Path) -> None:
    state = tmp_path / "work"
    argv = sidecar_argv(state, "process", "sleep 4715.5")
    argv[2] = argv[2].replace("bench.hub.submit", "bench.hub._lease = 4.0\nbench.hub.submit")
    sidecar = subprocess.Popen(argv)
    wait_until(lambda: len(carrying("4715.5")) >= 2, what="that the worker runs")
    sidecar.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: carrying("4715.5") == [sidecar.pid], what="that the worker has ended")
    finally:
        sidecar.kill()
        sidecar.wait()


def test_what_a_sidecar_and_all_its_helpers_left_the_next_one_ends(tmp_path: Path) -> None:
    state = tmp_path / "work"
    script = "(setsid sleep 4716.6 &); (setsid env -i sleep 4716.6 &); sleep 4716.6"
    sidecar = subprocess.Popen(sidecar_argv(state, "process", script))
    wait_until(lambda: list(state.glob("tasks/*.worker")), what="that the worker is on record")
    wait_until(lambda: len(carrying("4716.6")) >= 5, what="that the worker has hidden itself")
    for pid in (*helpers(sidecar.pid), sidecar.pid):
        os.kill(pid, signal.SIGKILL)
    sidecar.wait()
    bench = Bench(state)
    bench.loop("true").run(once=True)
    assert bench.left() == []
    cleared = carrying("4716.6")
    for pid in cleared:  # with its ancestors and its environment gone, nobody can tell whose it was
        os.kill(pid, signal.SIGKILL)
    assert len(cleared) <= 1


def test_who_listens_hears_how_far_each_task_is_and_how_it_ended(bench: Bench) -> None:
    heard: list[tuple[str, str | None]] = []
    kept = bench.hub.submit("job", b"x")
    loop = bench.loop("exit 3")
    loop.told = lambda _claim, state, _, reason: heard.append((state, reason))
    loop.run(once=True)
    assert kept.state is TaskState.FAILED
    assert heard == [("working", None), ("failed", "worker-exit")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a worker another user")
def test_as_another_user_a_worker_reads_no_secret_of_ours_and_ends_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "hub.token"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    monkeypatch.setenv("FLEET_TOKEN", "s3cret")
    bench = Bench(tmp_path / "work", "process")
    mine = os.getpid()
    look = (
        f"cat {secret} /proc/{mine}/environ /proc/$PPID/environ; kill -9 {mine} $PPID;"
        " cat $1 > $2/answer.md; id -un > $2/who; echo x > in/1"
    )
    kept = bench.do(look + "; true", user="nobody", pids=60)
    assert kept.state is TaskState.COMPLETED, bench.said()
    assert [bench.hub.blobs[content.digest] for content in kept.output] == [b"hello\n", b"nobody\n"]
    assert "s3cret" not in bench.said()
    assert "Permission denied" in bench.said()
    assert bench.left() == []


def test_as_our_own_user_a_worker_reads_what_we_read_which_is_why_it_is_said(
    bench: Bench, tmp_path: Path
) -> None:
    """What `process` does not contain, held so that the how-to says the truth."""
    secret = tmp_path / "hub.token"
    secret.write_text("s3cret")
    secret.chmod(0o600)
    bench.do(f"cp {secret} out/stolen")
    assert b"s3cret" in bench.hub.blobs.values()
