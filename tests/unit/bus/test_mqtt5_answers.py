"""What was asked of the broker keeps its packet id until the answer, the end of the link, or of
all patience."""

from __future__ import annotations

import asyncio
from collections import Counter

import mqtt5
import pytest
from aiomqtt import MqttError

from fleet.bus import mqtt5_answers
from fleet.bus.mqtt5_answers import Answers

PUBACK = mqtt5.PubAckPacket


async def test_an_answer_reaches_who_asked_and_frees_the_id() -> None:
    answers, over = Answers(), Counter[str]()
    id_, answer = answers.expect(PUBACK, lambda: over.update(["it"]))
    answers.take(mqtt5.SubAckPacket(id_, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]))
    answers.take(PUBACK(id_ + 1))
    assert not answer.done()
    answers.take(PUBACK(id_))
    assert (await answer).packet_id == id_
    assert over == {"it": 1}
    answers.take(PUBACK(id_))
    assert over == {"it": 1}


async def test_the_id_of_who_gave_up_is_taken_until_the_answer_comes() -> None:
    answers, over = Answers(), Counter[str]()
    id_, answer = answers.expect(PUBACK, lambda: over.update(["it"]))
    answer.cancel()
    await asyncio.sleep(0)
    assert not over
    answers._last_id = id_ - 1
    assert answers.expect(PUBACK, lambda: None)[0] == id_ + 1
    answers.take(PUBACK(id_))
    assert over == {"it": 1}


async def test_each_waits_no_longer_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, over = Answers(), Counter[str]()
    waiting = []
    for patience in (0.01, 0.05, 600.0):
        monkeypatch.setattr(mqtt5_answers, "TIMEOUT", patience)
        waiting.append(answers.expect(PUBACK, lambda: over.update(["it"]))[1])
    for answer in waiting[:2]:
        with pytest.raises(MqttError, match="timed out"):
            await answer
    assert not waiting[2].done()
    assert over == {"it": 2}
    answers.close()
    with pytest.raises(MqttError, match="broke"):
        await waiting[2]
    assert over == {"it": 3}


async def test_what_could_not_be_sent_waits_for_nothing() -> None:
    answers, over = Answers(), Counter[str]()
    id_, _ = answers.expect(PUBACK, lambda: over.update(["it"]))
    answers.drop(id_)
    assert over == {"it": 1}
    answers.close()
