"""`agent-sidecar publish`: one message of the agent, by the drop directory or the outbox.

The one-liner `bus-publish` is the friendly front of this; here a message is JSON or key=value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent_sidecar.config import Config
from agent_sidecar.drop.directory import MAX_FILES, owner_of, words_of
from fleet.contract.errors import FleetError
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator, load_schema
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import Check, MessageKind, Plane

_EXAMPLES = {
    MessageKind.HEARTBEAT: "agent-sidecar publish heartbeat ok=true errors_total=3",
    MessageKind.STATUS: "agent-sidecar publish status state=degraded",
    MessageKind.ALERT: "agent-sidecar publish alert code=disk-pressure severity=warning value=91",
}


def compose(
    added: Mapping[str, tuple[str, ...]], kind: MessageKind, words: Sequence[str], wall: float
) -> dict[str, Any]:
    """The message that `words` describe: one JSON object, or key=value pairs, in which an
    unknown key with a number is a metric and a plane with a word is a check. What the contract
    requires and is safe to say is filled in.

    Args:
        added: the words beyond the contract that whoever sends it knows, by vocabulary.

    Raises:
        FleetError: the contract rejects it; says what is allowed.
    """
    judge = SchemaValidator(load_schema(kind), added)
    fields = load_schema(kind)["properties"]
    try:
        message = _parse(words, fields, {*Plane, *added.get("planes", ())})
        message.setdefault("ts", timestamp(wall))
        if kind is MessageKind.HEARTBEAT:
            checks = message.get("checks")
            fails = isinstance(checks, dict) and Check.FAIL in checks.values()
            message.setdefault("ok", not fails)
        if kind is MessageKind.ALERT:
            message.setdefault("state", "firing")
            message.setdefault("id", ulid(wall))
        judge.check(message)
    except Rejected as rejected:
        allowed = f"; allowed: {', '.join(rejected.allowed)}" if rejected.allowed else ""
        raise FleetError(
            f"the contract rejects this {kind}", f"{rejected}{allowed}", _EXAMPLES[kind]
        ) from None
    return message


def compose_for_sidecar(
    config: Config,
    added: Mapping[str, tuple[str, ...]],
    kind: MessageKind,
    words: Sequence[str],
    wall: float,
) -> dict[str, Any]:
    """Like `compose`, for a sidecar that knows the words `added`; one that our ADRs add by now, and
    that it does not know, is told as that.

    Raises:
        FleetError: as there.
    """
    try:
        return compose(added, kind, words, wall)
    except FleetError as error:
        try:
            compose(config.added_words(), kind, words, wall)
        except FleetError:
            raise error from None
    raise FleetError(
        f"the sidecar does not know a word of this {kind} yet",
        f"it was started before {config.text('FLEET_ADR')} had that word",
        "restart the sidecar, or kill -HUP it; then agent-sidecar publish again",
    )


def _parse(words: Sequence[str], fields: dict[str, Any], planes: set[str]) -> dict[str, Any]:
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        from fleet.contract.strict_json import decode

        return decode(words[0].encode())
    message: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    checks: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        value = _value(text) if equals else None
        if name in fields:
            message[name] = value
        elif isinstance(value, int | float) and not isinstance(value, bool):
            metrics[name] = value
        else:
            (checks if name in planes else message)[name] = value
    maps = {"checks": checks, "metrics": metrics}
    return message | {name: entries for name, entries in maps.items() if entries}


def _value(text: str) -> Any:
    """A number, true, false or a JSON object; anything else is a word."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if value is None or isinstance(value, str | list) else value


def drop_folder(config: Config) -> tuple[Path | None, Mapping[str, tuple[str, ...]]]:
    """The drop directory of a sidecar, if this user may put files there, and the words beyond the
    contract that may be used: those of the sidecar that takes them up there, else our own.

    Raises:
        FleetError: another agent's sidecar takes up what is put there.
    """
    path = config.path("FLEET_DROP")
    if path is None or str(path) == "-" or not path.is_dir():
        return None, config.added_words()
    if not os.access(path, os.W_OK | os.X_OK):
        return None, config.added_words()
    owner = owner_of(path)
    if owner not in ("", config.agent):
        raise FleetError(
            f"{path} is the drop directory of {owner}",
            f"this agent is {config.agent}, and its message would go out as {owner}'s",
            f"set FLEET_DROP to the directory of {config.agent}'s own sidecar, or to - for none",
        )
    return path, words_of(path)


def drop(folder: Path, kind: MessageKind, message: dict[str, Any], wall: float) -> None:
    """Hand the message to the sidecar: written under another name, then renamed, so that it is
    never seen half.

    Raises:
        FleetError: the file cannot be written.
    """
    name = f"{kind}-{ulid(wall)}.json"
    temporary, final = folder / f".{name}", folder / name
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
        with os.fdopen(handle, "w") as stream:
            json.dump(message, stream)
        temporary.rename(final)
    except OSError as error:
        raise FleetError(
            f"the drop directory {folder} does not take the message",
            error.strerror or "",
            f"see that the sidecar runs and fewer than {MAX_FILES} files wait in {folder}",
        ) from None
