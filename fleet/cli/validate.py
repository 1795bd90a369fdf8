"""`fleet validate`: hold payloads against the contract, one verdict each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import IO, Any

import click

from fleet.cli.common import with_output, with_settings, write_jsonl
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator, schema_validators
from fleet.contract.topics import Topics
from fleet.contract.vocabulary import MessageKind
from fleet.settings import Settings


@click.command()
@click.argument("topic", required=False)
@click.argument("payload", required=False)
@click.option(
    "--jsonl",
    type=click.File("rb"),
    metavar="FILE",
    help='Lines of {"topic":…,"payload":…}; - reads stdin.',
)
@with_output("text", "jsonl")
@with_settings("home", "prefix", "manager", "adr")
def validate(
    settings: Settings, topic: str | None, payload: str | None, jsonl: IO[bytes] | None, output: str
) -> int:
    """Judge PAYLOAD as if it had arrived on TOPIC. Exit 0: all valid, 1: some invalid."""
    if jsonl is None and (topic is None or payload is None):
        raise click.UsageError("give TOPIC and PAYLOAD, or --jsonl FILE")
    if jsonl is not None and topic is not None:
        raise click.UsageError("give either TOPIC and PAYLOAD, or --jsonl FILE")
    known = schema_validators(settings.added_words())
    if jsonl is None:
        items: Iterable[tuple[int, object, object]] = [(1, topic, payload)]
    else:
        items = _lines(jsonl)
    verdicts = (_judge(settings.topics, known, *item) for item in items)
    invalid = 0
    for verdict in verdicts:
        invalid += not verdict["valid"]
        if output == "jsonl":
            write_jsonl([verdict])
        else:
            click.echo(_sentence(verdict))
    return 1 if invalid else 0


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, object, object]]:
    """(line number, topic, payload) of each line that is not blank; None for what is missing."""
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            item = None
        fields = item if isinstance(item, dict) else {}
        yield number, fields.get("topic"), fields.get("payload")


def _judge(
    topics: Topics,
    known: dict[MessageKind, SchemaValidator],
    line: int,
    topic: object,
    payload: object,
) -> dict[str, Any]:
    verdict: dict[str, Any] = {"line": line, "topic": topic, "valid": True}
    text = payload if isinstance(payload, str) else json.dumps(payload)
    try:
        address = topics.parse(topic if isinstance(topic, str) else "")
        verdict["kind"] = address.kind.value
        known[address.kind].read(text.encode("utf-8", "surrogatepass"))
    except Rejected as rejected:
        verdict |= {"valid": False, "reason": rejected.reason.value, "field": rejected.field}
        verdict["meaning"] = rejected.reason.meaning
        if rejected.name:
            verdict["name"] = rejected.name
        if rejected.allowed:
            verdict["allowed"] = list(rejected.allowed)
    return verdict


def _sentence(verdict: dict[str, Any]) -> str:
    topic = verdict["topic"]
    plain = isinstance(topic, str) and topic.isascii() and topic.isprintable()
    where = f"{verdict['line']}: {topic if plain else ascii(topic)}"
    if verdict["valid"]:
        return f"{where}: valid {verdict['kind']}"
    field = verdict["field"].replace("*", ascii(verdict.get("name", "*")))
    text = f"{where}: invalid, {verdict['reason']}{f' at {field}' if field else ''}"
    text += f" ({verdict['meaning']})"
    if "allowed" in verdict:
        text += f"; allowed: {', '.join(map(str, verdict['allowed']))}"
    return text
