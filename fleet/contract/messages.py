"""The messages of the bus as pydantic models: the source the JSON Schemas are generated from.

The hub reads with these; the sidecar, which must stay small, reads with `schema_validator`, which
follows the schemas instead.
"""

from __future__ import annotations

from typing import Annotated, get_args

from pydantic import Field

from fleet.contract.fields import (
    Checks,
    Code,
    Codes,
    Counter,
    Digest,
    Duration,
    Interval,
    KeyId,
    Maybe,
    Message,
    Metrics,
    Quantity,
    Shape,
    Signature,
    Timestamp,
    TimeToLive,
    Ulid,
    Uptime,
    Version,
)
from fleet.contract.pair_messages import Lease
from fleet.contract.vocabulary import (
    AlertState,
    Kind,
    MessageKind,
    Notice,
    Priority,
    ReplyCode,
    Result,
    Severity,
    State,
    Verb,
)
from fleet.contract.work_messages import Progress, TaskOffer


class Heartbeat(Message):
    """Health telemetry of one agent, retained. A bus heartbeat costs no token."""

    kind_of_message = MessageKind.HEARTBEAT
    examples = (
        {"ok": True, "ts": "2026-03-18T21:30:00Z", "uptime": 86400},
        {
            "ok": False,
            "ts": "2026-03-18T21:30:00.125Z",
            "uptime": 12.5,
            "interval": 60,
            "boot": 1773869400125,
            "seq": 7,
            "checks": {"process": "pass", "endpoint": "fail", "disk": "warn"},
            "alerts": ["endpoint-down"],
            "metrics": {"memory_bytes": 103000000, "tokens_input_total": 51200},
        },
    )

    ok: Annotated[bool, Field(description="the agent's own verdict")]
    ts: Annotated[Timestamp, Field(description="when it was made")]
    uptime: Annotated[Maybe[Uptime], Field(description="seconds, of the agent's process")] = None
    interval: Annotated[
        Maybe[Interval], Field(description="seconds until the next one is due; default 600")
    ] = None
    boot: Annotated[
        Maybe[Counter], Field(description="number of this sidecar session, ms since epoch at start")
    ] = None
    seq: Annotated[Maybe[Counter], Field(description="counts messages of this session")] = None
    checks: Annotated[Maybe[Checks], Field(description="result by plane")] = None
    alerts: Annotated[Maybe[Codes], Field(description="codes firing now")] = None
    metrics: Annotated[
        Maybe[Metrics], Field(description="numbers in Prometheus base units, named by suffix")
    ] = None


class Versions(Shape):
    """Version strings of what runs."""

    agent: Annotated[Maybe[Version], Field(description="of the AI agent")] = None
    sidecar: Annotated[Maybe[Version], Field(description="of the process beside it")] = None
    runtime: Annotated[Maybe[Version], Field(description="of the agent's language runtime")] = None


class Reply(Shape):
    """The answer to one command."""

    to: Annotated[Maybe[Ulid], Field(description="id of the command; absent if it had none")] = None
    verb: Annotated[Verb, Field(description="the verb that is answered")]
    result: Annotated[Result, Field(description="how it ended")]
    code: Annotated[Maybe[ReplyCode], Field(description="why it ended so")] = None
    took: Annotated[Maybe[Duration], Field(description="seconds it took")] = None


class Status(Message):
    """A state change, versions or a command reply; also the last will."""

    kind_of_message = MessageKind.STATUS
    examples = (
        {"state": "running", "ts": "2026-03-18T21:30:00Z"},
        {"state": "offline", "ts": "2026-03-18T21:30:00Z", "boot": 1773869400125},
        {
            "state": "running",
            "ts": "2026-03-18T21:30:01Z",
            "boot": 1773869400125,
            "seq": 8,
            "kind": "nanobot",
            "versions": {"agent": "0.3.5", "sidecar": "0.1.0", "runtime": "3.11.7"},
            "config": "sha256:" + "0" * 64,
            "reply": {
                "to": "01JZ0000000000000000000000",
                "verb": "version-report",
                "result": "done",
                "code": "ok",
                "took": 0.012,
            },
        },
    )

    state: Annotated[State, Field(description="what the agent says of itself")]
    ts: Annotated[Timestamp, Field(description="when it was made")]
    boot: Annotated[Maybe[Counter], Field(description="number of this sidecar session")] = None
    seq: Annotated[Maybe[Counter], Field(description="counts messages of this session")] = None
    checks: Annotated[Maybe[Checks], Field(description="result by plane")] = None
    metrics: Annotated[Maybe[Metrics], Field(description="numbers in Prometheus base units")] = None
    versions: Annotated[Maybe[Versions], Field(description="version strings")] = None
    kind: Annotated[Maybe[Kind], Field(description="what kind of agent this is")] = None
    config: Annotated[
        Maybe[Digest], Field(description="fingerprint of configuration and profile files")
    ] = None
    reply: Annotated[Maybe[Reply], Field(description="answer to a command")] = None


