"""Commands that an agent is tried with, as a table: what is sent, and what must come back.

Every trial is followed by a plain command of another verb: once that is answered, whatever was to
come of the trial has come, so silence can be judged without waiting for it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fleet.contract.limits import MAX_PAYLOAD
from fleet.contract.vocabulary import ReplyCode, Result, Verb
from fleet.tck.link import Seal

SILENCE: Final[frozenset[Result]] = frozenset()

Twist = Callable[[dict[str, Any]], bytes]
"""Makes a payload of a command, and something wrong with it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One command.

    Attributes:
        does: what is said of it before it is sent.
        results: which of them may be the answer; `SILENCE`: none may come.
        code: the reason that the answer must give, where one is due.
        carries: a field that the answering status must have.
        age: seconds ago that it is dated.
        copies: how often it is sent.
        twist: makes a wrong payload of it.
        seal: makes a wrong signature; None: the right one, where signing is on.
    """

    rule: str
    verb: Verb
    does: str
    results: frozenset[Result]
    code: ReplyCode | None = None
    carries: str = ""
    age: float = 0.0
    copies: int = 1
    twist: Twist | None = None
    seal: Seal | None = None


def _text(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _unknown_verb(message: dict[str, Any]) -> bytes:
    return _text(message | {"verb": "tck-verb"})


def _argument(message: dict[str, Any]) -> bytes:
    return _text(message | {"argument": "tck"})


def _key_twice(message: dict[str, Any]) -> bytes:
    return _text(message)[:-1] + b',"ttl":60}'


def _oversize(message: dict[str, Any]) -> bytes:
    text = _text(message)
    return text[:-1] + b" " * (MAX_PAYLOAD + 1 - len(text)) + b"}"


_DONE: Final = frozenset({Result.DONE})
_ENDED: Final = frozenset({Result.DONE, Result.FAILED})
REJECTED: Final = frozenset({Result.REJECTED})
_STATUS: Final = Verb.STATUS_REPORT

TRIALS: Final = (
    Trial("command.status-report", _STATUS, "asks for a status", _DONE),
    Trial("command.version-report", Verb.VERSION_REPORT, "asks for versions", _DONE,
          carries="versions"),
    Trial("command.health-check", Verb.HEALTH_CHECK, "asks it to probe and beat", _ENDED),
    Trial("command.config-reload", Verb.CONFIG_RELOAD, "runs its reload action",
          _ENDED | {Result.UNSUPPORTED, Result.BUSY}),
    Trial("command.repeated", _STATUS, "sends one status-report twice", _DONE, copies=2),
    Trial("command.expired", _STATUS, "sends a status-report of an hour ago",
          frozenset({Result.EXPIRED}), ReplyCode.TTL_EXPIRED, age=3600.0),
    Trial("command.dated-ahead", _STATUS, "sends a status-report of in ten minutes",
          REJECTED, ReplyCode.DATED_AHEAD, age=-600.0),
    Trial("command.unknown-verb", _STATUS, "sends a verb that there is not", SILENCE,
          twist=_unknown_verb),
    Trial("command.arguments", _STATUS, "sends a command with an argument", SILENCE,
          twist=_argument),
    Trial("command.malformed", _STATUS, "sends a command with a key twice", SILENCE,
          twist=_key_twice),
    Trial("command.oversize", _STATUS, "sends a command of 4097 bytes", SILENCE,
          twist=_oversize),
)  # fmt: skip
