"""Hypothesis strategies for payloads: valid ones, nearly valid ones, and anything at all."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, get_args

from hypothesis import strategies as st

from fleet.contract import limits, patterns
from fleet.contract.vocabulary import (
    AlertCode,
    AlertState,
    Check,
    Kind,
    MessageKind,
    Notice,
    PairRole,
    Plane,
    Priority,
    ReplyCode,
    Result,
    Severity,
    State,
    Verb,
    Word,
)
from fleet.contract.work_messages import Told
from fleet.contract.work_vocabulary import TaskReason


def word(vocabulary: type[Word]) -> st.SearchStrategy[str]:
    return st.sampled_from([member.value for member in vocabulary])


def shaped(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True, alphabet=st.characters(max_codepoint=127))


timestamps = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - hypothesis wants it naive
    max_value=datetime(2099, 12, 31),  # noqa: DTZ001 - as above
).map(lambda moment: moment.isoformat() + "Z")
counters = st.integers(0, limits.MAX_INTEGER)
quantities = st.one_of(
    st.integers(-limits.MAX_INTEGER, limits.MAX_INTEGER),
    st.floats(-1e15, 1e15, allow_nan=False),
)
checks = st.dictionaries(word(Plane), word(Check), max_size=9)
metrics = st.dictionaries(shaped(patterns.METRIC), quantities, max_size=limits.MAX_METRICS)


def record(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


SESSION = {"boot": counters, "seq": counters}
SIGNED = {
    "id": shaped(patterns.ULID),
    "sig": shaped(patterns.SIGNATURE),
    "kid": shaped(patterns.KEY_ID),
}
versions = record({}, dict.fromkeys(("agent", "sidecar", "runtime"), shaped(patterns.VERSION)))
replies = record(
    {"verb": word(Verb), "result": word(Result)},
    {
        "to": shaped(patterns.ULID),
        "code": word(ReplyCode),
        "took": st.floats(0, 1000),
    },
)
commands = record(
    {"verb": word(Verb)},
    {
        "ts": timestamps,
        "ttl": st.integers(1, limits.MAX_TTL),
        "priority": word(Priority),
        **SIGNED,
    },
)
announcements = record({"notice": word(Notice), "ts": timestamps}, SIGNED)
VALID: dict[MessageKind, st.SearchStrategy[dict[str, Any]]] = {
    MessageKind.HEARTBEAT: record(
        {"ok": st.booleans(), "ts": timestamps},
        {
            "uptime": st.floats(0, limits.MAX_UPTIME),
            "interval": st.integers(limits.MIN_INTERVAL, limits.MAX_INTERVAL),
            "checks": checks,
            "alerts": st.lists(word(AlertCode), max_size=limits.MAX_ALERTS),
            "metrics": metrics,
            **SESSION,
        },
    ),
    MessageKind.STATUS: record(
        {"state": word(State), "ts": timestamps},
        {
            "checks": checks,
            "metrics": metrics,
            "versions": versions,
            "kind": word(Kind),
            "config": shaped(patterns.DIGEST),
            "reply": replies,
            **SESSION,
        },
    ),
    MessageKind.ALERT: record(
        {
            "code": word(AlertCode),
            "severity": word(Severity),
            "state": word(AlertState),
            "ts": timestamps,
        },
        {"id": shaped(patterns.ULID), "value": quantities, "threshold": quantities, **SESSION},
    ),
    MessageKind.COMMAND: commands,
    MessageKind.BROADCAST: st.one_of(commands, announcements),
    MessageKind.RECEIPT: record(SESSION, {}),
    MessageKind.TASK: record(
        {
            "id": shaped(patterns.ULID),
            "epoch": st.integers(0, limits.MAX_EPOCH),
            "ts": timestamps,
            "ttl": st.integers(1, limits.MAX_TTL),
        },
        {name: SIGNED[name] for name in ("sig", "kid")},
    ),
    MessageKind.LEASE: record(
        {
            "pair": shaped(patterns.AGENT),
            "role": word(PairRole),
            "epoch": st.integers(0, limits.MAX_EPOCH),
            "ttl": st.integers(1, limits.MAX_TTL),
            "ts": timestamps,
        },
        {**SESSION, **{name: SIGNED[name] for name in ("sig", "kid")}},
    ),
    MessageKind.PROGRESS: record(
        {
            "task": shaped(patterns.ULID),
            "epoch": st.integers(0, limits.MAX_EPOCH),
            "attempt": st.integers(1, limits.MAX_ATTEMPTS),
            "state": st.sampled_from([state.value for state in get_args(Told)]),
            "progress": st.integers(0, 100),
            "ts": timestamps,
            **SESSION,
        },
        {"reason": word(TaskReason)},
    ),
}

anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**60), 2**60),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=20),
        st.sampled_from(["pass", "running", "2026-03-18T21:30:00Z", "2026-03-18T21:30:00Z\n"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn, kind: MessageKind) -> dict[str, Any]:
    """A valid message with one thing changed: dropped, added or replaced, at any depth."""
    message: dict[str, Any] = draw(VALID[kind])
    place = message
    nested = [value for value in message.values() if isinstance(value, dict)]
    if nested and draw(st.booleans()):
        place = draw(st.sampled_from(nested))
    names = [*place, "extra", "ts", "ok", "boot"]
    name = draw(st.sampled_from(names))
    if name in place and draw(st.booleans()):
        del place[name]
    else:
        place[name] = draw(anything)
    return message


def text(message: object) -> bytes:
    """A message as it travels."""
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
