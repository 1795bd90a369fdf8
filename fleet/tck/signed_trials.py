"""Commands that an agent is tried with where signing is on: each has something wrong with it."""

from __future__ import annotations

from typing import Any, Final

from fleet.contract import signing
from fleet.contract.vocabulary import ReplyCode, Verb
from fleet.tck.link import Seal
from fleet.tck.trials import REJECTED, Trial

_STATUS: Final = Verb.STATUS_REPORT


def signed_trials(agent_key_holder: Seal, boot: int | None) -> tuple[Trial, ...]:
    """Commands whose signature is wrong; `agent_key_holder` makes the right one, `boot` is the
    agent's present session."""
    sign, session = agent_key_holder, {} if boot is None else {"boot": boot}

    def forged(topic: str, message: dict[str, Any]) -> dict[str, Any]:
        return sign(topic, message | session) | {"ttl": message["ttl"] + 1}

    def other_target(topic: str, message: dict[str, Any]) -> dict[str, Any]:
        return sign(f"{topic}-of-another", message | session)

    def stranger(topic: str, message: dict[str, Any]) -> dict[str, Any]:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return signing.sign(Ed25519PrivateKey.generate(), topic, message | session)

    def other_session(topic: str, message: dict[str, Any]) -> dict[str, Any]:
        return sign(topic, message | {"boot": (boot or 1) - 1})

    bad = ReplyCode.BAD_SIGNATURE
    return (
        Trial("signing.unsigned", _STATUS, "sends an unsigned status-report", REJECTED,
              ReplyCode.UNSIGNED, seal=lambda _topic, message: message),
        Trial("signing.forged", _STATUS, "sends one changed after it was signed", REJECTED, bad,
              seal=forged),
        Trial("signing.target", _STATUS, "sends one signed for another agent", REJECTED, bad,
              seal=other_target),
        Trial("signing.unknown-key", _STATUS, "sends one signed by a stranger", REJECTED,
              ReplyCode.UNKNOWN_KEY, seal=stranger),
        Trial("signing.session", _STATUS, "sends one signed for another session", REJECTED,
              ReplyCode.OTHER_SESSION, seal=other_session),
    )  # fmt: skip
