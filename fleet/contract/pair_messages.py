"""The message of failover: which role of a pair an agent has, under which epoch, and for how long.

A lease answers a message of the agent: `boot` and `seq` name it, and the lease lasts `ttl` from the
moment at which the agent sent that. So nobody compares clocks, and a lease that waited somewhere
is over when it arrives. See ADR-0031.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fleet.contract.fields import (
    Counter,
    Epoch,
    KeyId,
    Maybe,
    Message,
    PairName,
    Signature,
    Timestamp,
    TimeToLive,
)
from fleet.contract.vocabulary import MessageKind, PairRole


class Lease(Message):
    """Which role of its pair an agent has, and for how long; never retained."""

    kind_of_message = MessageKind.LEASE
    examples = (
        {
            "pair": "support",
            "role": "active",
            "epoch": 3,
            "ttl": 30,
            "ts": "2026-03-18T21:30:00Z",
            "boot": 1773869400125,
            "seq": 12,
            "kid": "0" * 16,
            "sig": "A" * 86,
        },
    )

    pair: Annotated[PairName, Field(description="name of the pair")]
    role: Annotated[PairRole, Field(description="what the agent is in it from now on")]
    epoch: Annotated[Epoch, Field(description="grows with every change; an older one is refused")]
    ttl: Annotated[TimeToLive, Field(description="seconds the role lasts")]
    ts: Annotated[Timestamp, Field(description="when it was sent")]
    boot: Annotated[Maybe[Counter], Field(description="the session that it is for")] = None
    seq: Annotated[
        Maybe[Counter], Field(description="the message that it answers: `ttl` counts from there")
    ] = None
    sig: Annotated[Maybe[Signature], Field(description="Ed25519, unpadded base64url")] = None
    kid: Annotated[Maybe[KeyId], Field(description="which key signed it")] = None
