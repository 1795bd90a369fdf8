"""The models, the standard library's judge and the JSON Schemas say the same of every payload.

Known to differ, because a JSON Schema judges the decoded value and not the text:
a repeated key, the size, text that is not UTF-8, NaN and numbers beyond a double, and an integer
written as `1.0`. Python's `$` lets a trailing newline pass, which ECMA-262 (and so JSON Schema)
does not; `ECMA` below puts that right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators

from fleet.contract.generate import schema_of
from fleet.contract.limits import MAX_ALERTS, MAX_METRICS, MAX_PAYLOAD
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator, schema_validators
from fleet.contract.vocabulary import MessageKind, Reason
from tests.support.payloads import VALID, anything, damaged, text

KINDS = list(MessageKind)
READER = Reader()
JUDGES = schema_validators()


def ecma_pattern(_: Any, pattern: str, instance: object, __: Any) -> Iterator[ValidationError]:
    ecma = pattern.removesuffix("$") + r"\Z"
    if isinstance(instance, str) and not re.search(ecma, instance):
        yield ValidationError("pattern")


ECMA = validators.extend(Draft202012Validator, {"pattern": ecma_pattern})
SCHEMAS = {kind: ECMA(schema_of(kind)) for kind in KINDS}


def verdict_of_reader(kind: MessageKind, payload: bytes) -> str:
    try:
        READER.read(kind, payload)
    except Rejected as rejected:
        return f"{rejected.reason} {rejected.field}"
    return "valid"


def verdict_of_judge(judge: SchemaValidator, payload: bytes) -> str:
    try:
        judge.read(payload)
    except Rejected as rejected:
        return f"{rejected.reason} {rejected.field}"
    return "valid"


def integral_float(value: object) -> bool:
    """Whether a float stands somewhere that equals an integer."""
    if isinstance(value, dict):
        return any(map(integral_float, value.values()))
    if isinstance(value, list):
        return any(map(integral_float, value))
    return isinstance(value, float) and value.is_integer()


def hold_equal(kind: MessageKind, message: object) -> None:
    payload = text(message)
    read = verdict_of_reader(kind, payload)
    assert read == verdict_of_judge(JUDGES[kind], payload)
    if len(payload) <= MAX_PAYLOAD and not integral_float(message):
        assert (read == "valid") == SCHEMAS[kind].is_valid(message), read


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_a_schema(kind: MessageKind) -> None:
    Draft202012Validator.check_schema(schema_of(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_passes_every_judge(kind: MessageKind) -> None:
    examples = schema_of(kind)["examples"]
    assert examples
    for example in examples:
        payload = json.dumps(example).encode()
        assert verdict_of_reader(kind, payload) == "valid"
        assert verdict_of_judge(JUDGES[kind], payload) == "valid"
        assert SCHEMAS[kind].is_valid(example)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_valid_messages_pass_every_judge(kind: MessageKind, data: st.DataObject) -> None:
    message = data.draw(VALID[kind])
    if len(text(message)) <= MAX_PAYLOAD:
        assert verdict_of_reader(kind, text(message)) == "valid"
    hold_equal(kind, message)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_messages_get_one_verdict_and_one_reason(
    kind: MessageKind, data: st.DataObject
) -> None:
    hold_equal(kind, data.draw(damaged(kind)))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=80, deadline=None)
@given(message=anything)
def test_anything_gets_one_verdict(kind: MessageKind, message: object) -> None:
    hold_equal(kind, message)


@settings(max_examples=300, deadline=None)
@given(payload=st.binary(max_size=200))
def test_bytes_never_crash_a_judge(payload: bytes) -> None:
    for kind in KINDS:
        assert verdict_of_reader(kind, payload) == verdict_of_judge(JUDGES[kind], payload)


BEAT = '"ok":true,"ts":"2026-03-18T21:30:00Z"'
REJECTED = [
    (Reason.TOO_LARGE, b'{"ok":true,"ts":"' + b"0" * MAX_PAYLOAD + b'"}'),
    (Reason.NOT_UTF8, b'{"ok":true,"ts":"\xff"}'),
    (Reason.NOT_JSON, b"ok=true"),
    (Reason.NOT_JSON, b""),
    (Reason.NOT_JSON, b"[" * 4000),
    (Reason.NOT_OBJECT, b'["ok"]'),
    (Reason.NOT_OBJECT, b"null"),
    (Reason.DUPLICATE_KEY, b'{"ok":false,' + BEAT.encode() + b"}"),
    (Reason.DUPLICATE_KEY, b'{"\\u006fk":false,' + BEAT.encode() + b"}"),
    (Reason.DUPLICATE_KEY, b"{" + BEAT.encode() + b',"metrics":{"a":1,"a":2}}'),
    (Reason.DUPLICATE_KEY, b"{" + BEAT.encode() + b',"checks":{"disk":"pass","disk":"fail"}}'),
    (Reason.NOT_FINITE, b"{" + BEAT.encode() + b',"uptime":NaN}'),
    (Reason.NOT_FINITE, b"{" + BEAT.encode() + b',"metrics":{"a":-Infinity}}'),
    (Reason.NOT_FINITE, b"{" + BEAT.encode() + b',"metrics":{"a":1e999}}'),
    (Reason.UNKNOWN_FIELD, b"{" + BEAT.encode() + b',"message":"hello"}'),
    (Reason.MISSING_FIELD, b'{"ok":true}'),
    (Reason.WRONG_TYPE, b'{"ok":1,"ts":"2026-03-18T21:30:00Z"}'),
    (Reason.WRONG_TYPE, b"{" + BEAT.encode() + b',"uptime":null}'),
    (Reason.WRONG_TYPE, b"{" + BEAT.encode() + b',"uptime":"12"}'),
    (Reason.WRONG_TYPE, b"{" + BEAT.encode() + b',"boot":1.0}'),
    (Reason.WRONG_TYPE, b"{" + BEAT.encode() + b',"metrics":{"a":true}}'),
    (Reason.UNKNOWN_WORD, b"{" + BEAT.encode() + b',"checks":{"mood":"pass"}}'),
    (Reason.UNKNOWN_WORD, b"{" + BEAT.encode() + b',"alerts":["agent-stale"]}'),
    (Reason.BAD_FORMAT, b'{"ok":true,"ts":"2026-02-29T21:30:00Z"}'),
    (Reason.BAD_FORMAT, b'{"ok":true,"ts":"2026-03-18T21:30:00Z\\n"}'),
    (Reason.BAD_FORMAT, b'{"ok":true,"ts":"2026-03-18T21:30:00+01:00"}'),
    (Reason.BAD_FORMAT, b"{" + BEAT.encode() + b',"metrics":{"Client":1}}'),
    (Reason.OUT_OF_RANGE, b"{" + BEAT.encode() + b',"uptime":-1}'),
    (Reason.OUT_OF_RANGE, b"{" + BEAT.encode() + b',"boot":99999999999999999999}'),
    (Reason.TOO_PRECISE, b"{" + BEAT.encode() + b',"metrics":{"a":0.123456789012345678}}'),
    (Reason.TOO_PRECISE, b"{" + BEAT.encode() + b',"metrics":{"a":1.' + b"0" * 17 + b"}}"),
    (Reason.TOO_PRECISE, b"{" + BEAT.encode() + b',"uptime":1e000000000000000007}'),
    (Reason.BLANKS, b"{" + BEAT.encode() + b" " * 65 + b"}"),
    (Reason.BLANKS, b"{\n" + b"\t" * 40 + BEAT.encode() + b"\r\n" * 13 + b"}\n"),
    (
        Reason.TOO_MANY,
        text(
            {"ok": True, "ts": "2026-03-18T21:30:00Z"}
            | {"metrics": {f"a{n}": n for n in range(MAX_METRICS + 1)}}
        ),
    ),
    (
        Reason.TOO_MANY,
        text(
            {"ok": True, "ts": "2026-03-18T21:30:00Z"}
            | {"alerts": ["idle-cost"] * (MAX_ALERTS + 1)}
        ),
    ),
]


@pytest.mark.parametrize(("reason", "payload"), REJECTED)
def test_each_fault_has_its_reason(reason: Reason, payload: bytes) -> None:
    with pytest.raises(Rejected) as found:
        READER.read(MessageKind.HEARTBEAT, payload)
    assert found.value.reason is reason
    with pytest.raises(Rejected) as found:
        JUDGES[MessageKind.HEARTBEAT].read(payload)
    assert found.value.reason is reason


def test_every_reason_about_a_payload_is_shown_above() -> None:
    about_the_rest = {
        Reason.UNKNOWN_TOPIC,
        Reason.RETAINED_COMMAND,
        Reason.PROPERTIES,
        Reason.UNTRUSTED,
        Reason.TOO_OFTEN,
    }
    assert {reason for reason, _ in REJECTED} == set(Reason) - about_the_rest


def test_the_seed_one_liner_is_valid() -> None:
    payload = b'{"ok":true,"ts":"2026-03-18T21:30:00Z","uptime":86400}'
    assert verdict_of_reader(MessageKind.HEARTBEAT, payload) == "valid"


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps({"ok": True, "ts": "2026-03-18T21:30:00Z", "uptime": 1.7976931348623157e9}),
        json.dumps(
            {"ok": True, "ts": "2026-03-18T21:30:00Z", "metrics": {f"a{n}": 0.1 for n in range(32)}}
        ),
        json.dumps({"ok": True, "ts": "2026-03-18T21:30:00Z", "alerts": []}, indent=4),
        "{" + BEAT + " " * 64 + "}\n",
        "{" + BEAT + ',"metrics":{"a":0.000000000000000000000001234,"b":-5e-324}}',
    ],
)
def test_what_a_person_or_a_library_writes_is_taken(payload: str) -> None:
    assert verdict_of_reader(MessageKind.HEARTBEAT, payload.encode()) == "valid"
    judge = JUDGES[MessageKind.HEARTBEAT]
    assert verdict_of_judge(judge, payload.encode()) == "valid"


def test_a_rejection_carries_no_foreign_text_in_its_message() -> None:
    with pytest.raises(Rejected) as found:
        READER.read(MessageKind.HEARTBEAT, b'{"jane@example.org":1,"ok":true}')
    assert "jane" not in str(found.value)
    assert found.value.name == "jane@example.org"


def test_a_metric_s_name_is_the_sender_s_and_stays_out_of_the_path() -> None:
    payload = b"{" + BEAT.encode() + b',"metrics":{"jane_doe":"x"}}'
    with pytest.raises(Rejected) as found:
        READER.read(MessageKind.HEARTBEAT, payload)
    assert (found.value.field, found.value.name) == ("metrics.*", "jane_doe")


def test_a_plane_s_name_is_the_contract_s_and_stands_in_the_path() -> None:
    payload = b"{" + BEAT.encode() + b',"checks":{"disk":"full"}}'
    with pytest.raises(Rejected) as found:
        READER.read(MessageKind.HEARTBEAT, payload)
    assert found.value.field == "checks.disk"
    assert found.value.allowed == ("pass", "warn", "fail", "unknown")


def test_a_judge_refuses_a_schema_keyword_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="uniqueItems"):
        SchemaValidator(
            {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
        )
