"""Read payloads into models: the hub's fast path.

pydantic lets one thing pass, a repeated key; that is told by counting colons: a valid message
has as many in its text as its model accounts for. Only a suspicious payload takes the slow way
through the judge, which also names the reason of every rejection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import or_
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError, create_model

from fleet.contract import schema_validator
from fleet.contract.fields import Extensible, Maybe, Message, Shape
from fleet.contract.limits import MAX_ALERTS, MAX_PAYLOAD
from fleet.contract.messages import MODELS, Alert, Heartbeat, Reply, Status, Versions
from fleet.contract.rejection import Rejected
from fleet.contract.surplus import is_suspect
from fleet.contract.vocabulary import AlertCode, Check, MessageKind, Plane, Reason

Added = Mapping[str, tuple[str, ...]]
"""Words that accepted ADRs add, by vocabulary name (`planes`, `alert_codes`)."""

_NESTED: Final = frozenset((Versions, Reply))
"""The shapes that stand inside messages."""


class Reader:
    """Reads payloads of every kind, with the words that accepted ADRs add.

    Attributes:
        models: what it reads into, with those words.
    """

    def __init__(self, added: Added | None = None) -> None:
        self._validators = schema_validator.schema_validators(added)
        self.models = _extended(added) if added else MODELS
        self._parse = {kind: _parser(self.models[kind]) for kind in MessageKind}

    def read(self, kind: MessageKind, payload: bytes) -> Message:
        """The message in `payload`.

        Raises:
            Rejected: with reason and field.
        """
        if len(payload) > MAX_PAYLOAD:
            raise Rejected(Reason.TOO_LARGE)
        try:
            message = self._parse[kind](payload)
        except ValidationError:
            self._validators[kind].read(payload)
            raise Rejected(Reason.WRONG_TYPE) from None  # the judges agree; a test holds them to it
        colons = _beat_colons if kind is MessageKind.HEARTBEAT else _colons
        if b"\\" in payload or payload.count(b":") != colons(message) or is_suspect(payload):
            self._validators[kind].read(payload)
        return message


def _parser(models: type[Message] | tuple[type[Message], ...]) -> Callable[[bytes], Message]:
    union: Any = reduce(or_, models) if isinstance(models, tuple) else models
    # The compiled validator itself: the adapter's method around it adds a fifth to each message.
    parse: Callable[[bytes], Message] = TypeAdapter(union).validator.validate_json
    return parse


def _colons(shape: Shape) -> int:
    """Colons in a JSON text of `shape` in which no key stands twice.

    One behind each key, and those in the strings; no word or metric name holds one. Types are
    compared, not asked by `isinstance`, which pydantic's metaclass makes the dearest part.
    """
    count = 0
    for value in shape.__dict__.values():
        if value is None:
            continue
        count += 1
        kind = type(value)
        if kind is str:
            count += value.count(":")
        elif kind is dict:
            count += len(value)
        elif kind in _NESTED:
            count += _colons(value)
    return count


def _beat_colons(beat: Any) -> int:
    """The same of a heartbeat, most of all messages: its one string is the time."""
    count = len(beat.__pydantic_fields_set__) + 2
    if beat.checks:
        count += len(beat.checks)
    if beat.metrics:
        count += len(beat.metrics)
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
