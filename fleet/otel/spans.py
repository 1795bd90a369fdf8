"""A command that has ended, as spans: waiting, on its way, and the agent's own work."""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from fleet.domain.commands import CommandState, Order

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NANO: Final = 1_000_000_000


def trace_id(order_id: str) -> int:
    """The trace of a command: the 128 bits of its ULID."""
    number = 0
    for character in order_id:
        number = number << 5 | _CROCKFORD.index(character)
    return number


def spans_of(order: Order, resource: Resource) -> list[ReadableSpan]:
    """The root span and its parts; none for a command that has not ended."""
    if order.ended is None:
        return []
    root = _context(order, 1)
    parts: list[tuple[str, float, float, int, SpanContext | None]] = [
        ("command", order.created, order.ended, 1, None)
    ]
    sent = order.sent if order.sent is not None else order.ended
    if sent > order.created:
        parts.append(("queued at the hub", order.created, sent, 2, root))
    if order.sent is not None:
        parts.append(("sent, until the reply", order.sent, order.ended, 3, root))
        if order.took is not None:
            began = max(order.sent, order.ended - order.took)
            parts.append(("carried out by the agent", began, order.ended, 4, _context(order, 3)))
    return [
        ReadableSpan(
            name=f"{name} {order.verb}" if number == 1 else name,
            context=_context(order, number),
            parent=parent,
            resource=resource,
            attributes=_attributes(order) if number == 1 else {},
            kind=SpanKind.CLIENT if number == 1 else SpanKind.INTERNAL,
            status=_status(order) if number == 1 else Status(),
            start_time=int(start * _NANO),
            end_time=int(max(start, end) * _NANO),
        )
        for name, start, end, number, parent in parts
    ]


def _context(order: Order, number: int) -> SpanContext:
    """A span id of its own within the trace: the low bits of the ULID are random already."""
    trace = trace_id(order.id)
    span = (trace & (2**64 - 1)) ^ number or number
    return SpanContext(trace, span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _attributes(order: Order) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "fleet.command.id": order.id,
        "fleet.command.verb": order.verb.value,
        "fleet.command.outcome": order.state.value,
        "fleet.command.priority": order.priority.value,
        "fleet.agent": order.agent,
    }
    if order.code is not None:
        found["fleet.command.code"] = order.code.value
    return found


def _status(order: Order) -> Status:
    good = order.state is CommandState.DONE
    return Status(StatusCode.OK) if good else Status(StatusCode.ERROR, order.state.value)
