"""Hostile input: forged commands and payloads that nobody should send, from a seeded random.

How many is a slice unless FLEET_FUZZ=whole, which `scripts/fuzz.sh` sets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.contract import signing
from fleet.contract.fields import Message
from fleet.contract.messages import MODELS
from fleet.contract.timestamps import timestamp, ulid
from fleet.contract.vocabulary import MessageKind, Priority, Verb

TOPIC: Final = "fleet/alpha/command"
ELSEWHERE: Final = ("fleet/beta/command", "zephyr/broadcast", "other/alpha/command", "")


def amount(slice_: int, whole: int) -> int:
    """How many to try."""
    return whole if os.environ.get("FLEET_FUZZ") == "whole" else slice_


class Forger:
    """Makes commands that must never run. Knows the public keys, old signed commands, all topics;
    not the hub's private key."""

    def __init__(self, hub: Ed25519PrivateKey, random: Random, now: float) -> None:
        self._hub = hub
        self._own = Ed25519PrivateKey.generate()
        self._random = random
        self._now = now
        self._ways: tuple[Callable[[], tuple[bytes, bool]], ...] = (
            self._unsigned,
            self._by_another_key,
            self._under_the_hubs_key_id,
            self._tampered,
            self._flipped,
            self._retargeted,
            self._retained,
            self._expired,
            self._crossed,
        )

    def command(self, at: float | None = None) -> dict[str, Any]:
        """An honest command, not signed yet."""
        at = self._now if at is None else at
        verb = self._random.choice([*Verb]).value
        return {"verb": verb, "id": ulid(at), "ts": timestamp(at), "ttl": 60}

    def genuine(self, boot: int | None = None) -> bytes:
        """A signed command, for session `boot` only if there is one."""
        bound = {} if boot is None else {"boot": boot}
        return _bytes(signing.sign(self._hub, TOPIC, self.command() | bound))

    def forgeries(self, count: int) -> Iterator[tuple[bytes, bool]]:
        """(payload, retained) pairs, each way in turn."""
        for number in range(count):
            yield self._ways[number % len(self._ways)]()

    def _unsigned(self) -> tuple[bytes, bool]:
        return _bytes(self.command()), False

    def _by_another_key(self) -> tuple[bytes, bool]:
        return _bytes(signing.sign(self._own, TOPIC, self.command())), False

    def _under_the_hubs_key_id(self) -> tuple[bytes, bool]:
        kid = signing.sign(self._hub, TOPIC, self.command())["kid"]
        return _bytes(signing.sign(self._own, TOPIC, self.command()) | {"kid": kid}), False

    def _tampered(self) -> tuple[bytes, bool]:
        signed = signing.sign(self._hub, TOPIC, self.command())
        name = self._random.choice(("verb", "id", "ts", "ttl"))
        changed = {
            "verb": next(verb.value for verb in Verb if verb.value != signed["verb"]),
            "id": ulid(self._now),
            "ts": timestamp(self._now + 1),
            "ttl": 604_800,
        }
        priority = {"priority": self._random.choice([*Priority]).value}
        return _bytes(signed | {name: changed[name]} | priority), False

    def _flipped(self) -> tuple[bytes, bool]:
        """One character of the signature that carries only signature bits."""
        signed = signing.sign(self._hub, TOPIC, self.command())
        at = self._random.randrange(85)
        other = "A" if signed["sig"][at] != "A" else "B"
        return _bytes(signed | {"sig": signed["sig"][:at] + other + signed["sig"][at + 1 :]}), False

    def _retargeted(self) -> tuple[bytes, bool]:
        topic = self._random.choice(ELSEWHERE)
        return _bytes(signing.sign(self._hub, topic, self.command())), False

    def _retained(self) -> tuple[bytes, bool]:
        return self.genuine(), True

    def _expired(self) -> tuple[bytes, bool]:
        old = self.command(self._now - 61 - self._random.random() * 1e6)
        return _bytes(signing.sign(self._hub, TOPIC, old)), False

    def _crossed(self) -> tuple[bytes, bool]:
        """A signature over a notice, under a command."""
        notice = {"notice": "hub-online", "id": ulid(self._now), "ts": timestamp(self._now)}
        signed = signing.sign(self._hub, TOPIC, notice)
        stolen = {"sig": signed["sig"], "kid": signed["kid"], "id": signed["id"]}
        return _bytes(self.command() | stolen), False


_NASTY: Final = (
    b"NaN", b"-Infinity", b"1e999", b"null", b'"\\u0000"', b'"\\ud800"', b"[[[[[[", b'{"a":' * 50,
    b"18446744073709551616", b"-0", b"0.1e-400", b"true", b'""', b"{}", b"\xff\xfe", b"\xc0\x80",
    b"\xed\xa0\x80", b"\x00", b"}", b'"', b",", b":", b"\\", b"'; DROP TABLE message; --",
    b"\xe2\x80\xae",
)  # fmt: skip


def hostile_payloads(random: Random, count: int) -> Iterator[tuple[MessageKind, bytes]]:
    """Payloads made from valid ones by accident and by malice, and pure noise."""
    valid = [
        (kind, json.dumps(example).encode()) for kind in MessageKind for example in _examples(kind)
    ]
    kinds = [*MessageKind]
    for number in range(count):
        kind, payload = random.choice(valid)
        match number % 10:
            case 0:
                payload = random.randbytes(random.randrange(0, 200))
            case 1:
                kind = random.choice(kinds)
            case 2:
                payload = payload[: random.randrange(len(payload) + 1)]
            case 3:
                payload = payload + payload[random.randrange(len(payload)) :]
            case 4:
                payload = payload[:-1] + b"," + payload[1:]
            case 5:
                payload *= random.randrange(2, 40)
            case _:
                for _ in range(random.randrange(1, 4)):
                    at = random.randrange(len(payload) + 1)
                    with_ = random.choice(_NASTY) if random.random() < 0.6 else random.randbytes(1)
                    payload = payload[:at] + with_ + payload[at + random.randrange(3) :]
        yield kind, payload


def _examples(kind: MessageKind) -> tuple[dict[str, Any], ...]:
    models = MODELS[kind]
    several: tuple[type[Message], ...] = models if isinstance(models, tuple) else (models,)
    return tuple(example for model in several for example in model.examples)


def _bytes(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()
