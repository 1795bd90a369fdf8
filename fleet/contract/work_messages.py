"""The two messages of work by reference: ids, epochs and states, never what the work is about.

An offer names no session as a command does (ADR-0018): it carries nothing out, and who claims by
an old one is refused by the hub, which alone knows the epoch that counts. See ADR-0022.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fleet.contract.fields import (
    Attempt,
    Counter,
    Epoch,
    KeyId,
    Maybe,
    Message,
    Percent,
    Signature,
    Timestamp,
    TimeToLive,
    Ulid,
)
from fleet.contract.vocabulary import MessageKind
from fleet.contract.work_vocabulary import TaskReason, TaskState


class TaskOffer(Message):
    """There is work that this agent may claim at the hub, and nothing about it; it is no order."""

    kind_of_message = MessageKind.TASK
    examples = (
        {
            "id": "01JZ0000000000000000000002",
            "epoch": 0,
            "ts": "2026-03-18T21:30:00Z",
            "ttl": 60,
            "kid": "0" * 16,
            "sig": "A" * 86,
        },
    )

    id: Annotated[Ulid, Field(description="of the task")]
    epoch: Annotated[Epoch, Field(description="how often it was claimed before")]
    ts: Annotated[Timestamp, Field(description="when it was sent")]
    ttl: Annotated[TimeToLive, Field(description="seconds it is valid")]
    sig: Annotated[Maybe[Signature], Field(description="Ed25519, unpadded base64url")] = None
    kid: Annotated[Maybe[KeyId], Field(description="which key signed it")] = None


Told = Literal[
    TaskState.WORKING,
    TaskState.INPUT_REQUIRED,
    TaskState.COMPLETED,
    TaskState.FAILED,
    TaskState.CANCELED,
    TaskState.REJECTED,
]
"""What a worker may say of a task; the other states are the hub's own verdict."""


class Progress(Message):
    """How far the agent is with a task that it claimed; sent through the outbox, never retained."""

    kind_of_message = MessageKind.PROGRESS
    examples = (
        {
            "task": "01JZ0000000000000000000002",
            "epoch": 1,
            "attempt": 1,
            "state": "working",
            "progress": 40,
            "ts": "2026-03-18T21:31:00Z",
            "boot": 1773869400125,
            "seq": 10,
        },
        {
            "task": "01JZ0000000000000000000002",
            "epoch": 2,
            "attempt": 2,
            "state": "failed",
            "progress": 40,
            "reason": "out-of-memory",
            "ts": "2026-03-18T21:33:00Z",
            "boot": 1773869400125,
            "seq": 11,
        },
    )

    task: Annotated[Ulid, Field(description="id of the task")]
    epoch: Annotated[Epoch, Field(description="of the claim that the agent holds")]
    attempt: Annotated[Attempt, Field(description="which attempt, counted before it starts")]
    state: Annotated[Told, Field(description="where the task is")]
    progress: Annotated[Percent, Field(description="percent done")]
    reason: Annotated[Maybe[TaskReason], Field(description="why it ended so")] = None
    ts: Annotated[Timestamp, Field(description="when it was so")]
    boot: Annotated[Counter, Field(description="number of this sidecar session")]
    seq: Annotated[Counter, Field(description="counts messages of this session")]
