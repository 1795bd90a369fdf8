"""Where signing is on the hub asks of notices what sidecars ask, and signs its receipts."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.bus.port import Inbound
from fleet.contract import signing
from fleet.contract.limits import NOTICE_AGE
from fleet.contract.timestamps import timestamp, ulid
from fleet.hub.receipts import Receipts
from fleet.hub.trusted_notices import TrustedNotices
from tests.support.intake import Intake, status
from tests.support.telemetry import NOON
from tests.support.waiting import eventually

TOPIC = "zephyr/broadcast"
KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes_raw()
KEYS = {signing.key_id(PUBLIC): PUBLIC}


def notice(
    word: str = "maintenance-begin",
    *,
    age: float = 0.0,
    key: Ed25519PrivateKey | None = KEY,
    topic: str = TOPIC,
) -> Inbound:
    body = {"notice": word, "ts": timestamp(NOON - age), "id": ulid(NOON - age)}
    signed = signing.sign(key, topic, body) if key else body
    return Inbound(TOPIC, json.dumps(signed).encode(), 1)


@pytest.fixture
def signed(intake: Intake) -> Intake:
    intake.ingest._notices = TrustedNotices(lambda: KEYS)
    return intake


async def test_a_signed_notice_silences_and_ends_it(signed: Intake):
    signed.bus.deliver(notice())
    await eventually(lambda: signed.committer.book.silences)
    signed.bus.deliver(notice("maintenance-end"))
    await eventually(lambda: not signed.committer.book.silences)
    assert not signed.counters.rejected


@pytest.mark.parametrize(
    "bad",
    [
        notice(key=None),
        notice(key=OTHER),
        notice(topic="other/broadcast"),
        notice(age=NOTICE_AGE + 1),
        notice(age=-NOTICE_AGE - 1),
    ],
    ids=["unsigned", "another key", "for another bus", "old", "of the future"],
)
async def test_a_notice_that_is_not_the_hubs_silences_nobody(signed: Intake, bad: Inbound):
    signed.bus.deliver(bad)
    await eventually(lambda: signed.bus.acked)
    assert not signed.committer.book.silences
    [letter] = await signed.store.dead_letters(before=None, limit=9)
    assert letter.reason == "untrusted"
    assert signed.counters.rejected["untrusted"] == 1


async def test_a_notice_counts_once_also_after_a_restart(signed: Intake):
    begin = notice()
    signed.bus.deliver(begin, notice("maintenance-end"), begin)
    await eventually(lambda: len(signed.bus.acked) == 3)
    assert not signed.committer.book.silences
    assert signed.counters.repeated == 1
    signed.ingest._notices = TrustedNotices(lambda: KEYS)
    signed.ingest.remember(signed.store.replay(0))
    signed.bus.deliver(begin)
    await eventually(lambda: len(signed.bus.acked) == 4)
    assert not signed.committer.book.silences


async def test_a_notice_that_a_broker_kept_for_hours_is_known_and_no_dead_letter(signed: Intake):
    online = notice("hub-online")
    signed.bus.deliver(online)
    await eventually(lambda: len(signed.bus.acked) == 1)
    signed.wait(3 * NOTICE_AGE)
    signed.bus.deliver(online)
    await eventually(lambda: len(signed.bus.acked) == 2)
    assert not signed.counters.rejected
    assert signed.counters.repeated == 1


async def test_receipts_are_signed(intake: Intake):
    def sign(topic: str, message: dict[str, object]) -> bytes:
        return json.dumps(signing.sign(KEY, topic, message)).encode()

    receipts = intake.receipts
    receipts._signed = sign
    assert isinstance(receipts, Receipts)
    intake.bus.deliver(*(status(boot=5, seq=seq) for seq in range(50)))
    await eventually(lambda: intake.bus.published)
    [(topic, receipt)] = intake.bus.published
    assert (receipt["boot"], receipt["seq"]) == (5, 49)
    assert signing.verify(PUBLIC, topic, receipt)
    assert not signing.verify(PUBLIC, "fleet/moe/receipt", receipt)
    assert not signing.verify(PUBLIC, topic, receipt | {"seq": 50})
