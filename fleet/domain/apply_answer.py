"""The answer to a command by an agent that goes on as before: a broadcast brings one of everybody.

It does what `apply` would, and the judgement after it, for one case: a live status, the next number
of the known session, that says nothing new but its reply, of an agent that is well and in time.
"""

from __future__ import annotations

from fleet.contract.answer_fast_path import Answer, VersionTexts
from fleet.contract.vocabulary import State
from fleet.domain import hub_alerts
from fleet.domain.agent_record import SKEW, STATUS_TS, AgentRecord, digest_text
from fleet.domain.clock_skew import SKEW_RESOLVES
from fleet.domain.events import Event, Fact
from fleet.domain.liveness import late_at
from fleet.domain.verdict import Verdict


def answers_as_before(record: AgentRecord, answer: Answer, at: float, *, default: float) -> bool:
    """Whether nothing follows from `answer`, received at `at`, but that the command is answered.
    `default`: seconds between beats of an agent that does not say."""
    reported, profile = record.reported, record.profile
    skew, checks, config = record.number(SKEW), answer.checks, answer.config
    return (
        (record.rare is None or hub_alerts.is_past(record.rare, at))
        and not record.hub_codes
        and record.verdict is Verdict.OK
        and reported.health is Verdict.OK
        and record.slot is not None
        and not reported.dissent
        and answer.state is reported.state
        and answer.state is not State.OFFLINE
        and answer.boot == record.boot
        and record.expects(answer.seq)
        and record.seen_at is not None
        and at < late_at(record.seen_at, hub_alerts.interval_of(record, default))
        and (skew is None or abs(skew) <= SKEW_RESOLVES)
        and (checks is None or checks == reported.checks)
        and (answer.kind is None or answer.kind is profile.kind)
        and (answer.versions is None or _texts(answer.versions) == profile.versions)
        and (config is None or (record.config is not None and config == digest_text(record.config)))
    )


def apply_answer(record: AgentRecord, answer: Answer, at: float, ts: float) -> Event:
    """Apply `answer`, of which nothing else follows, received at `at` and dated `ts`."""
    record.accept_next(answer.seq)
    record.numbers[STATUS_TS] = ts
    if answer.checks is not None:
        record.checks_at = at
    reply = answer.reply
    return Event(Fact.REPLY, record.name, at, word=reply.verb, id=reply.to or "")


def _texts(versions: VersionTexts) -> tuple[str | None, str | None, str | None]:
    return versions.agent, versions.sidecar, versions.runtime
