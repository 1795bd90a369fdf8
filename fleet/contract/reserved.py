"""The agents of the ACL proof and of `fleet doctor`, and what is published for them.

Nothing else may pass for it.
"""

from __future__ import annotations

import json
import re
from typing import Final

from fleet.contract.timestamps import ulid
from fleet.contract.vocabulary import Verb

PROBES: Final = ("acl-probe-1", "acl-probe-2")
"""They exist for a moment only: the proof pairs, prober and victim. No agent may have the names."""

DOCTOR: Final = "fleet-doctor"
"""An agent that does not exist: receipts for it are read by nobody but `fleet doctor`."""

NAMES: Final = (*PROBES, DOCTOR)
"""Names that no agent may have."""

_PAYLOAD: Final = re.compile(
    rb'\{"verb": "%s", "id": "[0-9A-HJKMNP-TV-Z]{26}"\}' % Verb.HEALTH_CHECK.value.encode()
)
_ROUND_TRIP: Final = re.compile(rb'\{"boot":0,"seq":[0-9]{1,2}\}')


def payload(at: float) -> bytes:
    """A payload nobody sent before; harmless where it gets through: an unsigned command, or a
    telemetry message that the contract rejects."""
    return json.dumps({"verb": Verb.HEALTH_CHECK.value, "id": ulid(at)}).encode()


def is_proof_payload(published: bytes) -> bool:
    """Whether it could be one that `payload` made."""
    return _PAYLOAD.fullmatch(published) is not None


def is_proof(agent: str, published: bytes) -> bool:
    """Whether a message on a topic of `agent` is the proof's, or one of `fleet doctor`."""
    if agent == DOCTOR:
        return _ROUND_TRIP.fullmatch(published) is not None
    return agent in PROBES and is_proof_payload(published)


QUESTIONS: Final = range(20, 60)
"""Numbers by which a hub that comes asks whether another is at work; `answer_to` is what that one
says. Those of `fleet doctor` are others."""

_ASKED: Final = re.compile(rb'\{"boot":0,"seq":([2-5][0-9])\}')


def asked_number(agent: str, published: bytes) -> int | None:
    """The number of a question, if a message on a topic of `agent` is one."""
    found = _ASKED.fullmatch(published) if agent == DOCTOR else None
    return int(found[1]) if found else None


def answer_to(number: int) -> bytes:
    """What the hub says that is at work."""
    return round_trip(number + len(QUESTIONS))


def round_trip(number: int) -> bytes:
    """What `fleet doctor` sends to itself; `number` from 0 to 99. It is not signed, since who may
    ask how a broker is need not hold the keys: so it has no digit to choose freely beside these."""
    return b'{"boot":0,"seq":%d}' % number
