"""What of a rejected message the contract would have taken, apart from what made it foreign.

A message is rejected whole, for one field. The others are what they would be in any message: they
are judged as such, and are no evidence for or against the foreign one beside them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from fleet.contract.fields import Message
from fleet.contract.limits import MAX_ALERTS, MAX_METRICS
from fleet.contract.messages import Announcement
from fleet.contract.reader import Reader
from fleet.contract.vocabulary import MessageKind

Path = tuple[str | int, ...]

_ROUNDS: Final = 4
"""Validations of one message: a wrong value can stand inside a field that is itself too long."""

_MARKS: Final = (
    ("task", MessageKind.PROGRESS),
    ("pair", MessageKind.LEASE),
    ("epoch", MessageKind.TASK),
    ("ok", MessageKind.HEARTBEAT),
    ("code", MessageKind.ALERT),
    ("state", MessageKind.STATUS),
    ("verb", MessageKind.COMMAND),
    ("notice", MessageKind.BROADCAST),
)
"""A field by which a message on a foreign topic is known for what it imitates."""


def decoded(payload: str) -> Any:
    """The JSON value of `payload`, in which nothing is lost that stands under a repeated key.

    Raises:
        ValueError, RecursionError: it is no JSON.
    """
    return json.loads(payload, object_pairs_hook=_with_repeats, parse_constant=str)


def _with_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = [found[key], value] if key in found else value
    return found


def kind_of(value: dict[str, Any]) -> MessageKind | None:
    """Which message `value` imitates; None if none."""
    return next((kind for field, kind in _MARKS if field in value), None)


def split(
    reader: Reader, kind: MessageKind, value: dict[str, Any]
) -> tuple[list[Message], dict[str, Any]]:
    """`value` as messages that the contract takes, and the rest, each leaf under its own path.

    Several messages only where a list or map was too long: each part of it is judged by itself.
    """
    models = reader.models[kind]
    model = models[0] if isinstance(models, tuple) else models
    if kind is MessageKind.BROADCAST and "notice" in value:
        model = Announcement
    messages: list[Message] = []
    rest: dict[str, Any] = {}
    for part in _of_bounded_size(value):
        message = _valid(model, part, rest)
        if message is not None:
            messages.append(message)
    return messages, rest


def _of_bounded_size(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    first = dict(value)
    metrics, alerts = value.get("metrics"), value.get("alerts")
    if isinstance(metrics, dict) and len(metrics) > MAX_METRICS:
        pairs = list(metrics.items())
        first["metrics"] = dict(pairs[:MAX_METRICS])
        for start in range(MAX_METRICS, len(pairs), MAX_METRICS):
            yield {"metrics": dict(pairs[start : start + MAX_METRICS])}
    if isinstance(alerts, list) and len(alerts) > MAX_ALERTS:
        first["alerts"] = alerts[:MAX_ALERTS]
        for start in range(MAX_ALERTS, len(alerts), MAX_ALERTS):
            yield {"alerts": alerts[start : start + MAX_ALERTS]}
    yield first


def _valid(model: type[Message], value: dict[str, Any], rest: dict[str, Any]) -> Message | None:
    """The message that is left when all that is wrong has been moved to `rest`."""
    kept = copy.deepcopy(value)
    for _ in range(_ROUNDS):
        try:
            text = json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")
            return model.model_validate_json(text)
        except ValidationError as invalid:
            errors = invalid.errors(include_url=False, include_context=False, include_input=False)
        # From the back, so that places in a list still hold when an earlier one is taken out.
        for error in reversed(errors):
            path = tuple(step for step in error["loc"] if step != "[key]")
            if error["type"] == "missing":
                _fill(model, kept, path)
            else:
                _move(kept, rest, path)
    _merge(rest, kept)
    return None


def _fill(model: type[Message], kept: dict[str, Any], path: Path) -> None:
    """Put in what is missing from an example: it is not there to be judged."""
    for example in model.examples:
        found = _at(example, path)
        inside = _at(kept, path[:-1])
        if found is not None and isinstance(inside, dict):
            inside[path[-1]] = found
            return


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and type(step) is int and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _move(kept: dict[str, Any], rest: dict[str, Any], path: Path) -> None:
    """Take what stands at `path` out of `kept`; in `rest` it has the same path without numbers."""
    inside = _at(kept, path[:-1])
    if not path or not isinstance(inside, dict | list):
        return
    step = path[-1]
    if isinstance(inside, dict):
        if step not in inside:
            return
        taken = inside.pop(str(step))
    else:
        if not isinstance(step, int) or step >= len(inside):
            return
        taken = inside.pop(step)
    names = [name for name in path if isinstance(name, str)]
    if isinstance(step, int):
        taken = [taken]
    for name in reversed(names):
        taken = {name: taken}
    _merge(rest, taken)


def _merge(into: dict[str, Any], more: dict[str, Any]) -> None:
    for name, value in more.items():
        there = into.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            _merge(there, value)
        elif isinstance(there, list) and isinstance(value, list):
            there.extend(value)
        else:
            into[name] = value
