"""The newest bus heartbeats of some agents: one look at what is not indexed yet, then by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fleet.contract.vocabulary import MessageKind
from fleet.store.row_mapping import KIND_NUMBER, key_of
from fleet.store.sql_timelines import Dialect

_BEAT: Final = KIND_NUMBER[MessageKind.HEARTBEAT]

_INDEXED_TO: Final = "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'indexed_to'"
_TAIL: Final = (
    f"SELECT agent, at, payload FROM message WHERE id > ? AND kind = {_BEAT} AND agent IN ({{}})"  # noqa: S608 - our own words
    " ORDER BY id DESC"
)
"""At most what upkeep is behind: were it cut, the one who says much would hide the others."""

_INDEXED: Final = (
    "SELECT message.at, message.payload FROM"
    " (SELECT id FROM message_index WHERE key = ? AND id <= ? ORDER BY id DESC LIMIT ?) AS newest"
    " CROSS JOIN message ON message.id = newest.id ORDER BY newest.id DESC"
)
_HOURS: Final = (
    "WITH RECURSIVE clock (hour) AS (SELECT ? UNION ALL SELECT hour + 1 FROM clock WHERE hour < ?)"
    " SELECT rollup.hour, rollup.metrics FROM clock"
    " CROSS JOIN rollup ON rollup.hour = clock.hour AND rollup.agent = ? ORDER BY rollup.hour"
)
"""A seek an hour: rows of others are not read."""


def newest_beats(
    tables: Any, agents: Sequence[int], limit: int
) -> dict[int, list[tuple[float, bytes]]]:
    found: dict[int, list[tuple[float, bytes]]] = {agent: [] for agent in agents}
    if not agents:
        return found
    ((indexed,),) = tables.run(_INDEXED_TO, ())
    tail = _TAIL.format(", ".join("?" * len(agents)))
    for agent, at, payload in tables.run(tail, (indexed, *agents)):
        if len(found[agent]) < limit:
            found[agent].append((at, payload))
    for agent, newer in found.items():
        if len(newer) < limit:
            values = (key_of(agent, _BEAT), indexed, limit - len(newer))
            found[agent] = newer + tables.run(_INDEXED, values)
    return found


DIALECT: Final = Dialect(newest_beats, _HOURS)
