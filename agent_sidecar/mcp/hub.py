"""What an agent asks of the hub for its model: submit, look, read and write, as itself.

The hub judges group, rights and sizes; here stand only the bounds of what a model is given.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

from agent_sidecar.mcp.seen import Placed, Seen
from agent_sidecar.mcp.tool import ToolError
from agent_sidecar.work.exchange import Answer, Source
from agent_sidecar.work.hub import Descriptor, HubAway
from agent_sidecar.work.hub_client import HttpHub, described, parsed, why_of
from fleet.contract.backoff import Backoff
from fleet.contract.work_vocabulary import MediaType

T = TypeVar("T")

MAX_READ: Final = 4 * 1024 * 1024
"""Bytes of content that is fetched to show a part of it."""

PATIENCE: Final = 15.0
"""Seconds in which a hub that is away is asked again: a model that calls again would submit
another task."""

MAX_LISTED: Final = 200
"""Tasks of one session that are looked at."""

_BY_TOOLS: Final = (
    ("fleet task list", "task_status without task: it lists yours"),
    ("fleet agent list", "leave to out"),
    ("fleet board ls", "board_list"),
    ("submit a task with a context of your own", "delegate without context: it opens one"),
    ("read the newest version", "board_read, then board_write again"),
)
"""How the hub's remedies begin, which speak to people, and what they are to a model."""


class DelegatingHub(HttpHub):
    """The same hub as the worker's, with the same token; what is refused is told to the model."""

    def submit(self, body: Mapping[str, object]) -> Seen:
        """The task; the same again where the hub was away, which is one task all the same."""
        return self._insist(lambda: Seen.of(self._document("POST", "/v1/tasks", body)))

    def answer(self, task: str, more: Descriptor) -> Seen:
        """Give a task that asks what it asks for."""
        body = {"input": [described(more)]}
        return self._insist(
            lambda: Seen.of(self._document("POST", f"/v1/tasks/{task}/input", body))
        )

    def task(self, task: str) -> Seen:
        return self._insist(lambda: Seen.of(self._document("GET", f"/v1/tasks/{task}")))

    def tasks(self, **wanted: str) -> list[Seen]:
        query = urlencode({"limit": MAX_LISTED, **wanted})
        said = self._insist(lambda: self._document("GET", f"/v1/tasks?{query}"))
        return parsed(lambda: [Seen.of(one) for one in said["tasks"]])

    def acknowledge(self, task: str) -> None:
        self._document("POST", f"/v1/tasks/{task}/acknowledge", {})

    def entries(self, context: str) -> list[Placed]:
        said = self._insist(lambda: self._document("GET", f"/v1/boards/{context}"))
        return parsed(lambda: [Placed.of(one) for one in said["entries"]])

    def entry(self, context: str, place: str) -> Placed:
        said = self._insist(lambda: self._document("GET", f"/v1/boards/{context}/{place}"))
        return parsed(lambda: Placed.of(said))

    def store(self, context: str, text: str, kind: MediaType) -> Descriptor:
        """Store a text for a session; what names it."""
        data = _encoded(text)
        named = Descriptor(f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), kind)
        target = f"/v1/blobs/{named.digest}?context={context}"
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            source = Source(file.fileno(), len(data))
            self._insist(lambda: self._require(self._ask("PUT", target, source=source)))
        return named

    def read(self, context: str, content: Descriptor) -> bytes:
        """A content of at most `MAX_READ` bytes, verified."""
        got = bytearray()

        def fetch() -> None:
            got.clear()
            target = f"/v1/blobs/{content.digest}?context={context}"
            self._require(self._ask("GET", target, into=got.extend, most=content.size))

        self._insist(fetch)
        if f"sha256:{hashlib.sha256(got).hexdigest()}" != content.digest:
            raise ToolError("the content did not come whole", "", "the same again")
        return bytes(got)

    def put(self, context: str, place: str, content: Descriptor, **more: object) -> Placed:
        """Put the next version of an entry."""
        body = {"descriptor": described(content), **more}
        target = f"/v1/boards/{context}/{place}"
        return self._insist(lambda: Placed.of(self._document("PUT", target, body)))

    def _require(self, answer: Answer) -> None:
        """
        Raises:
            HubAway: it may be asked again. ToolError: it refuses, in the hub's own words.
        """
        if answer.status in (401, 408, 425, 429) or answer.status >= 500:
            super()._require(answer)
        if not 200 <= answer.status < 300:
            remedy = answer.document().get("try")
            said = remedy[:300] if isinstance(remedy, str) else "another call"
            raise ToolError("the hub refuses", why_of(answer), _for_a_model(said))

    def _insist(self, ask: Callable[[], T]) -> T:
        backoff = Backoff(0.2, 5.0)
        begun = time.monotonic()
        while True:
            try:
                return parsed(ask)
            except HubAway:
                wait = backoff.failed(time.monotonic())
                if time.monotonic() + wait - begun > PATIENCE:
                    raise
                time.sleep(wait)


def _for_a_model(remedy: str) -> str:
    """What a person would type is nothing for a model: it is told who is to be asked for it."""
    for begin, said in _BY_TOOLS:
        if remedy.startswith(begin):
            return said
    return f"tell an operator: {remedy}" if remedy.startswith("fleet ") else remedy


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ToolError(
            "the text is not usable", "half a character is in it", "plain text"
        ) from None
