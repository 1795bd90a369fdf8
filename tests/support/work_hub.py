"""A served hub with two groups and work in one of them: who is who, and what there is to be had."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any, Final

from fleet.contract.timestamps import ulid
from fleet.provisioning.registry import Enrolled, Registry
from fleet.tokens import Principal, Tokens
from tests.support.served import Served

AGENTS: Final = (
    Enrolled("boss", groups=("red",), may_delegate=True),
    Enrolled("worker", groups=("red",), can=("research",)),
    Enrolled("peer", groups=("red",), can=("research",), may_delegate=True),
    Enrolled("spy", groups=("blue",), can=("research",), may_delegate=True),
    Enrolled("loner", can=("research",), may_delegate=True),
)
"""`peer` is of the group that works, and of none of its sessions."""

UNENROLLED: Final = "ghost"
SECRET: Final = b"what a client told one agent, and no other"
ANSWER: Final = b"what came of it"


def digest_of(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"


def described(content: bytes) -> dict[str, Any]:
    return {"digest": digest_of(content), "size": len(content), "media_type": "text/plain"}


@dataclass
class WorkHub:
    """Asks a hub as one of the agents, or by a role."""

    served: Served
    counter: Any = field(default_factory=lambda: count(1))

    def new_id(self) -> str:
        return ulid(1_790_000_000.0 + next(self.counter))

    def enrol(self, *agents: Enrolled) -> None:
        """Put them on the list, each with a token."""
        registry, tokens = Registry(self.served.home), Tokens(self.served.home)
        for agent in agents:
            registry.save(agent)
        for name in (*(agent.name for agent in agents), UNENROLLED):
            if name not in self.served.tokens:
                principal = Principal.parse(f"agent:{name}")
                self.served.tokens[name] = tokens.create(principal, "2026-01-01T00:00:00Z")[0]

    def ask(
        self, method: str, path: str, who: str | None, body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        status, answer, _ = self.served.ask(method, path, who, body, given)
        return status, answer

    def done(
        self, method: str, path: str, who: str, body: Any = None, **headers: str
    ) -> dict[str, Any]:
        """The answer of a request that must be met."""
        status, answer = self.ask(method, path, who, body, **headers)
        assert status in (200, 201), (method, path, who, status, answer)
        found: dict[str, Any] = answer if isinstance(answer, dict) else {"text": answer}
        return found

    def put(self, content: bytes, context: str, who: str, more: str = "") -> dict[str, Any]:
        """Store a content; what names it."""
        path = f"/v1/blobs/{digest_of(content)}?context={context}{more}"
        self.done("PUT", path, who, content)
        return described(content)

    def submit(self, who: str, context: str, kind: str = "research", **more: Any) -> str:
        """A new task; its id."""
        task = self.new_id()
        body = {"id": task, "context": context, "kind": kind, **more}
        self.done("POST", "/v1/tasks", who, body)
        return task


@dataclass(frozen=True)
class Scene:
    """Work of the group red: `claimed` is held by `worker`, `waiting` by nobody, `asking` is for
    the group blue and waits for a person."""

    context: str
    claimed: str
    waiting: str
    asking: str


def scene(hub: WorkHub) -> Scene:
    hub.enrol(*AGENTS)
    context = hub.new_id()
    named = hub.put(SECRET, context, "boss")
    claimed = hub.submit("boss", context, input=[named])
    taken = hub.done("POST", f"/v1/tasks/{claimed}/claim", "worker")
    assert taken["task"]["id"] == claimed
    waiting = hub.submit("boss", context, to="worker")
    asking = hub.submit("boss", hub.new_id(), group="blue", input=[named])
    address = f"/v1/boards/{context}/findings/notes.md"
    hub.done("PUT", address, "worker", {"descriptor": hub.put(ANSWER, context, "worker")})
    return Scene(context, claimed, waiting, asking)
