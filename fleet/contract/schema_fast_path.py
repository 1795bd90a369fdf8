"""The fast path of the standard library's judge: a schema as one function that says yes or no.

A third of the time of `SchemaValidator._check`, which walks the schema with each message and knows
why one is refused. Yes is the judge's yes; no may also be a type of Python that JSON does not make
(an enum's member, a subclass), so whoever hears no asks the judge.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import inf
from sys import maxsize
from typing import Any

Schema = Mapping[str, Any]

Fits = Callable[[object], bool]


def compiled(schema: Schema, definitions: Schema) -> Fits:
    """Whether a value fits `schema`, whose references point into `definitions`."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        choices = [compiled(choice, definitions) for choice in schema["anyOf"]]
        return lambda value: any(fits(value) for fits in choices)
    if "enum" in schema:
        return _word(schema)
    return _BY_TYPE[schema.get("type", "string")](schema, definitions)  # a name says no type


def _word(schema: Schema) -> Fits:
    words = frozenset(schema["enum"])
    return lambda value: type(value) is str and value in words


def _text(schema: Schema, _definitions: Schema) -> Fits:
    if "pattern" not in schema:
        return lambda value: type(value) is str
    match = re.compile(schema["pattern"]).fullmatch
    return lambda value: type(value) is str and match(value) is not None


def _truth(_schema: Schema, _definitions: Schema) -> Fits:
    return lambda value: type(value) is bool


def _number(schema: Schema, _definitions: Schema) -> Fits:
    least, most = schema.get("minimum", -inf), schema.get("maximum", inf)
    if schema["type"] == "integer":
        return lambda value: type(value) is int and least <= value <= most
    return lambda value: type(value) in (int, float) and least <= value <= most


def _list(schema: Schema, definitions: Schema) -> Fits:
    most, item_fits = schema.get("maxItems", maxsize), compiled(schema["items"], definitions)
    return lambda value: type(value) is list and len(value) <= most and all(map(item_fits, value))


def _object(schema: Schema, definitions: Schema) -> Fits:
    if schema.get("additionalProperties", False):
        return _map(schema, definitions)
    fields = {
        name: compiled(field, definitions) for name, field in schema.get("properties", {}).items()
    }
    most, required = schema.get("maxProperties", maxsize), tuple(schema.get("required", ()))

    def fits(value: object) -> bool:
        if type(value) is not dict or len(value) > most:
            return False
        for name, item in value.items():
            if name not in fields or not fields[name](item):
                return False
        return all(name in value for name in required)

    return fits


def _map(schema: Schema, definitions: Schema) -> Fits:
    """An object of names that the schema does not list; such a one lists and requires none."""
    if "properties" in schema or "required" in schema:
        return lambda _value: False
    most = schema.get("maxProperties", maxsize)
    name_fits = compiled(schema["propertyNames"], definitions)
    item_fits = compiled(schema["additionalProperties"], definitions)
    return lambda value: (
        type(value) is dict
        and len(value) <= most
        and all(map(name_fits, value))
        and all(map(item_fits, value.values()))
    )


_BY_TYPE: dict[str, Callable[[Schema, Schema], Fits]] = {
    "string": _text,
    "boolean": _truth,
    "integer": _number,
    "number": _number,
    "array": _list,
    "object": _object,
}
