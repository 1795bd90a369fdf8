"""The length of a message is that of a code which can be undone: Kraft's inequality holds."""

from __future__ import annotations

import itertools
import json

import pytest

from fleet.contract.timestamps import timestamp
from fleet.domain import information
from fleet.domain.information import ARRIVAL, HEAD, WORDS, Said
from tests.support.audits import NOON

SPELLED = b"0123456789.eE+-"


def numbers(length: int) -> list[bytes]:
    """Every text of a number's characters, sense or not."""
    return [
        bytes(text)
        for size in range(1, length + 1)
        for text in itertools.product(SPELLED, repeat=size)
        if text[0] in b"0123456789-"
    ]


@pytest.mark.parametrize("last", [b"", b"7", b"12.5", b"100", b"1234", b"0.0", b"-3"])
def test_numbers_of_every_spelling_have_codes_that_fit_beside_one_another(last: bytes):
    share = 0.0
    for value in numbers(4):
        bits = 1.0 if value == last else information._told(value, last, NOON)
        share += 2.0**-bits
    words = sum(2.0 ** -information._told(word, last, NOON) for word in WORDS)
    times = (
        129
        * 366
        * 86_400
        * sum(
            10**places * 2.0 ** -information._told(_time(places), last, NOON) for places in range(7)
        )
    )
    assert share + words + times <= 1.0


def _time(places: int) -> bytes:
    moment = "2091-03-18T21:30:00"
    return f'"{moment}{"." + "1" * places if places else ""}Z"'.encode()


def test_a_time_near_its_arrival_is_one_of_sixty_four_seconds():
    near = f'"{timestamp(NOON)[:19]}Z"'.encode()
    far = f'"{timestamp(NOON + 900)[:19]}Z"'.encode()
    assert information._told(far, b"", NOON) - information._told(near, b"", NOON) == 26.0
    assert information._time_bits(near, NOON) >= 6.0


def test_what_is_said_again_costs_a_bit_a_value():
    payload = json.dumps({"ok": True, "metrics": {"a": 12345.678, "b": 0.123456}}).encode()
    said = Said()
    first = said.say(payload, NOON)
    again = said.say(payload, NOON)
    assert again < 40 < first


def test_no_message_costs_more_than_its_bytes():
    said = Said()
    for payload in (b"", b"{}", b'{"a":1e-7}', b'{"ok":true,"ts":"x\xc3\xa9"}', b"[" * 4096):
        spelled = 8.0 * len(payload) + 13.0 + 2.0
        assert said.say(payload, NOON) <= ARRIVAL + HEAD + spelled


def test_a_shape_beyond_those_remembered_is_paid_for_again():
    said = Said()
    shapes = [json.dumps({f"name_{n}_bytes": 1}).encode() for n in range(20)]
    for payload in shapes:
        said.say(payload, NOON)
    assert len(said._shapes) == information.KNOWN_SHAPES
    known = said.say(shapes[-1], NOON)
    assert said.say(shapes[0], NOON) > known


def test_digits_beyond_three_are_what_a_value_costs():
    def bits(value: object) -> float:
        said = Said()
        said.say(b'{"a":512}', NOON)
        return said.say(json.dumps({"a": value}, separators=(",", ":")).encode(), NOON)

    assert bits(511) < bits(51100) < bits(51123) < bits(511.23456)
