"""One line about one message, made of the contract's words and numbers only."""

from __future__ import annotations

from fleet.cli.common import age
from fleet.contract.fields import Message
from fleet.contract.messages import Alert, Announcement, Command, Heartbeat, Receipt, Status
from fleet.contract.pair_messages import Lease
from fleet.contract.vocabulary import Check
from fleet.contract.work_messages import Progress, TaskOffer


def describe(message: Message) -> str:
    """What a person wants to see of `message` in a stream."""
    match message:
        case Heartbeat():
            return _heartbeat(message)
        case Status():
            return _status(message)
        case Alert():
            value = "" if message.value is None else f" at {message.value:g}"
            limit = "" if message.threshold is None else f" (limit {message.threshold:g})"
            return f"{message.severity.value} {message.code} {message.state.value}{value}{limit}"
        case Command():
            return f"{message.verb.value}{f' {message.id}' if message.id else ''}"
        case Announcement():
            return message.notice.value
        case Receipt():
            return f"committed up to {message.seq}"
        case Lease():
            return f"{message.role.value} of {message.pair}, epoch {message.epoch}"
        case TaskOffer():
            return f"task {message.id} offered, epoch {message.epoch}"
        case Progress():
            reason = f", {message.reason.value}" if message.reason else ""
            done = f"{message.state.value} {message.progress}%{reason}"
            return f"task {message.task} {done}, attempt {message.attempt}, epoch {message.epoch}"
    return message.kind_of_message.value


def _heartbeat(beat: Heartbeat) -> str:
    words = ["ok" if beat.ok else "not ok"]
    if beat.uptime is not None:
        words.append(f"up {age(beat.uptime)}")
    words += _troubles(beat.checks)
    words += beat.alerts or ()
    return ", ".join(words)


def _status(status: Status) -> str:
    words = [status.state.value]
    if status.versions:
        versions = status.versions.model_dump(exclude_none=True)
        words += [f"{name} {version}" for name, version in versions.items()]
    if status.reply:
        reply = status.reply
        words.append(f"{reply.verb.value} {reply.result.value}")
        if reply.code and reply.code != "ok":
            words.append(reply.code.value)
    words += _troubles(status.checks)
    return ", ".join(words)


def _troubles(checks: dict[str, Check] | None) -> list[str]:
    """Planes that do not pass; those that do are not worth a person's eye."""
    return [f"{plane} {check.value}" for plane, check in (checks or {}).items() if check != "pass"]
