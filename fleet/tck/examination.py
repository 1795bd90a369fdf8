"""An examination from beginning to end: what is done to the agent, in which order.

Each step says what it does before it does it, enters what it found, and leaves what it cannot
judge to the report, which says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fleet.bus.port import Inbound
from fleet.contract.vocabulary import MessageKind, Result, Verb
from fleet.tck import judges, offer_trials, session_judges
from fleet.tck.controls import Controls
from fleet.tck.heard import Heard
from fleet.tck.link import AgentLink
from fleet.tck.lives import Lives
from fleet.tck.report import Report
from fleet.tck.rules import Need, Profile
from fleet.tck.signed_trials import signed_trials
from fleet.tck.trials import TRIALS, Trial

ASLEEP: Final = 2.5
"""Seconds that an agent is frozen: less than any keep-alive, more than the life of a command."""

SLOW: Final = 10.0
"""Seconds that a heartbeat may be late on a busy machine."""

STATES: Final = (MessageKind.HEARTBEAT, MessageKind.STATUS, MessageKind.ALERT)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator allows.

    Attributes:
        wait: seconds for anything that the agent is to do.
        interval: seconds between heartbeats that do not say.
        broadcast: whether all agents of the bus may be spoken to.
    """

    controls: Controls
    wait: float = 15.0
    interval: float = 600.0
    broadcast: bool = False


