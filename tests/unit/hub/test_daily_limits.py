"""What the hub refuses of an agent that says too much: counted, a dead letter, and not applied."""

from __future__ import annotations

import random
from collections.abc import Callable

from agent_sidecar.telemetry.quantiser import Quantiser
from fleet.bus.port import Inbound
from fleet.contract.timestamps import timestamp
from fleet.contract.vocabulary import Reason
from fleet.domain.daily_bounds import DAY, Bounds
from fleet.domain.enrolment import Enrolment
from fleet.hub.daily_limits import LEASE, DailyLimits
from tests.support.intake import Intake, alert, beat, status
from tests.support.telemetry import NOON
from tests.support.waiting import eventually

VALUES = random.Random(1)


def refused(intake: Intake, reason: Reason = Reason.TOO_OFTEN) -> int:
    return intake.counters.rejected[reason]


def random_metrics(digits: int, count: int = 32) -> dict[str, float]:
    return {f"load_{k}": float(f"{VALUES.random():.{digits}g}") for k in range(count)}


def numbered(count: int, metrics: Callable[[int], dict[str, float]]) -> list[Inbound]:
    """The heartbeats of one session, one in ten minutes."""
    return [
        beat(boot=5, seq=n, interval=600, ts=timestamp(NOON + 600 * n), metrics=metrics(n))
        for n in range(count)
    ]


async def taken(intake: Intake, count: int) -> None:
    await eventually(lambda: len(intake.bus.acked) == count)


async def test_a_flood_of_heartbeats_is_refused_and_not_applied(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds())
    flood = [beat(boot=5, seq=n, uptime=n, metrics=random_metrics(3)) for n in range(500)]
    quiet = beat("moe", uptime=1)
    intake.bus.deliver(*flood[:250])
    intake.bus.deliver(*flood[250:], quiet)
    await taken(intake, 501)
    assert 398 <= refused(intake) <= 400
    assert intake.roster.view("larry", intake.now).uptime < 103
    rows = await intake.store.dead_letters(before=None, limit=500)
    assert {(row.reason, row.field) for row in rows} == {("too-often", "")}
    assert len(rows) == refused(intake)
    assert intake.roster.view("moe", intake.now).uptime == 1


async def test_heartbeats_at_their_time_are_let_in_by_leases_all_day(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds())
    beats = numbered(3 * LEASE, lambda n: {"load": n})
    for one in beats:
        intake.wait(600)
        intake.bus.deliver(one)
    await taken(intake, len(beats))
    assert refused(intake) == 0
    assert intake.roster.view("larry", intake.now).seq == len(beats) - 1


async def test_a_backlog_of_heartbeats_is_let_in_at_once(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds())
    beats = [
        beat(boot=5, seq=n, interval=60, ts=timestamp(NOON - 60 * (1000 - n)), metrics={"load": n})
        for n in range(1000)
    ]
    intake.bus.deliver(*beats)
    await taken(intake, 1000)
    assert refused(intake) == 0


async def test_new_names_and_versions_beyond_a_day_s_are_refused_by_their_field(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(metrics=4, versions=2))
    names = [beat(metrics={f"load_{n}": 1}) for n in range(12)]
    versions = [status(versions={"agent": f"1.{n}"}) for n in range(6)]
    intake.bus.deliver(*names, *versions)
    await taken(intake, 18)
    rows = await intake.store.dead_letters(before=None, limit=99)
    assert sorted((row.reason, row.field) for row in rows) == [
        *[("too-often", "metrics")] * 3,
        *[("too-often", "versions")] * 3,
    ]
    intake.wait(DAY)
    intake.bus.deliver(beat(ts=timestamp(NOON + DAY), metrics={"load_99": 1}))
    await taken(intake, 19)
    assert refused(intake) == 6


async def test_what_the_hub_asks_for_it_takes(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(events=5))
    ask = Inbound("fleet/larry/command", b'{"verb":"status-report"}', 1)
    intake.bus.deliver(beat(), beat(uptime=1), *[ask] * 20, *[status()] * 25)
    await taken(intake, 47)
    assert refused(intake) == 0
    intake.bus.deliver(status())
    await taken(intake, 48)
    assert refused(intake) == 1


async def test_an_announced_interval_below_the_shortest_gives_no_more(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(shortest=600))
    beats = [beat(boot=5, seq=n, interval=1, ts=timestamp(NOON + n)) for n in range(300)]
    intake.bus.deliver(*beats)
    await taken(intake, 300)
    assert 195 <= refused(intake) <= 200


