"""Whoever names a digest must have it: else to know one would be enough to read it, by a task to
oneself. What a task or a board refers to was stored for its context before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fleet.domain.work.errors import InvalidTaskError
from fleet.domain.work.submission import require_descriptors
from fleet.domain.work.task import Descriptor
from fleet.store.work.tables import WorkTables

AGENT: Final = "agent:"
"""How `Task.by` begins where an agent submitted."""


def require_stored(
    tables: WorkTables, field: str, descriptors: Sequence[Descriptor], context: str
) -> None:
    """
    Raises:
        InvalidTaskError: one was not stored for the context, or has another size.
    """
    require_descriptors(field, descriptors)
    for one in descriptors:
        _require_size(field, one, tables.blob_size(one.digest, context))


def require_readable(
    tables: WorkTables, field: str, descriptors: Sequence[Descriptor], by: str, now: float
) -> None:
    """The same of what a task of another group would be given: who submits it has it, as a member
    of a session or since it has sent it; or is an operator, who may read all.

    Raises:
        InvalidTaskError: one is not there, or not its submitter's to give.
    """
    require_descriptors(field, descriptors)
    for one in descriptors:
        mine = (
            not by.startswith(AGENT)
            or tables.member_has(by, None, one.digest)
            or tables.is_granted(by.removeprefix(AGENT), one.digest, now)
        )
        _require_size(field, one, tables.blob_size(one.digest, None) if mine else None)


def _require_size(field: str, one: Descriptor, size: int | None) -> None:
    if size is None:
        raise InvalidTaskError(field, f"{one.digest} is not stored for its context", "upload it")
    if size != one.size:
        raise InvalidTaskError(field, f"{one.digest} has {size} bytes, not {one.size}", "count")