class Examination:
    """
    Args:
        announce: told each thing before it is done.
    """

    def __init__(
        self, link: AgentLink, report: Report, terms: Terms, announce: Callable[[str], None]
    ) -> None:
        self._link = link
        self._report = report
        self._terms = terms
        self._announce = announce
        self._lives = Lives(link, report, terms.controls, terms.wait, announce)

    async def run(self) -> None:
        """
        Raises:
            BrokerError: the broker is away or refuses us.
        """
        before = await self._link.retained(MessageKind.COMMAND)
        try:
            await self._observe()
            if self._report.profile.rank >= Profile.COMMANDS.rank and await self._answers():
                await self._converse()
        finally:
            await self._put_back(before)
        self._judge()

    async def _converse(self) -> None:
        await self._try(TRIALS[1:])
        await self._look_at_replies()
        if self._report.profile.rank >= Profile.SIDECAR.rank:
            if Need.KEY in self._report.at_hand:
                await self._try(signed_trials(self._link.sign, self._link.heard.boot))
            await self._sleep()
            await self._broadcast()
        if self._report.profile is Profile.WORKER:
            await self._offer()
        await self._lives.run()

    # --- listening

    async def _observe(self) -> None:
        link, report = self._link, self._report
        retained = await link.retained(*STATES)
        promised = link.heard.interval() or self._terms.interval
        patience = min(self._terms.wait, 1.5 * promised + SLOW)
        self._announce(f"listens to {link.agent} for up to {patience:.0f} s")
        kind = MessageKind.HEARTBEAT
        beat = await link.wait_for(lambda: next(link.heard.said(kind=kind), None), patience)
        if beat:
            report.add("heartbeat.arrives", True, "one was heard")
        elif patience < promised:
            report.skip("heartbeat.arrives", f"none in {patience:.0f} s, and it promises none")
        else:
            report.add("heartbeat.arrives", False, f"none in {patience:.0f} s")
        if beat and MessageKind.HEARTBEAT not in retained:
            retained = await link.retained(*STATES)
        self._look_at_retained(retained)

    def _look_at_retained(self, retained: dict[MessageKind, Inbound]) -> None:
        for kind in STATES:
            if any(self._link.heard.said(kind=kind)) or kind in retained:
                there = kind in retained
                self._report.add(f"{kind}.retained", there, "it is" if there else "none is there")

    async def _look_at_replies(self) -> None:
        """Whether a status that answers has taken the place of the state."""
        retained = await self._link.retained(MessageKind.STATUS)
        status = retained.get(MessageKind.STATUS)
        is_reply = status is not None and self._link.read(status).reply is not None
        self._report.add("reply.not-retained", not is_reply, "an answer is" if is_reply else "")

    async def _offer(self) -> None:
        """Whether offers that must be dropped do nothing."""
        link, ids, since = self._link, set[str](), self._link.now
        for trial in offer_trials.TRIALS:
            if trial.needs_key and Need.KEY not in self._report.at_hand:
                continue
            self._announce(trial.does)
            offer = offer_trials.draft(trial.age)
            ids.add(offer["id"])
            await link.offer(trial.twist(offer) if trial.twist else offer, signed=trial.signed)
        if not await link.is_awake(self._terms.wait):
            self._report.add("offer.dropped", False, "it answers no more")
            return
        told = session_judges.tasks_told(link.heard, since) & ids
        self._report.add("offer.dropped", not told, f"{len(told)} of {len(ids)} were taken up")
        retained = await link.retained(MessageKind.PROGRESS)
        self._report.add("progress.not-retained", not retained, "one is" if retained else "")

    # --- commands

    async def _answers(self) -> bool:
        """Whether it answers at all; without that no other rule of commands can be told."""
        await self._try(TRIALS[:1])
        if self._link.heard.replies():
            return True
        self._report.blocked = "it answered no status-report"
        return False

    async def _try(self, trials: tuple[Trial, ...]) -> None:
        for trial in trials:
            if self._report.wants(trial.rule):
                self._announce(trial.does)
                await self._try_one(trial)

    async def _try_one(self, trial: Trial) -> None:
        link = self._link
        message = link.draft(trial.verb, age=trial.age)
        since, id_ = link.now, str(message["id"])
        signed = link.sealed(message, trial.seal)
        for _ in range(trial.copies):
            await link.send(trial.twist(signed) if trial.twist else signed)
        if trial.results:
            await link.wait_for(lambda: self._answers_to(trial, id_, since), self._terms.wait)
        is_versions = trial.verb is Verb.VERSION_REPORT
        sounding = Verb.STATUS_REPORT if is_versions else Verb.VERSION_REPORT
        if not await link.is_awake(self._terms.wait, sounding):
            self._report.add(trial.rule, False, "it answered nothing after that")
            return
        if trial.verb is Verb.HEALTH_CHECK:
            beat = any(link.heard.said(since, MessageKind.HEARTBEAT))
            if not beat:
                self._report.add(trial.rule, False, "no heartbeat came")
        self._judge_trial(trial, id_, since)

    def _answers_to(self, trial: Trial, id_: str, since: int) -> list[Heard]:
        """Answers to a trial. Where none names it, those count that name nothing, or an id that we
        never sent: it may also be another operator's."""
        said = [
            heard
            for heard in self._link.heard.told_once(since)
            if (reply := heard.reply) is not None
            and (reply.to == id_ or reply.to not in self._link.ids)
            and (reply.to is not None or reply.verb is trial.verb)
        ]
        named = [heard for heard in said if heard.reply.to == id_]
        return named or said

    def _judge_trial(self, trial: Trial, id_: str, since: int) -> None:
        said = self._answers_to(trial, id_, since)
        told = ", ".join(_words(heard.reply) for heard in said) or "no answer"
        if not trial.results:
            self._report.add(trial.rule, not said, told)
            return
        right = [
            heard
            for heard in said
            if heard.reply.result in trial.results
            and (trial.code is None or heard.reply.code is trial.code)
            and heard.reply.verb is trial.verb
            and (not trial.carries or getattr(heard.status, trial.carries) is not None)
        ]
        self._report.add(trial.rule, len(said) == len(right) == 1, told)
        for heard in said:
            named = heard.reply.to == id_
            self._report.add("reply.names-command", named, "" if named else "the id is not there")

    # --- sleep, and the notice

    async def _sleep(self) -> None:
        report, link, controls = self._report, self._link, self._terms.controls
        if not report.wants("sleep.answers") and not report.wants("sleep.expires"):
            return
        self._announce(f"freezes it for {ASLEEP} s, sends two commands: {controls.pause}")
        if why := await self._lives.does(controls.pause, "sleep.answers", "sleep.expires"):
            report.blocked = why
            return
        try:
            since = link.now
            lasting = await link.command(Verb.STATUS_REPORT, ttl=600)
            passing = await link.command(Verb.STATUS_REPORT, ttl=1)
            await link.wait_for(lambda: False, ASLEEP)
        finally:
            why = await self._lives.does(controls.resume, "sleep.answers", "sleep.expires")

        def answers() -> dict[str, Result]:
            return {reply.to: reply.result for reply in link.heard.replies(since)}

        await link.wait_for(lambda: {lasting, passing} <= answers().keys(), self._terms.wait)
        found = answers()
        for rule, id_, result in (
            ("sleep.answers", lasting, Result.DONE),
            ("sleep.expires", passing, Result.EXPIRED),
        ):
            report.add(rule, found.get(id_) is result, str(found.get(id_, "no answer")))

    async def _broadcast(self) -> None:
        link, report = self._link, self._report
        if not report.wants("notice.hub-online"):
            return
        self._announce("tells ALL agents of this bus that the hub is online")
        since = link.now
        await link.hub_online()

        def birth() -> bool:
            said = link.heard.said(since, MessageKind.STATUS)
            return any(item.status and item.reply is None for item in said)

        born = await link.wait_for(birth, self._terms.wait)
        report.add("notice.hub-online", born, "a birth" if born else "no birth")

    # --- the end

    async def _put_back(self, before: dict[MessageKind, Inbound]) -> None:
        """The command topic as it was: what we put there is gone, what was there is not ours."""
        if self._link.has_left_command:
            await self._link.forget_command()
        if (found := before.get(MessageKind.COMMAND)) is not None:
            self._announce("puts back the retained command that was there before: clear it!")
            await self._link.send(found.payload, retain=True)

    def _judge(self) -> None:
        report, heard = self._report, self._link.heard
        judges.judge_form(report, heard)
        judges.judge_content(report, self._link.audit.findings, sum(1 for _ in heard.said()))
        if report.profile.rank >= Profile.SIDECAR.rank:
            session_judges.judge_numbers(report, heard)
            session_judges.judge_sessions(report, heard, self._lives.ended)
            session_judges.judge_progress(report, heard)


def _words(reply: object) -> str:
    result, code = getattr(reply, "result", ""), getattr(reply, "code", None)
    return f"{result} ({code})" if code else str(result)
