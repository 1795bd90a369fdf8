"""Tasks and entries of boards as the hub tells of them to who delegated; what is of another form is
a `ValueError`, `TypeError` or `KeyError`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent_sidecar.work.hub import Descriptor
from agent_sidecar.work.hub_client import descriptor
from fleet.contract.work_vocabulary import BoardSection, TaskReason, TaskState


@dataclass(frozen=True, slots=True)
class Seen:
    """A task as its submitter sees it."""

    id: str
    context: str
    kind: str
    state: TaskState
    reason: TaskReason | None
    progress: int
    by: str
    group: str
    holder: str
    output: tuple[Descriptor, ...]
    told: bool

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Seen:
        reason = said["reason"]
        return cls(
            str(said["id"]), str(said["context"]), str(said["kind"]), TaskState(said["state"]),
            TaskReason(reason) if reason else None, int(said["progress"]), str(said["by"]),
            str(said["group"]), str(said["holder"] or ""),
            tuple(descriptor(one) for one in said["output"]), said["told"] is True,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Placed:
    """An entry of a board, with who put it there."""

    section: BoardSection
    name: str
    version: int
    author: str
    content: Descriptor

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Placed:
        return cls(
            BoardSection(said["section"]), str(said["name"]), int(said["version"]),
            str(said["author"]), descriptor(said["descriptor"]),
        )  # fmt: skip
