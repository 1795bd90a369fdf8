"""`agent-sidecar publish`: one message of the agent, by the drop directory or the outbox.

The one-liner `bus-publish` is the friendly front of this; here a message is JSON or key=value.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from agent_sidecar.config import Config
from agent_sidecar.drop.directory import MAX_FILES, is_served, owner_of, words_of
from agent_sidecar.lock import AlreadyRunning
from agent_sidecar.one_shot import NotThroughError
from fleet.contract.errors import FleetError
from fleet.contract.rejection import Rejected
from fleet.contract.schema_validator import SchemaValidator, load_schema
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import Check, MessageKind, Plane

TAKES_OVER: Final = "a second connection of the account would push its link out"

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
    except (ValueError, RecursionError):
        return text
    return text if value is None or isinstance(value, str | list) else value


@dataclass(frozen=True, slots=True)
class DropTarget:
    """The drop directory as a publisher finds it.

    `usable`: this user may put files there. `owner`: the agent whose messages are taken up there,
    empty: nobody said. `served`: a sidecar is at work there. `words`: those beyond the contract
    that may be used, by vocabulary.
    """

    path: Path
    usable: bool
    owner: str
    served: bool
    words: Mapping[str, tuple[str, ...]]

    def is_of(self, agent: str) -> bool:
        """Whether what lies there goes out as this agent's, or as nobody's yet."""
        return self.owner in ("", agent)


def drop_target(config: Config) -> DropTarget | None:
    """The drop directory of a sidecar; None: there is none.

    Raises:
        FleetError: another agent's sidecar takes up what is put there.
    """
    path = config.path("FLEET_DROP")
    if path is None or str(path) == "-" or not path.is_dir():
        return None
    usable = os.access(path, os.W_OK | os.X_OK)
    owner, served = owner_of(path), is_served(path)
    if usable and served and owner not in ("", config.agent):
        raise FleetError(
            f"{path} is the drop directory of {owner}",
            f"this agent is {config.agent}, and its message would go out as {owner}'s",
            f"set FLEET_DROP to the directory of {config.agent}'s own sidecar, or to - for none",
        )
    words = words_of(path) if usable and owner else config.added_words()
    return DropTarget(path, usable, owner, served, words)


class KeptError(FleetError):
    """The message waits for a sidecar: in the drop directory, or in the outbox."""

    exit_code = 4


def publish(
    config: Config,
    kind: MessageKind,
    words: Sequence[str],
    send: Callable[[MessageKind, dict[str, Any]], None],
    *,
    direct: bool = False,
) -> str:
    """One message, by the sidecar that serves the drop directory, else by `send`; where neither
    goes and no outbox has it, it waits there. What the caller should know beside; mostly empty.

    Args:
        direct: to the broker also where the directory is served, unless this agent's own sidecar
            is at work: a second connection of the account would push its link out.

    Raises:
        KeptError: it waits.
        FleetError: it does not, and was not sent; or the contract rejects it.
    """
    target = drop_target(config)
    wall = time.time()
    added = config.added_words() if target is None else target.words
    message = compose_for_sidecar(config, added, kind, words, wall)
    if target is None:
        send(kind, message)
        return ""
    mine = target.served and target.owner == config.agent
    if target.usable and target.served and (mine or not direct):
        drop(target.path, kind, message, wall)
        return f"handed to the sidecar of {config.agent}: {TAKES_OVER}" if direct else ""
    if mine:
        raise FleetError(
            f"the sidecar of {config.agent} is at work",
            TAKES_OVER,
            f"let this user write to {target.path}: its sidecar makes it 1733",
        )
    try:
        send(kind, message)
    except (AlreadyRunning, KeptError):
        raise
    except FleetError as error:
        # The outbox has the rest: what is in it is sent by the next run, whoever drops nothing.
        lost = kind is MessageKind.HEARTBEAT or not isinstance(error, NotThroughError)
        if not (lost and target.usable and target.is_of(config.agent)):
            raise
        drop(target.path, kind, message, wall)
        raise KeptError(
            f"kept in {target.path}, where no sidecar takes it up now",
            f"{error.what}: {error.why}",
            error.remedy or "agent-sidecar run",
        ) from None
    return ""


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
