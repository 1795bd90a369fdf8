"""Read payloads into models: the hub's fast path.

pydantic validates in about 2 µs and alone lets one thing pass, a repeated key; that is told by
counting colons, which stand nowhere in a valid message but behind keys, in timestamps and in
digests. Only a suspicious payload takes the slow way through the judge, which also names the
reason of every rejection.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, create_model

from fleet.contract import judge
from fleet.contract.limits import MAX_ALERTS, MAX_PAYLOAD
from fleet.contract.messages import (
    MODELS,
    Alert,
    Extensible,
    Heartbeat,
    Maybe,
    Message,
    Shape,
    Status,
)
from fleet.contract.rejection import Rejected
from fleet.contract.words import AlertCode, Check, MessageKind, Plane, Reason

Added = Mapping[str, tuple[str, ...]]
"""Words that accepted ADRs add, by vocabulary name (`planes`, `alert_codes`)."""


class Reader:
    """Reads payloads of every kind, with the words that accepted ADRs add."""

    def __init__(self, added: Added | None = None) -> None:
        self._judges = judge.judges(added)
        models = _extended(added) if added else MODELS
        self._adapters = {kind: _adapter(models[kind]) for kind in MessageKind}

    def read(self, kind: MessageKind, payload: bytes) -> Message:
        """The message in `payload`.

        Raises:
            Rejected: with reason and field.
        """
        if len(payload) > MAX_PAYLOAD:
            raise Rejected(Reason.TOO_LARGE)
        try:
            message = self._adapters[kind].validate_json(payload)
        except ValidationError:
            self._judges[kind].read(payload)
            raise Rejected(Reason.WRONG_TYPE) from None  # the judges agree; a test holds them to it
        if b"\\" in payload or payload.count(b":") != _colons(message):
            self._judges[kind].read(payload)
        return message


def _adapter(models: type[Message] | tuple[type[Message], ...]) -> TypeAdapter[Message]:
    if not isinstance(models, tuple):
        return TypeAdapter(models)
    union: Any = models[0]
    for model in models[1:]:
        union = union | model
    return TypeAdapter(union)


def _colons(shape: Shape) -> int:
    """Colons in a JSON text of `shape` in which no key stands twice."""
    count = 0
    for name in shape.model_fields_set:
        value = getattr(shape, name)
        count += 1
        if type(value) is dict:
            count += len(value)
        elif name == "ts":
            count += 2
        elif name == "config":
            count += 1
        elif isinstance(value, Shape):
            count += _colons(value)
    return count


def _extended(added: Added) -> dict[MessageKind, type[Message] | tuple[type[Message], ...]]:
    """The models with longer vocabularies; still subclasses, so callers need not know."""
    plane = Annotated[str, Extensible("planes", (*Plane, *added.get("planes", ())))]
    code = Annotated[str, Extensible("alert_codes", (*AlertCode, *added.get("alert_codes", ())))]
    maybe: Any = Maybe
    checks: Any = (maybe[dict[plane, Check]], None)
    codes: Any = (maybe[Annotated[list[code], Field(max_length=MAX_ALERTS)]], None)
    return {
        **MODELS,
        MessageKind.HEARTBEAT: create_model(
            "Heartbeat", __base__=Heartbeat, checks=checks, alerts=codes
        ),
        MessageKind.STATUS: create_model("Status", __base__=Status, checks=checks),
        MessageKind.ALERT: create_model("Alert", __base__=Alert, code=(code, ...)),
    }
