"""A signature is worth something for one key, one topic and one content only."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.contract.signing import canonical, sign, verify

KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
TOPIC = "fleet/ada/command"
COMMAND: dict[str, Any] = {
    "verb": "config-reload",
    "id": "01JZ0000000000000000000000",
    "ts": "2026-03-18T21:30:00Z",
    "ttl": 60,
}
NOTICE = {
    "notice": "hub-online",
    "id": "01JZ0000000000000000000000",
    "ts": "2026-03-18T21:30:00Z",
}


BOUND = COMMAND | {"boot": 1773869400125}
RECEIPT = {"boot": 1773869400125, "seq": 60}
TASK = {"id": "01JZ0000000000000000000000", "epoch": 3, "ts": "2026-03-18T21:30:00Z", "ttl": 60}


@pytest.mark.parametrize("message", [COMMAND, BOUND, NOTICE, RECEIPT, TASK])
def test_what_the_hub_signs_verifies(message: dict[str, Any]) -> None:
    assert verify(PUBLIC, TOPIC, sign(KEY, TOPIC, message))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verb", "health-check"),
        ("id", "01JZ0000000000000000000001"),
        ("ts", "2026-03-18T21:30:01Z"),
        ("ttl", 61),
        ("sig", "A" * 86),
        ("sig", "!" * 86),
        ("sig", ""),
    ],
)
def test_any_change_breaks_the_signature(field: str, value: object) -> None:
    assert not verify(PUBLIC, TOPIC, sign(KEY, TOPIC, COMMAND) | {field: value})


def test_a_signature_for_one_agent_or_bus_is_worthless_for_another() -> None:
    signed = sign(KEY, TOPIC, COMMAND)
    for topic in ("fleet/boole/command", "other/ada/command", "zephyr/broadcast"):
        assert not verify(PUBLIC, topic, signed)


def test_another_key_does_not_verify() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert not verify(other, TOPIC, sign(KEY, TOPIC, COMMAND))


def test_no_two_kinds_of_message_share_signed_bytes() -> None:
    forms = [canonical(TOPIC, message) for message in (COMMAND, BOUND, NOTICE, RECEIPT, TASK)]
    assert len({*forms}) == len(forms)
    assert canonical(TOPIC, COMMAND).startswith(b"fleet-verb-v1\n")


@pytest.mark.parametrize("field", ["verb", "id", "ts", "ttl"])
def test_what_must_be_signed_must_be_there(field: str) -> None:
    partial = {name: value for name, value in COMMAND.items() if name != field}
    with pytest.raises(ValueError, match=field):
        sign(KEY, TOPIC, partial)
    assert not verify(PUBLIC, TOPIC, partial | {"sig": "A" * 86})
