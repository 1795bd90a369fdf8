"""Judge payloads by the committed JSON Schemas with the standard library alone.

The sidecar and the one-liner use this judge: a schema library costs more memory than the rest
of a sidecar. It knows just the keywords that our generated schemas use and refuses others when
it is built, so a schema cannot outgrow it unseen. The hub reads with `messages` and asks this
judge for the reason of a rejection, so both name the same one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fleet.contract.rejection import Rejected
from fleet.contract.schema_fast_path import Fits, compiled
from fleet.contract.strict_json import decode
from fleet.contract.vocabulary import MessageKind, Reason

Schema = Mapping[str, Any]
Added = Mapping[str, tuple[str, ...]]
"""Words that a deployment's accepted ADRs add, by vocabulary name (`planes`, `alert_codes`)."""

_ANNOTATIONS: Final = {"$schema", "$id", "$defs", "title", "description", "examples"}
_KEYWORDS: Final = _ANNOTATIONS | {
    "$ref", "additionalProperties", "anyOf", "enum", "items", "maxItems", "maxProperties",
    "maximum", "minimum", "pattern", "properties", "propertyNames", "required", "type",
    "x-vocabulary",
}  # fmt: skip
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


class SchemaValidator:
    """Judges one kind of message.

    Args:
        schema: the kind's JSON Schema.
        added: further words.
    """

    def __init__(self, schema: Schema, added: Added | None = None) -> None:
        self._schema: Schema = with_added(schema, added or {})
        self._definitions: Schema = self._schema.get("$defs", {})
        _refuse_unknown_keywords(schema)
        self._fits: Fits | None = None
        self._asked = False

    def read(self, payload: bytes) -> dict[str, Any]:
        """The message in `payload`, judged.

        Raises:
            Rejected: with reason and field.
        """
        value = decode(payload)
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """Judge a decoded message.

        Raises:
            Rejected: with reason and field.
        """
        if self._fits is None and self._asked:  # it does not pay for who judges one message
            self._fits = compiled(self._schema, self._definitions)
        self._asked = True
        if self._fits is None or not self._fits(value):
            self._check(self._schema, value, "")

    def _check(self, schema: Schema, value: object, path: str) -> None:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].rpartition("/")[2]]
        if "anyOf" in schema:
            self._check_any(schema["anyOf"], value, path)
            return
        expected = schema.get("type")
        if expected is not None and not _is_type(value, expected):
            raise Rejected(Reason.WRONG_TYPE, path)
        if "enum" in schema and value not in schema["enum"]:
            raise Rejected(Reason.UNKNOWN_WORD, path, allowed=tuple(schema["enum"]))
        if isinstance(value, dict):
            self._check_object(schema, value, path)
        elif isinstance(value, list):
            if len(value) > schema.get("maxItems", len(value)):
                raise Rejected(Reason.TOO_MANY, path)
            for item in value:
                self._check(schema["items"], item, path)
        elif isinstance(value, str):
            if "pattern" in schema and not _compiled(schema["pattern"]).fullmatch(value):
                raise Rejected(Reason.BAD_FORMAT, path)
        elif isinstance(value, int | float) and not (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)
        ):
            raise Rejected(Reason.OUT_OF_RANGE, path)

    def _check_object(self, schema: Schema, value: dict[str, Any], path: str) -> None:
        if len(value) > schema.get("maxProperties", len(value)):
            raise Rejected(Reason.TOO_MANY, path)
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", False)
        for name, item in value.items():
            if name in properties:
                self._check(properties[name], item, _join(path, name))
            elif others is False:
                raise Rejected(
                    Reason.UNKNOWN_FIELD, _join(path, "*"), name=name, allowed=tuple(properties)
                )
            else:
                names = schema["propertyNames"]
                self._check_entry(names, name, name, _join(path, "*"))
                # A name that merely fits a pattern is the sender's own: it stays out of the path.
                shown = name if "enum" in names else "*"
                self._check_entry(others, item, name, _join(path, shown))
        for name in schema.get("required", ()):
            if name not in value:
                raise Rejected(Reason.MISSING_FIELD, _join(path, name))

    def _check_entry(self, schema: Schema, value: object, name: str, path: str) -> None:
        """Check the name or the value of one entry of a map, which holds no deeper ones."""
        try:
            self._check(schema, value, path)
        except Rejected as rejected:
            raise Rejected(rejected.reason, path, name=name, allowed=rejected.allowed) from None

    def _check_any(self, choices: list[Schema], value: object, path: str) -> None:
        """The first choice that fits; else the complaint of the one that is nearest."""
        nearest: Rejected | None = None
        for choice in choices:
            try:
                return self._check(choice, value, path)
            except Rejected as rejected:
                target = self._definitions[choice["$ref"].rpartition("/")[2]]
                meant = isinstance(value, dict) and set(target["required"]) <= set(value)
                if nearest is None or meant:
                    nearest = rejected
        raise nearest or Rejected(Reason.WRONG_TYPE, path)


def _is_type(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _refuse_unknown_keywords(schema: Schema) -> None:
    unknown = set(schema) - _KEYWORDS
    if unknown:
        raise ValueError(f"the judge does not know the schema keywords {sorted(unknown)}")
    for place in ("properties", "$defs"):
        for child in schema.get(place, {}).values():
            _refuse_unknown_keywords(child)
    for place in ("items", "propertyNames", "additionalProperties"):
        if isinstance(schema.get(place), dict):
            _refuse_unknown_keywords(schema[place])
    for child in schema.get("anyOf", ()):
        _refuse_unknown_keywords(child)


def with_added(node: Any, added: Added) -> Any:
    """A schema, or a part of one, where each `enum` that has a vocabulary has its added words."""
    if not added:
        return node
    if isinstance(node, list):
        return [with_added(item, added) for item in node]
    if not isinstance(node, Mapping):
        return node
    deeper = {key: with_added(child, added) for key, child in node.items()}
    words = added.get(node.get("x-vocabulary", ""), ()) if "enum" in node else ()
    return deeper | {"enum": [*node["enum"], *words]} if words else deeper


def load_schema(kind: MessageKind) -> dict[str, Any]:
    """The committed schema of `kind`, from the installed package or the source tree."""
    name = f"{kind}.schema.json"
    packaged = Path(__file__).with_name("schemas") / name
    source = Path(__file__).parents[2] / "schemas" / name
    text = packaged.read_text() if packaged.is_file() else source.read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


def schema_validators(
    added: Added | None = None,
) -> dict[MessageKind, SchemaValidator]:
    """A judge for every kind, with the words that accepted ADRs add."""
    return {kind: SchemaValidator(load_schema(kind), added) for kind in MessageKind}