async def test_numbers_of_more_digits_than_they_need_are_refused_beyond_a_day_s(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(interval=600))
    day = numbered(140, lambda _: random_metrics(17))
    intake.bus.deliver(*day[:70])
    intake.bus.deliver(*day[70:])
    await taken(intake, 140)
    # 144 heartbeats due of 7 such numbers and 300 beside them are 40 of 32.
    assert abs(140 - 40 - refused(intake, Reason.TOO_PRECISE)) <= 2
    assert refused(intake) == 0
    stored = (await intake.store.history(limit=200)).messages
    assert len(stored) == 140
    bare = sum(b"load_0" not in one.payload for one in stored)
    assert bare == refused(intake, Reason.TOO_PRECISE)
    assert intake.roster.view("larry", intake.now).seq == 139  # it is heard all the same
    before = refused(intake, Reason.TOO_PRECISE)
    rounded = beat(boot=5, seq=141, ts=timestamp(NOON + 85_000), metrics=random_metrics(3))
    intake.bus.deliver(rounded)
    await taken(intake, 141)
    assert refused(intake, Reason.TOO_PRECISE) == before
    assert intake.roster.view("larry", intake.now).seq == 141


async def test_who_is_on_a_list_gains_no_digits_by_announcing_a_short_interval(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(interval=600))
    intake.roster.enrol({"larry": Enrolment()}, at=NOON)
    metrics = [random_metrics(17) for _ in range(90)]
    intake.bus.deliver(*[beat(seq=n, interval=1, metrics=one) for n, one in enumerate(metrics)])
    await taken(intake, 90)
    assert refused(intake, Reason.TOO_PRECISE) >= 90 - 42


async def test_each_heartbeat_of_a_lease_counts_as_the_one_that_was_looked_at(intake: Intake):
    limits = intake.ingest._limits = DailyLimits(Bounds(spare=1_000))
    limits.draw = lambda below: below - 1
    intake.bus.deliver(*numbered(3, lambda _: random_metrics(17, 4)))
    await taken(intake, 3)
    assert limits._counts["larry"].exact == 4 + 4 * LEASE


async def test_an_agent_that_rounds_and_counts_on_is_refused_nothing(intake: Intake):
    limits = intake.ingest._limits = DailyLimits(Bounds(exact=0))
    limits.draw = lambda _: 0
    quantiser = Quantiser()

    def metrics(n: int) -> dict[str, float]:
        said = {
            "tokens_input_total": 10**9 + 12_345 * n * n,
            "cost_usd_total": 123.456 + n * 0.0777123,
            "load": VALUES.random() * 10**6,
            "last_work_timestamp_seconds": NOON + 600 * n - 12.345,
        }
        return quantiser.message({"metrics": said})["metrics"]

    beats = numbered(140, metrics)
    for one in beats:
        intake.wait(600)
        intake.bus.deliver(one)
    await taken(intake, len(beats))
    assert refused(intake, Reason.TOO_PRECISE) == 0
    assert limits._counts["larry"].exact <= 2  # the first of each counter


async def test_who_hides_text_in_one_number_of_many_is_read_in_full_from_the_first_that_is_seen(
    intake: Intake,
):
    limits = intake.ingest._limits = DailyLimits(Bounds(interval=600))
    limits.draw = lambda _: 3
    beats = numbered(80, lambda _: {"load": 0.5})
    hidden = [beats[n]._replace(payload=beats[n].payload.replace(b"0.5", b"0.5" + b"0" * 500))
              for n in range(2, 80, 2)]  # fmt: skip
    beats[2:80:2] = hidden
    intake.bus.deliver(*beats)
    await taken(intake, 80)
    rejected = refused(intake, Reason.TOO_PRECISE)
    assert len(hidden) - 4 <= rejected <= len(hidden)
    assert intake.counters.stored == 80 - rejected


async def test_who_said_too_many_digits_is_heard_and_his_alert_fires(intake: Intake):
    limits = intake.ingest._limits = DailyLimits(Bounds(interval=600))
    limits.draw = lambda _: 0
    intake.roster.enrol({"larry": Enrolment()}, at=NOON)
    for one in numbered(200, lambda _: random_metrics(17, 12)):
        intake.wait(600)
        intake.bus.deliver(one)
    intake.bus.deliver(
        alert(code="disk-pressure", severity="critical", value=91.2345),
        status(state="degraded", ts=timestamp(intake.now), metrics={"load": 0.12345}),
    )
    await taken(intake, 202)
    view = intake.roster.view("larry", intake.now)
    assert "disk-pressure" in view.alerts
    assert view.says == "degraded"
    assert view.last_seen == intake.now
    assert limits._counts["larry"].exact == 7 * 144 + 300 + 1  # none was left for the alert
    assert refused(intake, Reason.TOO_PRECISE) > 10
    rows = await intake.store.dead_letters(before=None, limit=500)
    assert not any(row.topic.endswith("/alert") for row in rows)


async def test_exact_states_and_alerts_are_counted_one_by_one(intake: Intake):
    intake.ingest._limits = DailyLimits(Bounds(exact=0))
    states = [status(metrics=random_metrics(17)) for _ in range(20)]
    alerts = [alert(value=VALUES.random(), seq=n, boot=5) for n in range(400)]
    intake.bus.deliver(beat(), *states, *alerts)
    await taken(intake, 421)
    assert refused(intake, Reason.TOO_PRECISE) == 20 - 9
    assert intake.ingest._limits._counts["larry"].exact == 9 * 32 + 400
