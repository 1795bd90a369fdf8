"""The fast path of answers: the status with which an agent replies to a command.

An `Answer` is right in form, as `heartbeat_fast_path.Beat` is. Its words that a deployment may add,
its version strings and its digest are not looked at: whoever takes one must hold them against what
was judged before, and leave everything else to `Reader`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct
from msgspec.json import Decoder

from fleet.contract import limits
from fleet.contract.heartbeat_fast_path import Counter
from fleet.contract.patterns import ULID, anchored
from fleet.contract.surplus import is_suspect
from fleet.contract.timestamps import moment
from fleet.contract.vocabulary import Check, Kind, ReplyCode, Result, State, Verb

Ulid = Annotated[str, Meta(pattern=anchored(ULID))]
Duration = Annotated[float, Meta(ge=0, le=limits.MAX_TTL)]

_COLONS: Final = 7
"""Of an answer at its shortest: five keys, and two in its time."""
_DIGEST_COLONS: Final = 2


class VersionTexts(Struct, forbid_unknown_fields=True):
    """The fields of `messages.Versions`; None is what is absent, here and below: a null is found
    out by its colon."""

    agent: str | None = None
    sidecar: str | None = None
    runtime: str | None = None


class ReplyPart(Struct, forbid_unknown_fields=True):
    """The fields of `messages.Reply`."""

    verb: Verb
    result: Result
    to: Ulid | None = None
    code: ReplyCode | None = None
    took: Duration | None = None


class Answer(Struct, forbid_unknown_fields=True):
    """The fields of a numbered `messages.Status` with a reply, and without numbers of its own."""

    state: State
    ts: str
    boot: Counter
    seq: Counter
    reply: ReplyPart
    kind: Kind | None = None
    versions: VersionTexts | None = None
    config: str | None = None
    checks: dict[str, Check] | None = None

    metrics: ClassVar[None] = None


_decode = Decoder(Answer).decode


def decode_answer(payload: bytes) -> Answer | None:
    """The answer in `payload`; None if it must be read as a whole."""
    if len(payload) > limits.MAX_PAYLOAD:
        return None
    try:
        answer = _decode(payload)
    except (ValueError, RecursionError):
        return None
    # Each key brings a colon: one more of them, and a key stands twice.
    colons = _COLONS + _present(answer.reply) + (answer.kind is not None)
    if answer.versions is not None:
        colons += 1 + _present(answer.versions)
    if answer.config is not None:
        colons += _DIGEST_COLONS
    if answer.checks is not None:
        colons += 1 + len(answer.checks)
    if payload.count(b":") != colons or b"\\" in payload or moment(answer.ts) is None:
        return None
    return None if is_suspect(payload) else answer


def _present(part: ReplyPart | VersionTexts) -> int:
    return sum(getattr(part, name) is not None for name in part.__struct_fields__)
