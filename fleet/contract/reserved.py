"""The two agents of the ACL proof, and what they publish: nothing else may pass for it."""

from __future__ import annotations

import json
import re
from typing import Final

from fleet.contract.timestamps import ulid
from fleet.contract.vocabulary import Verb

PROBES: Final = ("acl-probe-1", "acl-probe-2")
"""They exist for a moment only: the proof pairs, prober and victim. No agent may have the names."""

_PAYLOAD: Final = re.compile(
    rb'\{"verb": "%s", "id": "[0-9A-HJKMNP-TV-Z]{26}"\}' % Verb.HEALTH_CHECK.value.encode()
)


def payload(at: float) -> bytes:
    """A payload nobody sent before; harmless where it gets through: an unsigned command, or a
    telemetry message that the contract rejects."""
    return json.dumps({"verb": Verb.HEALTH_CHECK.value, "id": ulid(at)}).encode()


def is_proof(agent: str, published: bytes) -> bool:
    """Whether a message on a topic of `agent` is the proof's."""
    return agent in PROBES and _PAYLOAD.fullmatch(published) is not None
