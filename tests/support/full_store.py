"""A store in which every table has rows: messages of several months, sums, alerts, work, strange
texts; and moves of it that are killed on the way."""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Final

from fleet.contract.store_url import StoreUrl
from fleet.contract.vocabulary import AlertState, MessageKind, Priority, Severity, Verb
from fleet.contract.work_vocabulary import BoardSection
from fleet.domain.alert import Alert
from fleet.domain.commands import IssuedCommand
from fleet.domain.events import Event, Fact
from fleet.domain.failover.pair import Pair
from fleet.domain.rollout.plan import Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.silences import Silence
from fleet.notifier import kept_files
from fleet.store import move as moves
from fleet.store.port import Store
from fleet.store.records import Batch, DeadLetter, StoredEvent, StoredMessage
from fleet.store.rollout_port import Whole
from fleet.store.transfer import transfer
from fleet.store.transfer.sides import KeptDocuments
from fleet.store.work_records import Entry, Read
from tests.support.stores import finish_upkeep
from tests.support.telemetry import NOON
from tests.support.work import CONTEXT, blob, claimed, keep, submitted, task_id

YEAR: Final = 365 * 86_400.0
AGENTS: Final = ("larry", "moe", "späh")
KINDS: Final = (MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT)

_PAYLOADS: Final = {
    MessageKind.HEARTBEAT: b'{"ok":true,"ts":"2027-01-15T08:00:00Z","metrics":{"cpu_pct":7}}',
    MessageKind.STATUS: b'{"state":"running","ts":"2027-01-15T08:00:00Z"}',
    MessageKind.ALERT: b'{"code":"disk-pressure","severity":"warning","state":"firing"}',
}


def history(number: int, first: int = 1) -> list[StoredMessage]:
    """Messages of a year that ends at noon."""
    return [
        StoredMessage(
            first + n, NOON - YEAR + n * YEAR / number + n / 7, AGENTS[n % 3], KINDS[n % 3],
            n % 2 == 0, _PAYLOADS[KINDS[n % 3]],
        )
        for n in range(number)
    ]  # fmt: skip


async def fill(store: Store, messages: int) -> None:
    """Fill an open `store`: every table has at least a row."""
    log = history(messages)
    last = log[-1].id
    for start in range(0, messages, 1000):
        await store.commit(Batch(log[start : start + 1000]))
    hostile = "fleet/\0/\N{PILE OF POO}"
    await store.commit(
        Batch(
            dead_letters=[
                DeadLetter(last + 1, NOON, hostile, b"\0\xff", True, "not-json", "a\0b"),
                DeadLetter(last + 2, NOON, "x", b"", False, "unknown-field", ""),
            ],
            events=[
                StoredEvent(last + 3, Event(Fact.ALERT_FIRING, "moe", NOON, "disk-pressure",
                                            Severity.WARNING, -0.0))
            ],
            alerts=[Alert("moe", "disk-pressure", Severity.WARNING, AlertState.FIRING, 1 / 3)],
            silences=[Silence("s1", NOON + 9, by="cli", members=frozenset({"b", "a"}))],
            records=[("moe", 7, {"state": "späh"}), ("larry", 9, {})],
            replay_from=last - 5,
        )
    )  # fmt: skip
    await store.save_commands(
        [IssuedCommand("c1", "moe", Verb.HEALTH_CHECK, Priority.NORMAL, 60, NOON, took=0.1)]
    )
    await _work(store)
    rollout = Rollout(task_id(9), Plan("2.0", "1,100%"), NOON, "t1 operator")
    await store.rollouts.create(Whole(rollout, [Execution("späh", "red", 0, 1, "1.0")]))
    await store.pairs.save(Pair("bots", "larry", "moe", auto=True, epoch=7, since=1 / 3))
    await store.timelines.listen(1 / 3)
    await finish_upkeep(store, NOON)


async def _work(store: Store) -> None:
    work = store.work
    await keep(work, blob("one"))
    await submitted(work, 1, input=(blob("one"),))
    await submitted(work, 2, after=(task_id(1),))
    task = await claimed(work)
    await work.put_entry(
        Entry(CONTEXT, BoardSection.FINDINGS, "z", 0, blob("one"), "agent:moe", "", NOON)
    )
    await work.grant("larry", [blob("one").digest], NOON + 60, NOON)
    await work.log_reads([Read(NOON, "agent:larry", blob("one").digest)])
    await work.renew(task.id, "larry", task.epoch, 40, NOON + 1)


def outbox(home: Path) -> Path:
    """What a route of this home has not told yet."""
    (home / "routes").mkdir(mode=0o700, exist_ok=True)
    file = home / "routes" / "oncall.json"
    file.write_text(json.dumps({"waiting": ["späh"]}))
    file.chmod(0o600)
    return file


def move_of(home: Path, url: StoreUrl) -> moves.Move:
    kept = KeptDocuments(partial(kept_files.read_all, home), partial(kept_files.write_all, home))
    return moves.Move(home, url, None, kept)


def killed_in_the_middle(direction: str, home: Path, url: str, step: int) -> None:
    """Begin a move, in chunks of 50 rows, and die at its `step`th, or before its last word."""
    transfer.CHUNK = 50  # type: ignore[misc]
    steps = 0

    def tell(_what: str, _rows: int, _all: int) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGKILL)

    if step == 0:
        from fleet.store.postgres.move_source import PostgresSource
        from fleet.store.sqlite.transfer import SqliteSource

        for source in (PostgresSource, SqliteSource):
            source.leave = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
    move = move_of(home, StoreUrl.parse(url))
    call = {"there": moves.into_database, "back": moves.into_home}[direction]
    call(moves.Move(move.home, move.url, None, move.kept, tell))


if __name__ == "__main__":
    killed_in_the_middle(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
