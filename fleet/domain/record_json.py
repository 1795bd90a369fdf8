"""A record in JSON form and back, for the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fleet.contract.vocabulary import Check, Kind, Severity, State
from fleet.domain.agent_record import SAID_TS, SINCE, SKEW, UPTIME, AgentRecord, RareState
from fleet.domain.reported_state import Profile, say, shared
from fleet.domain.sequences import Sequence
from fleet.domain.verdict import Verdict

_PLAIN: Final = ("boot", "seen_at", "beat_at", "beat_ts", "checks_at", "config")
_NUMBERS: Final = {"since": SINCE, "said_ts": SAID_TS, "skew": SKEW, "uptime": UPTIME}


def freeze(record: AgentRecord) -> dict[str, Any]:
    """`record` as JSON, without what is absent."""
    said, profile = record.said, record.profile
    values: dict[str, Any] = {key: getattr(record, key) for key in _PLAIN}
    values |= {key: record.number(place) for key, place in _NUMBERS.items()}
    values |= {
        "ok": said.ok,
        "state": said.state,
        "checks": dict(said.checks) or None,
        "codes": sorted(said.codes) or None,
        "lists_codes": said.lists_codes or None,
        "goodbye": said.goodbye or None,
        "stated": dict(said.stated) or None,
        "hub_codes": sorted(record.hub_codes) or None,
        "verdict": record.verdict,
        "kind": profile.kind,
        "versions": profile.versions,
        "interval": profile.interval,
        "metrics": record.metrics or None,
        "sequence": _out(record.sequence) if record.sequence else None,
        "aside": _aside_out(record.aside) if record.aside else None,
    }
    return {key: value for key, value in values.items() if value is not None}


def thaw(name: str, frozen: Mapping[str, Any]) -> AgentRecord:
    """The record that `freeze` wrote."""
    record = AgentRecord(name)
    for key in _PLAIN:
        setattr(record, key, frozen.get(key))
    for key, place in _NUMBERS.items():
        if key in frozen:
            record.numbers[place] = frozen[key]
    state, kind, versions = (frozen.get(key) for key in ("state", "kind", "versions"))
    record.said = say(
        frozen.get("ok"),
        State(state) if state else None,
        {plane: Check(check) for plane, check in frozen.get("checks", {}).items()},
        frozenset(frozen.get("codes", ())),
        frozen.get("lists_codes", False),
        frozen.get("goodbye", False),
        tuple((code, Severity(level)) for code, level in frozen.get("stated", {}).items()),
    )
    record.profile = shared(
        Profile(
            Kind(kind) if kind else None,
            tuple(versions) if versions else None,
            frozen.get("interval"),
        )
    )
    record.set_metrics(frozen.get("metrics", {}))
    record.verdict = Verdict(frozen["verdict"])
    record.hub_codes = shared(frozenset(frozen.get("hub_codes", ())))
    record.sequence = _in(frozen["sequence"]) if "sequence" in frozen else None
    record.aside = _aside_in(frozen["aside"]) if "aside" in frozen else None
    return record


def _aside_out(aside: RareState) -> dict[str, Any]:
    return {
        "past": [[boot, _out(seen)] for boot, seen in aside.past],
        "gap_at": aside.gap_at,
        "older": aside.older,
        "dissents": aside.dissents,
        "config_before": aside.config_before,
        "after_beat": aside.after_beat,
    }


def _aside_in(values: Mapping[str, Any]) -> RareState:
    past = tuple((boot, _in(seen)) for boot, seen in values["past"])
    after = values.get("after_beat")
    return RareState(**{**values, "past": past, "after_beat": tuple(after) if after else None})


def _out(seen: Sequence) -> list[Any]:
    return [seen.low, seen.high, seen.settled, [list(hole) for hole in seen.holes]]


def _in(values: list[Any]) -> Sequence:
    low, high, settled, holes = values
    return Sequence(low, high, settled, tuple((first, last) for first, last in holes))
