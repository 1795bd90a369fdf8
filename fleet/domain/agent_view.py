"""One agent as operators, JSON and metrics see it, at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.contract.timestamps import epoch, timestamp
from fleet.contract.vocabulary import Check, Kind, Severity, State
from fleet.domain.silences import Silence
from fleet.domain.verdict import Verdict, badness


@dataclass(frozen=True, slots=True)
class PlaneView:
    """A plane's last result; `age` in seconds since it was reported."""

    check: Check
    age: float | None


@dataclass(frozen=True, slots=True)
class AgentView:
    """Ages in seconds, times in seconds since the epoch on the hub's clock; unknown is None.

    `state` is the hub's verdict, `says` what the agent states itself, `severities` how much each of
    `alerts` matters. `age` is the time since
    the last sign of life (bus heartbeat or birth). `goodbye`: it went offline by its own word;
    `flapping`: those of `alerts` that come and go;
    `held`: what holds its alerts back, where somebody asked. `site`: which of several it is of;
    `site_lost`: nothing is known of that site now.
    """

    agent: str
    state: Verdict
    age: float | None
    last_seen: float | None
    since: float | None
    says: State | None
    ok: bool | None
    enrolled: bool
    kind: Kind | None
    interval: float
    uptime: float | None
    skew: float | None
    boot: int | None
    seq: int | None
    missing: int | None
    config: str | None
    versions: Mapping[str, str] | None
    alerts: tuple[str, ...] = ()
    severities: Mapping[str, Severity] = field(default_factory=dict)
    planes: Mapping[str, PlaneView] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    goodbye: bool = False
    flapping: frozenset[str] = frozenset()
    held: tuple[Silence, ...] = ()
    site: str = ""
    site_lost: bool = False

    @property
    def checks(self) -> dict[str, Check]:
        return {plane: view.check for plane, view in self.planes.items()}

    @property
    def member_of(self) -> tuple[str, ...]:
        """Its groups; who was put into none is in the one of its label: a hub of an earlier release
        tells one."""
        return self.groups or tuple(filter(None, (self.labels.get("group"),)))

    def as_dict(self) -> dict[str, Any]:
        """The JSON item of `fleet status -o json` and `/v1/agents`."""
        of_site = {"site": self.site, "site_lost": self.site_lost} if self.site else {}
        return of_site | {
            "agent": self.agent,
            "state": self.state.value,
            "age": _rounded(self.age),
            "last_seen": _stamp(self.last_seen),
            "uptime": self.uptime,
            "versions": dict(self.versions) if self.versions else None,
            "alerts": list(self.alerts),
            "severities": {code: severity.value for code, severity in self.severities.items()},
            "flapping": sorted(self.flapping),
            "checks": {plane: check.value for plane, check in self.checks.items()},
            "since": _stamp(self.since),
            "says": self.says.value if self.says else None,
            "goodbye": self.goodbye,
            "ok": self.ok,
            "enrolled": self.enrolled,
            "kind": self.kind.value if self.kind else None,
            "labels": dict(self.labels),
            "groups": list(self.groups),
            "interval": self.interval,
            "planes": {
                plane: {"check": view.check.value, "age": _rounded(view.age)}
                for plane, view in self.planes.items()
            },
            "skew": _rounded(self.skew),
            "boot": self.boot,
            "seq": self.seq,
            "missing": self.missing,
            "metrics": dict(self.metrics),
            "config": self.config,
        }


def view_from(item: Mapping[str, Any]) -> AgentView:
    """The view whose `as_dict` is `item`, as a hub tells it.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    return AgentView(
        agent=item["agent"],
        state=Verdict(item["state"]),
        age=item["age"],
        last_seen=_moment(item["last_seen"]),
        since=_moment(item["since"]),
        says=State(item["says"]) if item["says"] else None,
        ok=item["ok"],
        enrolled=item["enrolled"],
        kind=Kind(item["kind"]) if item["kind"] else None,
        interval=item["interval"],
        uptime=item["uptime"],
        skew=item["skew"],
        boot=item["boot"],
        seq=item["seq"],
        missing=item["missing"],
        config=item["config"],
        versions=item["versions"],
        alerts=tuple(item["alerts"]),
        severities={code: Severity(word) for code, word in item["severities"].items()},
        flapping=frozenset(item.get("flapping", ())),
        planes={
            plane: PlaneView(Check(reported["check"]), reported["age"])
            for plane, reported in item["planes"].items()
        },
        metrics=item["metrics"],
        labels=item["labels"],
        groups=tuple(item.get("groups", ())),
        goodbye=item["goodbye"],
        site=item.get("site", ""),
        site_lost=item.get("site_lost", False),
    )


def worst_first(views: Iterable[AgentView]) -> list[AgentView]:
    """`views` as every table shows them: the worst first, then by name."""
    return sorted(views, key=lambda view: (-badness(view.state), view.agent))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _moment(stamp: str | None) -> float | None:
    return None if stamp is None else epoch(stamp)


def _stamp(at: float | None) -> str | None:
    return None if at is None else timestamp(at)
