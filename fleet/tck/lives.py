"""One life of the agent after another: what its end and its return must say, and what it keeps.

Receipts are withheld and forged between the lives, since only a new session sends again what has
none. Where another hub sends receipts to this agent that cannot be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fleet.contract.vocabulary import MessageKind, Verb
from fleet.tck.controls import Controls, carry_out
from fleet.tck.heard import Heard
from fleet.tck.link import AgentLink
from fleet.tck.report import Report
from fleet.tck.rules import Need

BEYOND = 1_000
"""Numbers by which an impossible receipt is ahead of what was sent."""

KEPT = (MessageKind.STATUS, MessageKind.ALERT)
"""What an outbox keeps until the receipt; the next heartbeat replaces the one before."""


class Lives:
    """
    Attributes:
        ended: (moment, boot) of each session that was ended here.
    """

    def __init__(
        self,
        link: AgentLink,
        report: Report,
        controls: Controls,
        wait: float,
        announce: Callable[[str], None],
    ) -> None:
        self.ended: list[tuple[int, int | None]] = []
        self._link = link
        self._report = report
        self._controls = controls
        self._wait = wait
        self._announce = announce

    async def run(self) -> None:
        if Need.RESTART in self._report.at_hand:
            if not await self._first_restart():
                return
            if self._report.wants("receipt.impossible"):
                await self._second_restart()
        if self._report.wants("will.told"):
            await self._kill()
        await self._receipt_all()

    async def does(self, command: str, *rules: str) -> str:
        """Run one of the operator's commands; why it failed, which then is why `rules` were not
        judged."""
        why = await carry_out(command)
        for rule in rules if why else ():
            self._report.skip(rule, why)
        return why

    # --- restarts

    async def _first_restart(self) -> bool:
        """A retained command, and receipts for the first half; whether the agent came back."""
        link, report = self._link, self._report
        await self._leave_retained()
        old, kept = link.heard.boot, self._kept()
        half = sorted(kept)[: len(kept) // 2]
        receipts = report.wants("receipt.resend") and not link.has_other_hub
        if receipts and old is not None and half:
            self._announce("receipts half of what it said, and leaves the rest without")
            await link.receipt(old, half[-1])
            await link.is_awake(self._wait)
        since = await self._restart()
        if since is None:
            return False
        self._judge_end(since, old)
        await self._judge_retained(since)
        if link.has_other_hub:
            for rule in ("receipt.resend", "receipt.honoured"):
                report.skip(rule, "another hub sends it receipts")
        elif receipts and (old is None or not half):
            report.blocked = "what it says has no numbers"
        elif receipts and old is not None:
            rest = kept - set(half)
            again = await self._resent(since, old, rest)
            report.add("receipt.resend", rest <= again, f"{len(rest & again)} of {len(rest)} again")
            more = len(again & set(half))
            report.add("receipt.honoured", not more, f"{more} of {len(half)} again")
        return True

    async def _second_restart(self) -> None:
        """Forged receipts, each for a session of its own: both sessions' rows must come again."""
        link, report = self._link, self._report
        boots = link.heard.boots()[-2:]
        resends = any(
            finding.rule.id == "receipt.resend" and finding.verdict.value == "pass"
            for finding in report.findings
        )
        if not resends or len(boots) < 2 or boots != sorted(boots):
            why = "it sends nothing again, so nothing can be seen to be kept"
            if link.has_other_hub:
                why = "another hub sends it receipts"
            for rule in ("receipt.impossible", "receipt.unsigned"):
                report.skip(rule, why)
            return
        old, new = boots
        rows_old, rows_new = self._kept(old), self._kept(new)
        rows_old -= {seq for seq in rows_old if seq <= self._receipted(old)}
        self._announce("sends receipts that it must refuse")
        await link.receipt(new, max(rows_new) + BEYOND)
        if report.wants("receipt.unsigned"):
            await link.receipt(old, max(rows_old), signed=False)
        await link.is_awake(self._wait)
        since = await self._restart()
        if since is None:
            return
        again = await self._resent(since, new, rows_new)
        told = f"{len(rows_new & again)} of {len(rows_new)} kept"
        report.add("receipt.impossible", rows_new <= again, told)
        again = await self._resent(since, old, rows_old)
        told = f"{len(rows_old & again)} of {len(rows_old)} kept"
        report.add("receipt.unsigned", rows_old <= again, told)

    async def _restart(self) -> int | None:
        """Restart it and wait until it answers; the moment before, None if it did not."""
        command = self._controls.restart
        self._announce(f"restarts it: {command}")
        since = self._link.now
        self.ended.append((since, self._link.heard.boot))
        why = await carry_out(command)
        if not why and not await self._returned(since):
            why = "it did not come back after --restart"
        self._report.blocked = why or self._report.blocked
        return None if why else since

    async def _returned(self, since: int) -> bool:
        """Whether it speaks again and answers: of a newer session, where it numbers them."""
        link = self._link
        old = self.ended[-1][1]

        def back() -> bool:
            said = [item for item in link.heard.said(since) if not item.is_offline]
            return any(old is None or item.boot not in (None, old) for item in said)

        await link.wait_for(back, self._wait)
        return await link.is_awake(self._wait)

    def _judge_end(self, since: int, old: int | None) -> None:
        ends = [item for item in self._link.heard.said(since) if item.is_offline]
        named = [item for item in ends if item.boot == old]
        told = "not said" if not ends else "" if named else "without its number"
        self._report.add("session.end", bool(named), told)

    # --- the retained command

    async def _leave_retained(self) -> None:
        link = self._link
        if not self._report.wants("command.retained"):
            return
        self._announce("leaves a retained command there over the restart, and takes it away after")
        message: dict[str, Any] = {"verb": Verb.STATUS_REPORT.value}
        if Need.KEY in self._report.at_hand:  # without boot: refused each time that it is read
            message = link.sealed(link.draft(Verb.STATUS_REPORT, ttl=3600), link.sign)
        self._retained_id = message.get("id")
        await link.send(message, retain=True)
        await link.is_awake(self._wait)

    async def _judge_retained(self, since: int) -> None:
        if not self._report.wants("command.retained"):
            return
        await self._link.forget_command()
        answers = [
            reply
            for item in self._link.heard.told_once(since)
            if (reply := item.reply) is not None
            and reply.to == self._retained_id
            and reply.verb is Verb.STATUS_REPORT
        ]
        told = f"answered {answers[0].result}" if answers else "no answer"
        self._report.add("command.retained", not answers, told)

    # --- a death

    async def _kill(self) -> None:
        link, report, command = self._link, self._report, self._controls.kill
        self._announce(f"kills it: {command}")
        since, old = link.now, link.heard.boot
        self.ended.append((since, old))
        rules = ("will.told", "will.boot", "will.retained", "return.stands")
        if await self.does(command, *rules):
            return
        will = await link.wait_for(lambda: self._will(since), self._wait)
        report.add("will.told", will is not None, "" if will else f"none in {self._wait:.0f} s")
        if will is None:
            report.blocked = "no will came"
        else:
            named = will.boot is not None and will.boot == old
            report.add("will.boot", named, "" if named else "another number, or none")
            retained = (await link.retained(MessageKind.STATUS)).get(MessageKind.STATUS)
            kept = retained is not None and link.read(retained)
            if kept and not kept.is_offline and kept.boot != old:
                report.skip("will.retained", "it was back before that could be seen")
            else:
                report.add("will.retained", bool(kept and kept.is_offline))
        await self._return(since)

    async def _return(self, since: int) -> None:
        if self._controls.restart:
            self._announce(f"brings it back: {self._controls.restart}")
            await carry_out(self._controls.restart)
        else:
            self._announce("waits for its service manager to bring it back")
        if not await self._returned(since):
            self._announce(f"{self._link.agent} DID NOT COME BACK: start it again")
            self._report.skip("return.stands", "it did not come back")
            return
        retained = (await self._link.retained(MessageKind.STATUS)).get(MessageKind.STATUS)
        stands = retained is not None and not self._link.read(retained).is_offline
        self._report.add("return.stands", stands, "" if stands else "offline, or nothing")

    def _will(self, since: int) -> Heard | None:
        said = self._link.heard.told_once(since)
        return next((item for item in said if item.is_offline), None)

    # --- receipts

    def _kept(self, boot: int | None = None) -> set[int]:
        """Numbers of what session `boot` (by default the present one) must keep."""
        wanted = self._link.heard.boot if boot is None else boot
        said = (item for kind in KEPT for item in self._link.heard.said(kind=kind))
        return {n[1] for item in said if (n := item.number) is not None and n[0] == wanted}

    def _receipted(self, boot: int) -> int:
        return self._link.receipted.get(boot, -1)

    async def _resent(self, since: int, boot: int, wanted: set[int]) -> set[int]:
        """Numbers of session `boot` that came again after `since`; waits for all `wanted`."""

        def found() -> set[int]:
            said = (item for kind in KEPT for item in self._link.heard.said(since, kind))
            return {n[1] for item in said if (n := item.number) is not None and n[0] == boot}

        await self._link.wait_for(lambda: wanted <= found(), self._wait)
        return found()

    async def _receipt_all(self) -> None:
        """Leave no backlog behind."""
        if not self._link.has_other_hub:
            for boot in self._link.heard.boots():
                if kept := self._kept(boot):
                    await self._link.receipt(boot, max(kept))
