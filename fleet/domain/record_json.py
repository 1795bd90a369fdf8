"""A record in JSON form and back, for the store."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from fleet.contract.vocabulary import Check, Kind, Severity, State
from fleet.domain.agent_record import (
    BEAT_DIGEST,
    SINCE,
    SKEW,
    STATUS_TS,
    UPTIME,
    AgentRecord,
    RareState,
)
from fleet.domain.reported_state import Profile, ReportedState, Versions, reported_state, shared
from fleet.domain.sequences import Sequence
from fleet.domain.verdict import Verdict

LIKELY: Final = 1_024
"""Distinct statements that a start expects to read again."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
_PLAIN: Final = ("boot", "seen_at", "beat_at", "beat_ts", "checks_at", "config")
_NUMBERS: Final = {
    "since": SINCE,
    "status_ts": STATUS_TS,
    "skew": SKEW,
    "uptime": UPTIME,
    "beat_digest": BEAT_DIGEST,
}


def to_json(record: AgentRecord) -> dict[str, Any]:
    """`record` as JSON, without what is absent."""
    reported, profile = record.reported, record.profile
    values: dict[str, Any] = {key: getattr(record, key) for key in _PLAIN}
    values |= {key: record.number(place) for key, place in _NUMBERS.items()}
    values |= {
        "ok": reported.ok,
        "state": reported.state,
        "checks": dict(reported.checks) or None,
        "codes": sorted(reported.codes) or None,
        "lists_codes": reported.lists_codes or None,
        "goodbye": reported.goodbye or None,
        "stated": dict(reported.stated) or None,
        "hub_codes": sorted(record.hub_codes) or None,
        "verdict": record.verdict,
        "kind": profile.kind,
        "versions": profile.versions,
        "interval": profile.interval,
        "metrics": record.metrics or None,
        "sequence": _out(record.sequence) if record.sequence else None,
        "aside": _rare_out(record.rare) if record.rare else None,
    }
    return {key: value for key, value in values.items() if value is not None}


# Most of a fleet says the same (see `reported_state`), and a start reads what all of it said.


@lru_cache(LIKELY)
def _reported(
    ok: bool | None,
    state: str | None,
    checks: tuple[tuple[str, str], ...],
    codes: tuple[str, ...],
    lists_codes: bool,
    goodbye: bool,
    stated: tuple[tuple[str, str], ...],
) -> ReportedState:
    return reported_state(
        ok,
        State(state) if state else None,
        {plane: Check(check) for plane, check in checks},
        frozenset(codes),
        lists_codes,
        goodbye,
        tuple((code, Severity(level)) for code, level in stated),
    )


@lru_cache(LIKELY)
def _profile(
    kind: str | None, versions: Versions | None, interval: float | None, metrics: tuple[str, ...]
) -> Profile:
    return shared(Profile(Kind(kind) if kind else None, versions, interval, metrics))


@lru_cache(LIKELY)
def _codes(codes: tuple[str, ...]) -> frozenset[str]:
    return shared(frozenset(codes))


def from_json(name: str, values: Mapping[str, Any]) -> AgentRecord:
    """The record that `to_json` made."""
    record = AgentRecord(name)
    for key in _PLAIN:
        setattr(record, key, values.get(key))
    for key, place in _NUMBERS.items():
        if key in values:
            record.numbers[place] = values[key]
    get = values.get
    record.reported = _reported(
        get("ok"),
        get("state"),
        tuple(get("checks", _NONE).items()),
        tuple(get("codes", ())),
        get("lists_codes", False),
        get("goodbye", False),
        tuple(get("stated", _NONE).items()),
    )
    versions, metrics = get("versions"), get("metrics", _NONE)
    record.numbers.extend(metrics.values())
    record.profile = _profile(
        get("kind"), tuple(versions) if versions else None, get("interval"), tuple(metrics)
    )
    record.verdict = Verdict(values["verdict"])
    record.hub_codes = _codes(tuple(get("hub_codes", ())))
    record.sequence = _in(values["sequence"]) if "sequence" in values else None
    record.rare = _rare_in(values["aside"]) if "aside" in values else None
    return record


def _rare_out(rare: RareState) -> dict[str, Any]:
    return {
        "past": [[boot, _out(seen)] for boot, seen in rare.past],
        "gap_at": rare.gap_at,
        "older": rare.older,
        "dissents": rare.dissents,
        "config_before": rare.config_before,
        "after_beat": rare.after_beat,
        "latest": rare.latest,
        "returning": rare.returning,
        "returns": rare.returns,
        "returned_at": rare.returned_at,
        "said": rare.said,
        "older_beat": rare.older_beat,
        "unwell_at": rare.unwell_at,
        "alert_at": rare.alert_at,
        "thresholds": rare.thresholds,
    }


def _rare_in(values: Mapping[str, Any]) -> RareState:
    past = tuple((boot, _in(seen)) for boot, seen in values["past"])
    after, older = values.get("after_beat"), values.get("older_beat")
    fields = {
        **values,
        "past": past,
        "after_beat": tuple(after) if after else None,
        "said": {key: tuple(known) for key, known in values.get("said", {}).items()},
        "older_beat": tuple(older) if older else None,
    }
    return RareState(**fields)


def _out(seen: Sequence) -> list[Any]:
    return [seen.low, seen.high, seen.settled, [list(hole) for hole in seen.holes]]


def _in(values: list[Any]) -> Sequence:
    low, high, settled, holes = values
    return Sequence(low, high, settled, tuple((first, last) for first, last in holes))
