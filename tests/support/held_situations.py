"""The rest of that fleet: what holds problems back, and what the hub alone knows."""

from __future__ import annotations

from typing import Final

from tests.support.situation import (
    CRITICAL,
    FLAPPING,
    HOUR,
    INFO,
    MAINTENANCE,
    NEVER,
    SILENCED,
    WARNING,
    Situation,
    beat,
    fires,
    says,
    silenced,
    verified,
)
from tests.support.situations import ALERTS, HEALTH, OLD_WILL, PRESENCE

OTHER, USUAL = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
HELD: Final = (
    Situation(
        "silenced",
        "degraded",
        ((INFO, "disk:fail", SILENCED), (INFO, "restart-loop", SILENCED)),
        {"restart-loop": CRITICAL},
        False,
        live=[beat(ok=False, checks={"disk": "fail"}), fires("restart-loop", CRITICAL)],
        acts=(silenced("silenced"),),
    ),
    Situation(
        "silenced-gone",
        "offline",
        ((INFO, "agent-offline", SILENCED),),
        {"agent-offline": CRITICAL},
        False,
        live=[says("offline", ago=60)],
        acts=(silenced("silenced-gone"),),
    ),
    Situation(
        "silenced-absence",
        "offline",
        ((CRITICAL, "restart-loop"), (INFO, "agent-offline", SILENCED)),
        {"agent-offline": CRITICAL, "restart-loop": CRITICAL, "idle-cost": WARNING},
        False,
        live=[
            fires("restart-loop", CRITICAL),
            fires("idle-cost", WARNING),
            says("offline", ago=60),
        ],
        acts=(
            silenced("silenced-absence", code="agent-offline"),
            silenced("silenced-absence", code="idle-cost"),
        ),
    ),
    Situation(
        "silenced-late",
        "late",
        ((INFO, "agent-late", SILENCED),),
        {"agent-late": WARNING},
        False,
        before=[beat(ago=1_000, interval=600)],
        acts=(silenced("silenced-late"),),
    ),
    Situation(
        "silenced-ghost",
        "ghost",
        ((INFO, "agent-ghost", SILENCED), (INFO, "restart-loop", SILENCED)),
        {"agent-ghost": WARNING, "restart-loop": CRITICAL},
        False,
        live=[beat(), fires("restart-loop", CRITICAL)],
        acts=(silenced("silenced-ghost"),),
        enrolled=NEVER,
    ),
    Situation(
        "silenced-code",
        "ok",
        ((WARNING, "error-rate"), (INFO, "auth-failure", SILENCED)),
        {"auth-failure": CRITICAL, "error-rate": WARNING},
        False,
        live=[beat(), fires("auth-failure", CRITICAL), fires("error-rate", WARNING)],
        acts=(silenced("silenced-code", code="auth-failure"),),
    ),
    Situation(
        "silence-lifted",
        "ok",
        ((CRITICAL, "restart-loop"),),
        live=[beat(), fires("restart-loop", CRITICAL)],
        acts=(silenced("silence-lifted"), ("lift", {"agent": "silence-lifted"})),
    ),
    Situation(  # the store of an earlier hub holds a silence of it that is over
        "silence-ran-out",
        "ok",
        ((CRITICAL, "restart-loop"),),
        live=[beat(), fires("restart-loop", CRITICAL)],
    ),
    Situation(
        "maintained",
        "ok",
        ((INFO, "rate-limited", MAINTENANCE),),
        {"rate-limited": WARNING},
        live=[beat(), says("maintenance"), fires("rate-limited", WARNING)],
    ),
    # An agent's own word hides nothing critical, and not that it is gone.
    Situation(
        "maintained-badly",
        "ok",
        ((CRITICAL, "restart-loop"),),
        {"restart-loop": CRITICAL},
        live=[beat(), says("maintenance"), fires("restart-loop", CRITICAL)],
    ),
    Situation(
        "maintained-ill",
        "degraded",
        ((CRITICAL, "process:fail"),),
        live=[says("maintenance"), beat(ok=False, checks={"process": "fail"})],
        alerts={},
    ),
    # Said nine hours ago to an earlier hub, and it beats on: nothing mutes a whole night.
    Situation(
        "maintained-long",
        "ok",
        ((CRITICAL, "restart-loop"),),
        before=[says("maintenance", ago=9 * HOUR), fires("restart-loop", CRITICAL, ago=HOUR)],
        live=[beat()],
    ),
    Situation(
        "maintained-no-more",
        "ok",
        ((CRITICAL, "restart-loop"),),
        retained=False,
        live=[beat(), says("maintenance"), fires("restart-loop", CRITICAL)],
        acts=(("lift", {"agent": "maintained-no-more"}),),
    ),
    Situation(
        "maintained-gone",
        "offline",
        ((CRITICAL, "agent-offline"),),
        {"agent-offline": CRITICAL},
        False,
        live=[beat(boot=1000, seq=0), says("maintenance", boot=1000, seq=1), OLD_WILL],
    ),
    Situation("maintained-well", "ok", live=[beat(), says("maintenance")]),
    Situation(
        "maintained-once",
        "ok",
        ((CRITICAL, "restart-loop"),),
        live=[beat(), says("maintenance"), fires("restart-loop", CRITICAL)],
        later=[says("running")],
    ),
)
OF_THE_HUB: Final = (
    Situation(
        "clock-ahead",
        "ok",
        ((WARNING, "clock-skew"),),
        retained=False,
        live=[beat(ago=-HOUR)],
        later=[beat(ago=-HOUR)],
    ),
    Situation(
        "clock-behind",
        "ok",
        ((WARNING, "clock-skew"),),
        retained=False,
        live=[beat(ago=HOUR)],
        later=[beat(ago=HOUR)],
    ),
    # The store of an earlier hub holds the hole: it is an alert after a minute.
    Situation("gap", "ok", ((WARNING, "seq-gap"),), retained=False),
    Situation(
        "drifts",
        "ok",
        ((WARNING, "config-drift"),),
        retained=False,
        live=[beat(), says("running", config=USUAL)],
        later=[says("running", config=OTHER)],
    ),
    # Fires for the third time within the window: it stands until it has settled.
    Situation(
        "flaps",
        "ok",
        ((WARNING, "error-rate", FLAPPING),),
        {"error-rate": WARNING},
        False,
        live=[beat()],
        later=[fires("error-rate", WARNING, state=state) for state in ("firing", "resolved") * 3],
    ),
    # An earlier hub heard of it a day ago: it is an alert by now, though it raised none itself.
    Situation(
        "unwell",
        "degraded",
        ((WARNING, "not-ok"),),
        {"agent-degraded": WARNING},
        False,
        live=[beat(ok=False)],
    ),
    Situation("web-1", "ok", live=[beat(), says("running", config=USUAL)], groups=("web",)),
    Situation("web-2", "ok", live=[beat(), says("running", config=USUAL)], groups=("web",)),
    Situation(
        "web-3",
        "ok",
        ((WARNING, "config-drift"),),
        live=[beat(), says("running", config=OTHER)],
        groups=("web",),
    ),
    Situation(
        "dissents",
        "ok",
        ((WARNING, "telemetry-dissent"),),
        retained=False,
        live=[beat()],
        acts=(verified("dissents", agrees=False),),
    ),
    Situation(
        "agrees",
        "ok",
        live=[beat()],
        acts=(verified("agrees", agrees=False), verified("agrees", agrees=True)),
    ),
    Situation(
        "contradicts",
        "degraded",
        ((CRITICAL, "endpoint:fail"), (WARNING, "telemetry-dissent")),
        retained=False,
        live=[beat(checks={"endpoint": "fail"})],
        later=[beat(checks={"endpoint": "fail"})],
    ),
)
SITUATIONS: Final = (*PRESENCE, *HEALTH, *ALERTS, *HELD, *OF_THE_HUB)
