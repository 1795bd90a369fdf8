"""The judge's fast path says yes to what is right, and leaves every no to the judge. That its yes
is the judge's is held by `tests/contract/test_three_judges.py`, whose judges have judged before."""

from __future__ import annotations

import pytest

from fleet.contract import schema_validator
from fleet.contract.rejection import Rejected
from fleet.contract.schema_fast_path import compiled
from fleet.contract.schema_validator import SchemaValidator, load_schema
from fleet.contract.vocabulary import Check, MessageKind, Reason

TS = "2026-03-18T21:30:00Z"


@pytest.mark.parametrize("kind", list(MessageKind))
def test_every_example_fits(kind: MessageKind) -> None:
    schema = load_schema(kind)
    fits = compiled(schema, schema.get("$defs", {}))
    for example in schema["examples"]:
        assert fits(example)
        assert not fits({**example, "unheard_of": 1})
        assert not fits([example])


def test_one_message_is_judged_the_slow_way_and_the_third_the_fast_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[str] = []

    def noted(*schemas: schema_validator.Schema) -> object:
        built.append(schemas[0]["title"])
        return compiled(*schemas)

    monkeypatch.setattr(schema_validator, "compiled", noted)
    judge = SchemaValidator(load_schema(MessageKind.HEARTBEAT))
    judge.check({"ok": True, "ts": TS})
    assert built == []
    judge.check({"ok": True, "ts": TS})
    judge.check({"ok": True, "ts": TS})
    assert built == ["Heartbeat"]


def test_what_json_does_not_make_is_the_judges_to_decide() -> None:
    judge = SchemaValidator(load_schema(MessageKind.HEARTBEAT))
    for _ in range(3):
        judge.check({"ok": True, "ts": TS, "checks": {"disk": Check.PASS}})
        with pytest.raises(Rejected) as refused:
            judge.check({"ok": True, "ts": TS, "checks": {"disk": ["pass"]}})
        assert (refused.value.reason, refused.value.field) == (Reason.WRONG_TYPE, "checks.disk")
