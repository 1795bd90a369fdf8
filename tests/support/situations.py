"""One fleet in which every agent is a situation: presence, health, alerts."""

from __future__ import annotations

from typing import Final

from tests.support.situation import (
    CRITICAL,
    INFO,
    LATER,
    NEVER,
    WARNING,
    Said,
    Situation,
    beat,
    fires,
    says,
)

OLD_WILL: Final = says("offline", ago=60, boot=1000)
PRESENCE: Final = (
    Situation("well", "ok", live=[beat(checks={"process": "pass", "disk": "pass"})]),
    Situation("one-liner", "ok", live=[Said("heartbeat", {"ok": True})]),
    Situation("m", "ok", live=[beat()]),
    Situation("n" * 40, "degraded", ((WARNING, "not-ok"),), live=[beat(ok=False)]),
    Situation("metrics", "ok", live=[beat(metrics={f"m{n}_count": n for n in range(32)})]),
    Situation("late", "late", ((WARNING, "agent-late"),), before=[beat(ago=1_000, interval=600)]),
    Situation(
        "late-full",
        "late",
        ((WARNING, "agent-late"), (WARNING, "queue-backlog")),
        before=[beat(ago=1_000, interval=600), fires("queue-backlog", WARNING, ago=990)],
    ),
    Situation("stale", "stale", ((CRITICAL, "agent-stale"),), live=[beat(interval=1)]),
    Situation(
        "stale-full",
        "stale",
        ((CRITICAL, "agent-stale"),),
        {"agent-stale": CRITICAL, "queue-backlog": WARNING},
        before=[beat(ago=2_000, interval=600), fires("queue-backlog", WARNING, ago=1_990)],
    ),
    Situation(
        "will",
        "offline",
        ((CRITICAL, "agent-offline"),),
        live=[says("running", boot=1000, seq=0), beat(boot=1000, seq=1), OLD_WILL],
    ),
    # Retained, it could as well be of the session before: a will that is older than the beat.
    Situation(
        "will-bare",
        "offline",
        ((CRITICAL, "agent-offline"),),
        retained=False,
        live=[beat(), says("offline", 60)],
    ),
    Situation(
        "goodbye",
        "offline",
        ((WARNING, "agent-offline"),),
        live=[says("running", boot=1000, seq=0), beat(boot=1000, seq=1)],
        later=[says("offline", boot=1000, seq=2)],
    ),
    Situation(
        "goodbye-bare",
        "offline",
        ((WARNING, "agent-offline"),),
        live=[beat()],
        later=[says("offline")],
    ),
    Situation("never", "unknown"),
    Situation("newcomer", "unknown", enrolled=LATER),
    Situation("dark", "unknown", live=[beat(checks={"process": "unknown", "work": "unknown"})]),
    Situation(
        "dark-loud",
        "unknown",
        ((WARNING, "error-rate"),),
        live=[beat(checks={"process": "unknown"}), fires("error-rate", WARNING)],
    ),
    Situation(
        "ghost", "ghost", ((WARNING, "agent-ghost"),), None, False, live=[beat()], enrolled=NEVER
    ),
    Situation(
        "ghost-ill",
        "ghost",
        ((CRITICAL, "restart-loop"), (WARNING, "agent-ghost")),
        retained=False,
        live=[beat(), fires("restart-loop", CRITICAL)],
        enrolled=NEVER,
    ),
    Situation("back", "ok", before=[says("offline", ago=60)], live=[beat()]),
    Situation("back-live", "ok", live=[beat(), says("offline")], later=[beat()]),
    Situation(
        "restarted",
        "ok",
        live=[
            says("running", boot=1000, seq=0),
            beat(boot=1000, seq=1),
            says("running", boot=2000, seq=0),
            beat(boot=2000, seq=1),
            OLD_WILL,
        ],
    ),
)
HEALTH: Final = (
    Situation("not-ok", "degraded", ((WARNING, "not-ok"),), live=[beat(ok=False)]),
    Situation(
        "disk-fails",
        "degraded",
        ((WARNING, "disk:fail"),),
        live=[beat(ok=False, checks={"process": "pass", "disk": "fail"})],
    ),
    Situation(
        "process-fails",
        "degraded",
        ((CRITICAL, "process:fail"), (WARNING, "channels:fail")),
        live=[beat(ok=False, checks={"process": "fail", "channels": "fail"})],
    ),
    Situation(
        "disk-alert",
        "degraded",
        ((CRITICAL, "disk-pressure"),),
        live=[beat(ok=False, checks={"disk": "fail"}), fires("disk-pressure", CRITICAL)],
    ),
    Situation("says-degraded", "degraded", ((WARNING, "not-ok"),), live=[beat(), says("degraded")]),
    Situation("starting", "degraded", ((WARNING, "not-ok"),), live=[says("starting")]),
    Situation("warns", "ok", live=[beat(checks={"process": "pass", "memory": "warn"})]),
    Situation(
        "old-planes",
        "ok",
        before=[says("running", ago=60, checks={"disk": "fail"}), beat(checks={"disk": "pass"})],
    ),
)
ALERTS: Final = (
    Situation(
        "informs",
        "ok",
        ((INFO, "update-available"),),
        live=[beat(), fires("update-available", INFO)],
    ),
    Situation(
        "stalls", "ok", ((WARNING, "work-stalled"),), live=[beat(), fires("work-stalled", WARNING)]
    ),
    Situation(
        "loops", "ok", ((CRITICAL, "restart-loop"),), live=[beat(), fires("restart-loop", CRITICAL)]
    ),
    Situation(
        "disk-critical",
        "ok",
        ((CRITICAL, "disk-pressure"),),
        live=[beat(), fires("disk-pressure", CRITICAL)],
    ),
    Situation(
        "loops-mildly",
        "ok",
        ((WARNING, "restart-loop"),),
        live=[beat(), fires("restart-loop", WARNING)],
    ),
    Situation("lists", "ok", ((WARNING, "error-rate"),), live=[beat(alerts=["error-rate"])]),
    Situation(
        "lists-loop", "ok", ((CRITICAL, "restart-loop"),), live=[beat(alerts=["restart-loop"])]
    ),
    Situation(
        "lists-states",
        "ok",
        ((CRITICAL, "error-rate"),),
        live=[beat(alerts=["error-rate"])],
        later=[fires("error-rate", CRITICAL)],
    ),
    Situation(
        "states-lists",
        "ok",
        ((CRITICAL, "error-rate"),),
        live=[beat(), fires("error-rate", CRITICAL)],
        later=[beat(alerts=["error-rate"])],
    ),
    Situation(
        "loud-over-sessions",
        "ok",
        ((CRITICAL, "error-rate"),),
        live=[beat(boot=1000, seq=0), fires("error-rate", CRITICAL)],
        later=[says("running", boot=2000, seq=0), beat(boot=2000, seq=1)],
    ),
    Situation(
        "lists-no-more",
        "ok",
        live=[beat(alerts=["error-rate"]), fires("error-rate", CRITICAL)],
        later=[beat(alerts=[])],
    ),
    Situation(
        "escalates",
        "ok",
        ((CRITICAL, "work-stalled"),),
        live=[beat(), fires("work-stalled", WARNING)],
        later=[fires("work-stalled", CRITICAL)],
    ),
    Situation(
        "calms",
        "ok",
        ((WARNING, "restart-loop"),),
        live=[beat(), fires("restart-loop", CRITICAL)],
        later=[fires("restart-loop", WARNING)],
    ),
    Situation(
        "resolves",
        "ok",
        live=[beat(), fires("restart-loop", CRITICAL)],
        later=[fires("restart-loop", CRITICAL, state="resolved")],
    ),
    Situation(
        "several",
        "ok",
        ((CRITICAL, "auth-failure"), (WARNING, "rate-limited"), (INFO, "update-available")),
        retained=False,
        live=[
            beat(),
            fires("update-available", INFO),
            fires("rate-limited", WARNING),
            fires("auth-failure", CRITICAL),
        ],
    ),
    Situation(
        "acknowledged",
        "ok",
        ((CRITICAL, "restart-loop"),),
        live=[beat(), fires("restart-loop", CRITICAL)],
        acts=(("/v1/alerts/ack", {"agent": "acknowledged", "code": "restart-loop"}),),
    ),
)
