"""What numbers tell: of messages within a session, and of one session after another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from fleet.contract.vocabulary import MessageKind
from fleet.contract.work_messages import Progress
from fleet.tck.report import Report
from fleet.tck.transcript import Transcript


def judge_numbers(report: Report, heard: Transcript) -> None:
    """Boots and seqs of all that was said; a will has no seq, since it is written beforehand."""
    said = [item for item in heard.said() if item.message and not item.is_offline]
    if not said:
        return
    bare = sum(item.number is None for item in said)
    report.add("session.numbered", not bare, f"{bare} of {len(said)} without boot or seq")
    messages: dict[tuple[int, int], set[bytes]] = defaultdict(set)
    first: dict[int, int] = {}
    for item in heard.said():
        if item.number is not None:
            messages[item.number].add(item.digest)
            if item.kind is MessageKind.HEARTBEAT:
                first.setdefault(*item.number)
    if not messages:
        return
    twice = sum(len(digests) > 1 for digests in messages.values())
    report.add("session.seq-unique", not twice, f"{twice} of {len(messages)} used again")
    missing = sum(_missing(messages.keys(), boot, start) for boot, start in first.items())
    report.add("session.seq-complete", not missing, f"{missing} missing")


def _missing(numbers: Collection[tuple[int, int]], boot: int, start: int) -> int:
    """Numbers of a session that never came, from its first heartbeat on: what lies before may
    have been said before we listened, and only heartbeats are never sent again."""
    seqs = {seq for of, seq in numbers if of == boot and seq >= start}
    return max(seqs) - start + 1 - len(seqs)


def judge_progress(report: Report, heard: Transcript) -> None:
    """Of each task: whether its epoch, or its attempt within one, went back. What comes again,
    since it has no receipt, is no step back."""
    last: dict[str, tuple[int, int]] = {}
    back = said = 0
    for item in heard.told_once(0):
        if isinstance(item.message, Progress):
            said += 1
            claim = item.message.epoch, item.message.attempt
            back += claim < last.get(item.message.task, claim)
            last[item.message.task] = claim
    if said:
        report.add("progress.epoch", not back, f"{back} of {said} went back")


def tasks_told(heard: Transcript, since: int) -> set[str]:
    """The tasks that the agent told of from the moment `since` on."""
    messages = (item.message for item in heard.said(since))
    return {message.task for message in messages if isinstance(message, Progress)}


def judge_sessions(report: Report, heard: Transcript, ended: list[tuple[int, int | None]]) -> None:
    """Sessions after the first, each begun by us; `ended`: (moment, boot) of each session that we
    ended."""
    for moment, old in ended:
        said = [item for item in heard.said(moment) if item.message and not item.is_offline]
        if old is None:
            report.skip("session.boot-grows", "it states no boot")
            return
        new = [item for item in said if item.boot not in (None, *_boots_before(heard, moment))]
        if not new:
            continue
        grown = bool(new[0].boot and new[0].boot > old)
        report.add("session.boot-grows", grown, "" if grown else "the new number is not greater")
        session = [item for item in new if item.boot == new[0].boot]
        # What has no receipt may hold up the birth, but nothing is numbered before it.
        birth = min(session, key=lambda item: item.number or (0, 0))
        is_status = birth.kind is MessageKind.STATUS
        report.add("session.birth", is_status, f"first a {birth.kind}")


def _boots_before(heard: Transcript, moment: int) -> set[int]:
    return {item.boot for item in heard[:moment] if item.boot is not None}
