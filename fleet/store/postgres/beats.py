"""The newest bus heartbeats of some agents, by index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fleet.contract.vocabulary import MessageKind
from fleet.store.row_mapping import KIND_NUMBER
from fleet.store.sql_timelines import Dialect

_BEATS: Final = (
    f"SELECT at, payload FROM message WHERE agent = ? AND kind = {KIND_NUMBER[MessageKind.HEARTBEAT]}"  # noqa: E501, S608 - our own words
    " ORDER BY id DESC LIMIT ?"
)
_HOURS: Final = (
    "SELECT hour, metrics FROM rollup WHERE hour BETWEEN ? AND ? AND agent = ? ORDER BY hour"
)


def newest_beats(
    tables: Any, agents: Sequence[int], limit: int
) -> dict[int, list[tuple[float, bytes]]]:
    return {agent: tables.run(_BEATS, (agent, limit)) for agent in agents}


DIALECT: Final = Dialect(newest_beats, _HOURS)
