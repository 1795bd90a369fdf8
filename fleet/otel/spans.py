"""A command that has ended, as spans: waiting, on its way, and the agent's own work."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from fleet.domain.commands import CommandState, IssuedCommand

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NANO: Final = 1_000_000_000


def trace_id(command_id: str) -> int:
    """The trace of a command: the 128 bits of its ULID."""
    number = 0
    for character in command_id:
        number = number << 5 | _CROCKFORD.index(character)
    return number


def spans_of(command: IssuedCommand, resource: Resource) -> list[ReadableSpan]:
    """The root span and its parts; none for a command that has not ended."""
    if command.ended is None:
        return []
    root = _context(command, 1)
    parts: list[tuple[str, float, float, int, SpanContext | None]] = [
        ("command", command.created, command.ended, 1, None)
    ]
    sent = command.sent if command.sent is not None else command.ended
    if sent > command.created:
        parts.append(("queued at the hub", command.created, sent, 2, root))
    if command.sent is not None:
        parts.append(("sent, until the reply", command.sent, command.ended, 3, root))
        if command.took is not None:
            began = max(command.sent, command.ended - command.took)
            parts.append(
                ("carried out by the agent", began, command.ended, 4, _context(command, 3))
            )
    return [
        ReadableSpan(
            name=f"{name} {command.verb}" if number == 1 else name,
            context=_context(command, number),
            parent=parent,
            resource=resource,
            attributes=_attributes(command) if number == 1 else {},
            kind=SpanKind.CLIENT if number == 1 else SpanKind.INTERNAL,
            status=_status(command) if number == 1 else Status(),
            start_time=int(start * _NANO),
            end_time=int(max(start, end) * _NANO),
        )
        for name, start, end, number, parent in parts
    ]


def _context(command: IssuedCommand, number: int) -> SpanContext:
    """A span id of its own within the trace: the low bits of the ULID are random already."""
    trace = trace_id(command.id)
    span = (trace & (2**64 - 1)) ^ number or number
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _attributes(command: IssuedCommand) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "fleet.command.id": command.id,
        "fleet.command.verb": command.verb.value,
        "fleet.command.outcome": command.state.value,
        "fleet.command.priority": command.priority.value,
        "fleet.agent": command.agent,
    }
    if command.code is not None:
        found["fleet.command.code"] = command.code.value
    return found


def _status(command: IssuedCommand) -> Status:
    good = command.state is CommandState.DONE
    return Status(StatusCode.OK) if good else Status(StatusCode.ERROR, command.state.value)