class Alert(Message):
    """A problem that starts or ends, retained."""

    kind_of_message = MessageKind.ALERT
    examples = (
        {
            "code": "disk-pressure",
            "severity": "warning",
            "state": "firing",
            "ts": "2026-03-18T21:30:00Z",
            "value": 91,
            "threshold": 90,
        },
        {
            "code": "disk-pressure",
            "severity": "warning",
            "state": "resolved",
            "ts": "2026-03-18T22:00:00Z",
            "id": "01JZ0000000000000000000001",
            "boot": 1773869400125,
            "seq": 9,
        },
    )

    code: Annotated[Code, Field(description="which problem")]
    severity: Annotated[Severity, Field(description="how much it matters")]
    state: Annotated[AlertState, Field(description="whether it starts or ends")]
    ts: Annotated[Timestamp, Field(description="when it started or ended")]
    id: Annotated[Maybe[Ulid], Field(description="makes a repetition recognisable")] = None
    value: Annotated[Maybe[Quantity], Field(description="the measured value")] = None
    threshold: Annotated[Maybe[Quantity], Field(description="the limit it crossed")] = None
    boot: Annotated[Maybe[Counter], Field(description="number of this sidecar session")] = None
    seq: Annotated[Maybe[Counter], Field(description="counts messages of this session")] = None


class Command(Message):
    """One verb. No arguments, no free text, no path from the bus to a shell."""

    kind_of_message = MessageKind.COMMAND
    examples = (
        {"verb": "health-check"},
        {
            "verb": "config-reload",
            "id": "01JZ0000000000000000000000",
            "ts": "2026-03-18T21:30:00Z",
            "ttl": 60,
            "priority": "urgent",
            "boot": 1773869400125,
            "kid": "0" * 16,
            "sig": "A" * 86,
        },
    )

    verb: Annotated[Verb, Field(description="what to do")]
    id: Annotated[Maybe[Ulid], Field(description="a repeated id is answered once")] = None
    ts: Annotated[Maybe[Timestamp], Field(description="when it was sent")] = None
    ttl: Annotated[Maybe[TimeToLive], Field(description="seconds it is valid; default 60")] = None
    priority: Annotated[Maybe[Priority], Field(description="order among waiting ones")] = None
    boot: Annotated[Maybe[Counter], Field(description="the session that it is signed for")] = None
    sig: Annotated[Maybe[Signature], Field(description="Ed25519, unpadded base64url")] = None
    kid: Annotated[Maybe[KeyId], Field(description="which key signed it")] = None


class Announcement(Message):
    """A notice of the hub to all; with commands it shares the broadcast topic."""

    kind_of_message = MessageKind.BROADCAST
    examples = ({"notice": "hub-online", "ts": "2026-03-18T21:30:00Z"},)

    notice: Annotated[Notice, Field(description="what is announced")]
    ts: Annotated[Timestamp, Field(description="when it was made")]
    id: Annotated[Maybe[Ulid], Field(description="makes a repetition recognisable")] = None
    sig: Annotated[Maybe[Signature], Field(description="Ed25519, unpadded base64url")] = None
    kid: Annotated[Maybe[KeyId], Field(description="which key signed it")] = None


class Receipt(Message):
    """Every status, alert and progress of session `boot` up to `seq` is committed at the hub."""

    kind_of_message = MessageKind.RECEIPT
    examples = ({"boot": 1773869400125, "seq": 9},)

    boot: Annotated[Counter, Field(description="the session that is receipted")]
    seq: Annotated[Counter, Field(description="the last committed message of that session")]
    sig: Annotated[Maybe[Signature], Field(description="Ed25519, unpadded base64url")] = None
    kid: Annotated[Maybe[KeyId], Field(description="which key signed it")] = None


MODELS: dict[MessageKind, type[Message] | tuple[type[Message], ...]] = {
    MessageKind.HEARTBEAT: Heartbeat,
    MessageKind.STATUS: Status,
    MessageKind.ALERT: Alert,
    MessageKind.COMMAND: Command,
    MessageKind.BROADCAST: (Command, Announcement),
    MessageKind.RECEIPT: Receipt,
    MessageKind.TASK: TaskOffer,
    MessageKind.PROGRESS: Progress,
    MessageKind.LEASE: Lease,
}


def shapes() -> tuple[type[Shape], ...]:
    """Every object of the contract, those that stand inside messages after their message."""
    found: dict[type[Shape], None] = {}
    for models in MODELS.values():
        for model in models if isinstance(models, tuple) else (models,):
            inside = (get_args(field.annotation) for field in model.model_fields.values())
            found |= dict.fromkeys((model, *(one for some in inside for one in some if _is(one))))
    return tuple(found)


def _is(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Shape)
