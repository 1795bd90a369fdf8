"""A record in JSON form and back, for the store."""

from __future__ import annotations

from collections.abc import Mapping
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
from fleet.domain.reported_state import Profile, reported_state, shared
from fleet.domain.sequences import Sequence
from fleet.domain.verdict import Verdict

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


def from_json(name: str, values: Mapping[str, Any]) -> AgentRecord:
    """The record that `to_json` made."""
    record = AgentRecord(name)
    for key in _PLAIN:
        setattr(record, key, values.get(key))
    for key, place in _NUMBERS.items():
        if key in values:
            record.numbers[place] = values[key]
    state, kind, versions = (values.get(key) for key in ("state", "kind", "versions"))
    record.reported = reported_state(
        values.get("ok"),
        State(state) if state else None,
        {plane: Check(check) for plane, check in values.get("checks", {}).items()},
        frozenset(values.get("codes", ())),
        values.get("lists_codes", False),
        values.get("goodbye", False),
        tuple((code, Severity(level)) for code, level in values.get("stated", {}).items()),
    )
    record.profile = shared(
        Profile(
            Kind(kind) if kind else None,
            tuple(versions) if versions else None,
            values.get("interval"),
        )
    )
    record.set_metrics(values.get("metrics", {}))
    record.verdict = Verdict(values["verdict"])
    record.hub_codes = shared(frozenset(values.get("hub_codes", ())))
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
