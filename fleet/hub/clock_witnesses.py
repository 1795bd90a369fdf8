"""What the agents' clocks show, asked while the hub's own is in doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from fleet.bus.port import Inbound
from fleet.contract.messages import Status
from fleet.contract.reader import Reader
from fleet.contract.rejection import Rejected
from fleet.contract.timestamps import epoch
from fleet.contract.topics import STATES, Address
from fleet.contract.vocabulary import State
from fleet.domain.apply import FromAgent
from fleet.domain.verdict import Verdict
from fleet.hub.committer import Committer

MOST: Final = 200
"""Messages of a batch that are asked: the last ones, which waited least."""


def ask(
    batch: list[Inbound], known: Mapping[str, Address], reader: Reader, committer: Committer
) -> None:
    """Tell the committer's time what a batch says of it; `known` are addresses by topic. A will was
    written long before it came, what is retained too, and who is not enrolled has no say."""
    for inbound in batch[-MOST:]:
        address = known.get(inbound.topic)
        if inbound.retain or address is None or address.kind not in STATES:
            continue
        try:
            message = cast("FromAgent", reader.read(address.kind, inbound.payload))
        except Rejected:
            continue
        is_will = isinstance(message, Status) and message.state is State.OFFLINE
        if not is_will and committer.roster.verdict(address.agent) is not Verdict.GHOST:
            committer.time.hear(address.agent, epoch(message.ts))
