"""The leak budget: the most bits a day that one agent could hide in messages that satisfy the
contract, from the types alone. Times, the order of messages and the agent's name are aside.

It is an upper bound on what the schema lets through, before the audit looks: a number to bring
down, and to notice when an amendment raises it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract import limits
from fleet.contract.schema_validator import load_schema
from fleet.contract.topics import FROM_AGENT
from fleet.contract.vocabulary import MessageKind

DAY: Final = 86_400
_CHARACTERS: Final = {
    # Bits in the strings of the contract that are no words, by what they are.
    "version": math.log2(67) * 32,
    "digest": 256.0,
    "ulid": 128.0,
    "metric": math.log2(26) + 47 * math.log2(37),
    "timestamp": 0.0,
}
EVENTS_A_DAY: Final = {MessageKind.STATUS: 200, MessageKind.ALERT: 200}
"""What an honest agent may have on a bad day; heartbeats follow from the interval."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Bits a message by kind, and bits a day in all at `interval` seconds between beats."""

    interval: float
    per_message: Mapping[str, int]
    per_field: Mapping[str, Mapping[str, int]]

    @property
    def per_day(self) -> int:
        beats = DAY / self.interval
        events = sum(self.per_message[kind] * count for kind, count in EVENTS_A_DAY.items())
        return int(self.per_message[MessageKind.HEARTBEAT] * beats) + events

    def as_dict(self) -> dict[str, Any]:
        return {
            "bits_per_day": self.per_day,
            "interval": self.interval,
            "bits_per_message": dict(self.per_message),
            "widest": dict(self.widest()),
        }

    def widest(self, count: int = 5) -> list[tuple[str, int]]:
        """The fields that carry most: where tightening pays."""
        fields = {
            f"{kind}.{name}": bits
            for kind, names in self.per_field.items()
            for name, bits in names.items()
        }
        return sorted(fields.items(), key=lambda item: -item[1])[:count]


def budget(interval: float) -> Budget:
    """The budget of the contract as the committed schemas have it."""
    per_field: dict[str, dict[str, int]] = {}
    for kind in FROM_AGENT:
        schema = load_schema(kind)
        definitions = schema.get("$defs", {})
        per_field[kind.value] = {
            # One bit more for a field that may be absent.
            name: math.ceil(_bits(part, definitions)) + (name not in schema["required"])
            for name, part in schema["properties"].items()
        }
    bound = limits.MAX_PAYLOAD * 8
    per_message = {kind: min(sum(names.values()), bound) for kind, names in per_field.items()}
    return Budget(interval, per_message, per_field)


def _bits(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> float:
    """log2 of how many values a schema admits; a double has 64."""
    if "$ref" in part:
        part = definitions[part["$ref"].rpartition("/")[2]]
    if "enum" in part:
        return math.log2(len(part["enum"]))
    kind = part.get("type")
    if kind == "boolean":
        return 1.0
    if kind == "integer":
        return math.log2(part["maximum"] - part["minimum"] + 1)
    if kind == "number":
        return 64.0
    if kind == "array":
        return len(_words(part["items"])) * 1.0
    if kind == "object":
        return _object_bits(part, definitions)
    return _string_bits(part.get("pattern", ""))


def _object_bits(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> float:
    if part.get("properties"):
        return sum(_bits(inner, definitions) + 1 for inner in part["properties"].values())
    names = part["propertyNames"]
    value = _bits(part["additionalProperties"], definitions)
    if "enum" in names:
        return len(names["enum"]) * (value + 1)
    return float(part["maxProperties"] * (_CHARACTERS["metric"] + value))


def _words(part: Mapping[str, Any]) -> list[str]:
    return list(part.get("enum", ()))


def _string_bits(pattern: str) -> float:
    from fleet.contract import patterns

    known = {
        patterns.anchored(patterns.VERSION): "version",
        patterns.anchored(patterns.DIGEST): "digest",
        patterns.anchored(patterns.ULID): "ulid",
        patterns.anchored(patterns.TIMESTAMP): "timestamp",
    }
    return _CHARACTERS[known[pattern]]
