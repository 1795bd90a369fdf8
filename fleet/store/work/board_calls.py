"""What each call about contexts, boards, grants and blobs does, inside one transaction."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from fleet.contract.work_vocabulary import BoardSection
from fleet.domain.work.errors import (
    TooManyError,
    UnknownContextError,
    UnknownEntryError,
    VersionConflictError,
)
from fleet.domain.work.limits import KEPT_BLOB, MAX_BOARD_VERSIONS, MAX_GRANTS, MAX_KEPT
from fleet.domain.work.submission import require_descriptors
from fleet.domain.work.task import Descriptor
from fleet.store.work import stored
from fleet.store.work.stored import AGENT
from fleet.store.work.tables import WorkTables, charge
from fleet.store.work_records import Context, Entry


def context(tables: WorkTables, id_: str, group: str | None = None) -> Context:
    found = tables.context(id_)
    if found is None or group not in (None, found.group):
        raise UnknownContextError(id_)
    return found


def open_context(tables: WorkTables, id_: str, group: str, now: float) -> Context:
    if tables.context(id_) is not None:
        return context(tables, id_, group)
    if tables.count_contexts(group) >= MAX_KEPT:
        raise TooManyError("contexts of this group", MAX_KEPT, "use one that is open")
    new = Context(id_, group, now)
    tables.open_context(new)
    return new


def put_entry(tables: WorkTables, entry: Entry, expected: int | None) -> Entry:
    context(tables, entry.context)
    stored.require_stored(tables, "descriptor", [entry.descriptor], entry.context)
    current = tables.newest_version(entry.context, entry.section, entry.name)
    if expected not in (None, current):
        raise VersionConflictError(f"{entry.section}/{entry.name}", expected or 0, current)
    if tables.count_versions(entry.context) >= MAX_BOARD_VERSIONS:
        raise TooManyError("versions on this board", MAX_BOARD_VERSIONS, "open another context")
    entry = replace(entry, version=current + 1)
    tables.add_version(entry)
    return entry


def versions(tables: WorkTables, id_: str, section: BoardSection, name: str) -> list[Entry]:
    found = tables.versions(id_, section, name)
    if not found:
        raise UnknownEntryError(id_, section, name)
    return found


def grant(
    tables: WorkTables, agent: str, things: Collection[str], until: float, now: float
) -> None:
    if tables.count_grants(agent, now) + len(things) > MAX_GRANTS:
        raise TooManyError("grants of this agent", MAX_GRANTS, "wait until some are over")
    tables.grant(agent, things, until)


def may_read(tables: WorkTables, agent: str, group: str, digest: str, now: float) -> bool:
    member = AGENT + agent
    return (
        tables.lease_shows(agent, digest, now)
        or tables.submitter_got(member, digest)
        or tables.member_has(member, group, digest)
        or tables.is_granted(agent, digest, now)
    )


def may_use_board(tables: WorkTables, agent: str, group: str, id_: str, now: float) -> bool:
    found = tables.context(id_)
    if found is None:
        return False
    own = found.group == group and tables.is_member(id_, AGENT + agent)
    return own or tables.holds_lease_in(agent, id_, now) or tables.is_granted(agent, id_, now)


def add_blob(tables: WorkTables, id_: str, blob: Descriptor, quota: int, now: float) -> None:
    owner = context(tables, id_)
    require_descriptors("blob", [blob])
    if tables.blob_size(blob.digest, id_) is None:
        more = charge(blob.size, shared=tables.group_has(owner.group, blob.digest))
        if tables.blob_bytes(owner.group) + more > quota:
            raise TooManyError("bytes of this group's quota in use", quota, "cancel old tasks")
    tables.put_blob(owner, blob.digest, blob.size, now + KEPT_BLOB)


def forget_blobs(tables: WorkTables, now: float, limit: int) -> list[str]:
    found = tables.blobs_due(now, limit)
    needed = [(id_, digest) for id_, digest, used in found if used]
    tables.look_again(needed, now + KEPT_BLOB)
    return tables.delete_blobs([(id_, digest) for id_, digest, used in found if not used])
