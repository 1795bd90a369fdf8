"""The hub over HTTP: the routes of tasks, blobs and boards, in the words of the port.

An answer is as little believed as a worker: what is not of the form we know is refused here.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from agent_sidecar import machine_time
from agent_sidecar.work.exchange import MAX_ANSWER, Address, Answer, Source, ask
from agent_sidecar.work.hub import (
    DIGEST,
    TASK_ID,
    BlobMismatch,
    BlobTooLarge,
    BlobUnavailable,
    BoardEntry,
    Claim,
    Descriptor,
    HubAway,
    HubRefused,
    LeaseLost,
    NotAdmitted,
    Offer,
)
from fleet.contract.errors import ConfigError
from fleet.contract.secret_file import read_secret
from fleet.contract.work_vocabulary import (
    ENTRY_NAME_TEXT,
    BoardSection,
    MediaType,
    TaskReason,
    TaskState,
)

T = TypeVar("T")

MAX_BLOB: Final = 1024**3
"""Bytes of an input: a hub has 64 MiB unless it is told otherwise."""

RESUMED: Final = 1024 * 1024
"""Bytes from which on an output goes on where its link broke: what is smaller is sent anew."""

MAX_ENTRIES: Final = 1000
"""Inputs, entries of a board, or offers in one answer."""

_ENDS: Final = {
    TaskReason.ISOLATION_UNAVAILABLE: TaskState.REJECTED,
    TaskReason.KIND_UNKNOWN: TaskState.REJECTED,
    TaskReason.CANCEL_ASKED: TaskState.CANCELED,
}
"""What an attempt ends as where it does not end as failed."""

_CHECK: Final = "agent-sidecar work --once"


class HttpHub:
    """Asks the hub at `address` with the token in a file, read anew each time."""

    def __init__(self, address: Address, token_file: Path) -> None:
        self._address = address
        self._token_file = token_file

    def offered(self) -> Sequence[Offer]:
        document = self._document("GET", "/v1/tasks?offered=true")
        found = parsed(lambda: [Offer(str(t["id"]), str(t["kind"])) for t in document["tasks"]])
        return found[:MAX_ENTRIES]

    def claim(self, task: str) -> Claim | None:
        asked = machine_time.now()
        answer = self._ask("POST", f"/v1/tasks/{task}/claim", {})
        if answer.status in (404, 409):
            return None
        self._require(answer)
        said = answer.document()
        return parsed(lambda: _claim(said["task"], asked))

    def renew(self, claim: Claim, progress: int, result: bool = False) -> tuple[float, bool]:
        body: dict[str, object] = {"epoch": claim.epoch, "progress": progress}
        if result:  # only where it matters: a hub of an earlier release knows no such field
            body["result"] = True
        said = self._document("POST", f"/v1/tasks/{claim.task}/renew", body)
        until = parsed(lambda: _moment(said["lease_until"]))
        # The hub's clock may have been set since: its stamps move together.
        started = parsed(lambda: _moment(said["started"])) if "started" in said else claim.started
        left = claim.asked + (until - started) - machine_time.now()
        return min(left, claim.lease), said.get("cancel") is True

    def complete(self, claim: Claim, output: Sequence[Descriptor]) -> None:
        body = {"epoch": claim.epoch, "output": [described(one) for one in output]}
        self._document("POST", f"/v1/tasks/{claim.task}/complete", body)

    def ask(self, claim: Claim, output: Sequence[Descriptor]) -> None:
        state = TaskState.INPUT_REQUIRED.value
        body = {"epoch": claim.epoch, "state": state, "output": [described(one) for one in output]}
        self._document("POST", f"/v1/tasks/{claim.task}/fail", body)

    def fail(self, claim: Claim, reason: TaskReason) -> None:
        state = _ENDS.get(reason, TaskState.FAILED)
        body = {"epoch": claim.epoch, "state": state.value, "reason": reason.value}
        self._document("POST", f"/v1/tasks/{claim.task}/fail", body)

    def read_blob(self, claim: Claim, content: Descriptor, into: int) -> None:
        digest, size = hashlib.sha256(), 0

        def take(piece: bytes) -> None:
            nonlocal size
            digest.update(piece)
            size += len(piece)
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(into, rest) :]

        os.ftruncate(into, 0)
        target = f"/v1/blobs/{content.digest}?context={claim.context}"
        answer = self._ask("GET", target, into=take, most=content.size)
        if answer.status in (403, 404):
            raise BlobUnavailable("an input cannot be had", f"HTTP {answer.status}", _CHECK)
        self._require(answer)
        if size != content.size or f"sha256:{digest.hexdigest()}" != content.digest:
            why = f"{size} bytes came, and another digest than {content.digest[:19]}…"
            raise BlobMismatch("an input is not what it should be", why, _CHECK)

    def store_blob(self, claim: Claim, content: Descriptor, source: int) -> None:
        target = f"/v1/blobs/{content.digest}?context={claim.context}"
        body = Source(source, content.size)
        if content.size >= RESUMED:
            body = replace(body, begin=self._begun(target, body))
        answer = self._ask("PUT", target, source=body)
        if answer.status == 416:
            raise HubAway("the hub has another part of an output", why_of(answer), _CHECK)
        why, full = why_of(answer), answer.document().get("code") == "disk-full"
        if answer.status == 413 or (answer.status == 507 and not full):
            raise BlobTooLarge("the hub does not take an output", why, _CHECK)
        if answer.status in (400, 422):
            raise BlobMismatch("the hub does not take an output", why, _CHECK)
        self._require(answer)

    def _begun(self, target: str, body: Source) -> int:
        """From which byte on the hub wants it: it may have some of it, of a link that broke."""
        answer = self._ask("PUT", target, source=replace(body, begin=body.size))
        offset = answer.document().get("offset")
        known = answer.status == 416 and type(offset) is int and 0 <= offset < body.size
        return int(str(offset)) if known else 0

    def board(self, claim: Claim) -> Sequence[BoardEntry]:
        answer = self._ask("GET", f"/v1/boards/{claim.context}")
        if answer.status == 404:
            return []
        self._require(answer)
        said = answer.document()
        return parsed(lambda: [_entry(one) for one in said["entries"]][:MAX_ENTRIES])

    def put_entry(self, claim: Claim, entry: BoardEntry) -> None:
        target = f"/v1/boards/{claim.context}/{entry.section}/{entry.name}"
        body = {"descriptor": described(entry.content), "task": claim.task}
        self._document("PUT", target, body)

    def _document(
        self, method: str, target: str, body: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        answer = self._ask(method, target, body)
        self._require(answer)
        return answer.document()

    def _ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, object] | None = None,
        source: Source | None = None,
        into: Callable[[bytes], None] | None = None,
        most: int = MAX_ANSWER,
    ) -> Answer:
        try:
            token = read_secret(self._token_file)
        except ConfigError as error:
            raise NotAdmitted(*error.args) from None
        content = None if body is None else json.dumps(body).encode()
        try:
            return ask(self._address, method, target, token, content, source, into, most)
        except OSError as error:
            why = error.strerror or str(error) or "no answer"
            raise HubAway(
                f"the hub at {self._address.header} does not answer", why, "fleet serve, over there"
            ) from None

    def _require(self, answer: Answer) -> None:
        """
        Raises:
            LeaseLost, HubAway, HubRefused: the answer is none of success.
        """
        status, why = answer.status, why_of(answer)
        if status == 409:
            raise LeaseLost("the claim is not ours any more", why, "nothing: the hub goes on")
        if status in (408, 425, 429) or status >= 500:
            raise HubAway(f"the hub at {self._address.header} cannot now", why, _CHECK)
        if status == 401:
            remedy = "fleet token create --role agent:NAME, and its last line into FLEET_TOKEN_FILE"
            raise NotAdmitted("the hub does not know the token", why, remedy)
        if not 200 <= status < 300:
            remedy = str(answer.document().get("try", ""))[:300] or _CHECK
            kind = NotAdmitted if status == 403 else HubRefused
            raise kind("the hub refuses", why, remedy)


def _claim(task: dict[str, Any], asked: float) -> Claim:
    started = _moment(task["started"])
    name, context = str(task["id"]), str(task["context"])
    if not (TASK_ID.fullmatch(name) and TASK_ID.fullmatch(context)):
        raise ValueError(name)
    given = tuple(descriptor(one) for one in task["input"])
    if len(given) > MAX_ENTRIES or sum(one.size for one in given) > MAX_BLOB:
        raise ValueError("input")
    return Claim(
        name, str(task["kind"]), context, int(task["epoch"]), int(task["attempt"]),
        _moment(task["lease_until"]) - started, float(task["timeout"]), given, asked, started,
    )  # fmt: skip


def _entry(said: dict[str, Any]) -> BoardEntry:
    name = str(said["name"])
    if not ENTRY_NAME_TEXT.fullmatch(name):
        raise ValueError(name)
    return BoardEntry(BoardSection(said["section"]), name, descriptor(said["descriptor"]))


def descriptor(said: dict[str, Any]) -> Descriptor:
    digest, size = str(said["digest"]), int(said["size"])
    if not DIGEST.fullmatch(digest) or not 0 <= size <= MAX_BLOB:
        raise ValueError(digest)
    return Descriptor(digest, size, MediaType(said["media_type"]))


def described(content: Descriptor) -> dict[str, object]:
    return {
        "digest": content.digest,
        "size": content.size,
        "media_type": content.media_type.value,
    }


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def parsed(parse: Callable[[], T]) -> T:
    try:
        return parse()
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        why = "it is of another release, or no hub"
        raise HubRefused("the hub's answer is none that we know", why, "fleet --version") from None


def why_of(answer: Answer) -> str:
    """What the hub says, of its own text only what a line may hold."""
    detail = answer.document().get("detail")
    return (
        f"HTTP {answer.status}: {detail}"[:300]
        if isinstance(detail, str)
        else (f"HTTP {answer.status}")
    )
