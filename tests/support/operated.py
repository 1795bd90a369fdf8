"""A served hub of a fleet that is operated: rollouts in each state, pairs, and what runs out.

What would take hours is put into its store before it starts; who is there says so over the broker.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import MessageKind
from fleet.domain.failover.pair import Cause, Pair, Phase
from fleet.domain.rollout.plan import OnAbort, Plan
from fleet.domain.rollout.rollout import Execution, Rollout
from fleet.domain.rollout.states import ExecutionState, RolloutState
from fleet.provisioning.registry import Enrolled, Registry
from fleet.store.records import Batch, StoredMessage
from fleet.store.rollout_port import Whole
from fleet.store.sqlite import SqliteStore
from tests.support.broker import Mosquitto
from tests.support.hub import Publisher
from tests.support.served import Served
from tests.support.waiting import wait_until

E = ExecutionState
HOUR: Final = 3600
SIZE: Final = 2e11
ENDED, RUNNING, DRAFT = (f"01JQ00000000000000000R000{n}" for n in (1, 2, 3))
WAITS, BROKEN = "waits", "broken"
"""An agent that runs the new version and does no work, and one whose way back failed."""
QUOTAS: Final = """
[quotas.daily]
metric = "tokens_output"
limit = 300000
window = "day"
"""
PLAN: Final = Plan("2.0", "1,50%,100%", 4, "100%:9", 7200.0, 7200.0, 7200.0)


def _running(now: float) -> Whole:
    """Two that are done, one that is watched, one that does no work, one that went back, one away,
    and one whose wave is not opened."""
    ago = now - 240
    rollout = Rollout(
        RUNNING, PLAN, now - 900, "t1 operator", RolloutState.RUNNING, 2, started=now - 800
    )

    def one(agent: str, number: int, wave: int, state: ExecutionState, **more: Any) -> Execution:
        return Execution(agent, "red", number, wave, "1.0", True, state, ago, **more)

    return Whole(
        rollout,
        [
            one("done", 0, 1, E.COMMITTED, installed=ago, healthy_since=ago),
            one("done-too", 1, 2, E.COMMITTED, installed=ago, healthy_since=ago),
            one("watched", 2, 2, E.SOAKING, installed=ago, healthy_since=ago),
            one(WAITS, 3, 2, E.VERIFYING, installed=ago),
            one("back", 4, 2, E.ROLLED_BACK, reason="no-work", reached="verifying", undos=1),
            one("away", 5, 2, E.QUEUED),
            one("later", 6, 3, E.QUEUED),
        ],
    )


def _ended(now: float) -> Whole:
    plan = Plan("1.9-bad", "1,100%", 1, "20%:2", on_abort=OnAbort.ROLLBACK)
    rollout = Rollout(
        ENDED, plan, now - 9000, "t1 operator", RolloutState.ABORTED, 1, now - 8900, now - 8000,
        True, "threshold",
    )  # fmt: skip
    failed = Execution(
        BROKEN, "red", 0, 1, "1.0", True, E.ROLLBACK_FAILED, now - 8100,
        reason="no-work", reached="verifying", undos=1,
    )  # fmt: skip
    return Whole(rollout, [failed, Execution("done", "red", 1, 2, "1.0")])


def _pairs(now: float) -> list[Pair]:
    manual = Pair(
        "desk", "bot-a", "bot-b", True, 3, Phase.MANUAL, Cause.NOT_FENCEABLE, now - 300
    )  # fmt: skip
    return [manual, Pair("night", "night-a", "night-b", since=now - 90_000)]


def _beats(now: float) -> Iterator[StoredMessage]:
    """Nine days of ada, whose disk loses 5 % of all a day and who talks; five hours of young;
    and bot-a is gone."""
    first = now // HOUR * HOUR - 9 * 24 * HOUR + 60
    gone = json.dumps({"state": "offline", "ts": timestamp(first)}).encode()
    yield StoredMessage(1, first, "bot-a", MessageKind.STATUS, False, gone)
    number = 1
    for hour in range(9 * 24):
        for agent, since in (("ada", 0), ("young", 9 * 24 - 5)):
            if hour < since:
                continue
            number += 1
            told = {
                "disk_available_bytes": round(SIZE * (0.55 - 0.05 * hour / 24)),
                "disk_size_bytes": SIZE,
                "tokens_output_total": 10_000 * hour,
            }
            at = first + hour * HOUR
            beat = {"ok": True, "interval": 3600, "ts": timestamp(at), "metrics": told}
            text = json.dumps(beat).encode()
            yield StoredMessage(number, at, agent, MessageKind.HEARTBEAT, False, text)


async def _fill(store: SqliteStore, now: float) -> None:
    store.open()
    await store.commit(Batch(list(_beats(now))))
    for whole, over in ((_ended(now), True), (_running(now), False)):
        await store.rollouts.create(whole)
        before = await store.rollouts.get(whole.rollout.id)
        await store.rollouts.save(before, before, over=over)
    draft = Rollout(DRAFT, Plan("3.0"), now, "t1 operator")
    await store.rollouts.create(Whole(draft, [Execution("done", "red", 0, 1, "2.0")]))
    for pair in _pairs(now):
        await store.pairs.save(pair)
    await store.close()


def operated(folder: Path, broker: Mosquitto) -> Served:
    """The hub, started, once it has heard of everybody and has computed what runs out."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / "fleet.toml").write_text(QUOTAS)
    served, now = Served(home, broker), time.time()
    red = [one.agent for one in _running(now).executions] + [BROKEN]
    paired = [agent for pair in _pairs(now) for agent in pair.agents]
    for name in (*red, *paired, "ada", "young"):
        Registry(home).save(Enrolled(name, groups=("red",)))
    with ThreadPoolExecutor(1) as thread:  # a browser's driver may have the loop of this one
        thread.submit(asyncio.run, _fill(SqliteStore(home), now)).result()
    here = {"done": "2.0", "done-too": "2.0", "watched": "2.0", WAITS: "2.0", "back": "1.0"}
    for name, version in here.items():
        speaker = Publisher(broker, name)
        ts = timestamp(now)
        work = "fail" if name == WAITS else "pass"
        beat = {"ok": True, "ts": ts, "interval": 3600, "checks": {"work": work}}
        status = {"state": "running", "ts": ts, "versions": {"agent": version}}
        for kind, body in (("heartbeat", beat), ("status", status)):
            speaker.publish(kind, json.dumps(body), retain=True).wait_for_publish(30)
        speaker.close()
    served.start()
    wait_until(lambda: _is_whole(served), what="the forecasts")
    return served


def _is_whole(served: Served) -> bool:
    found = served.get("/v1/forecast")
    return bool(found.get("whole") and len(found["forecasts"]) > 4)
