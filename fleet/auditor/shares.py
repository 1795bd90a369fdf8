"""One audit in several processes, for a machine with several cores: the report is the same.

Every process reads every line, and judges those of its own agents, whole: what an agent said in a
day stays in one hand. It hears of the rest what its own agents are judged by: who exists, which
tasks were offered and told of, what all were asked. A line of another's agent is passed by unread
where its first bytes say so for sure. Whoever asked joins the parts in the order of the lines.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import multiprocessing
import os
import re
import signal
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import IO, Any, Final

from fleet.auditor.allowance import Most
from fleet.auditor.audit import Audit
from fleet.auditor.capture.line_format import Gap, open_capture, read_stream
from fleet.auditor.finding_log import MAX_FINDINGS
from fleet.auditor.rules.finding import Finding
from fleet.auditor.tally import Tally
from fleet.contract.errors import FleetError

Progress = Callable[[int, int, int], None]

STEP: Final = 50_000
"""Lines between two words of how far a process is."""

MAX_TOPICS: Final = 20_000
"""Topics that are told apart by their bytes; more of them, and all are looked at anew."""

_MINE, _HEARD, _PASSED = range(3)

_OPENS: Final = re.compile(rb'\{"ts": ?[0-9.]+, ?"topic": ?"([!#-\[\]-~]+)", ?"payload": ?"').match
"""How a line of a capture begins, as the hub writes it, or a `json.dumps`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one process found. `crowded`: there was more than it can tell apart for sure."""

    tally: Tally = field(default_factory=Tally)
    findings: Sequence[Finding] = ()
    omitted: Counter[str] = field(default_factory=Counter)
    clues: int = 0
    gaps: Sequence[Gap] = ()
    most: tuple[int, Most] = (0, Most())
    topics: Sequence[str] = ()
    crowded: bool = False


class Share:
    """The part of the fleet that one process judges: number `number` of `of`."""

    def __init__(self, audit: Audit, number: int, of: int) -> None:
        self._audit, self._number, self._of = audit, number, of
        self._ways: dict[bytes, int] = {}

    def passes(self, line: bytes) -> bool:
        """Whether `line` is sure to be another's, and says nothing to this one."""
        opened = _OPENS(line)
        # A second topic, in whatever spelling, would be the one that counts.
        if opened is None or line.count(b'"topic"') != 1 or b"\\u" in line:
            return False
        topic = opened[1]
        way = self._ways.get(topic)
        if way is None:
            if len(self._ways) >= MAX_TOPICS:
                self._ways.clear()
            way = self._ways[topic] = self._way(topic.decode("ascii"))
        return way == _PASSED

    def examine(
        self, line: int, at: float | None, topic: str, payload: bytes, retain: bool, beside: Any
    ) -> None:
        way = self._way(topic)
        if way == _MINE:
            self._audit.examine(line, at, topic, payload, retain, beside)
        elif way == _HEARD:
            self._audit.overhear(at, topic, payload, retain)

    def _way(self, topic: str) -> int:
        agent, concerns_all = self._audit.register.place_of(topic)
        # What has no name that may be shown is in one hand too, since reports count it as one.
        owner = 0 if agent == "*" else zlib.crc32(agent.encode()) % self._of
        if owner == self._number:
            return _MINE
        return _HEARD if concerns_all else _PASSED


def over_files(
    audit: Audit, paths: Sequence[Path], jobs: int, progress: Progress | None = None
) -> list[Gap] | None:
    """Hold every message of `paths` against the rules, in `jobs` processes; the gaps they tell.
    None: there are too many agents or clues to share them, and `audit` is as it was.

    Raises:
        ConfigError: a file cannot be read.
        FleetError: a process ended before its time.
    """
    context = multiprocessing.get_context("fork")  # it has the audit, and the files as they are now
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(open_capture(path)) for path in paths]
        sizes = [os.fstat(stream.fileno()).st_size for stream in streams]
        links: list[Connection] = []
        for number in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(
                target=_work, args=(theirs, audit, streams, sizes, number, jobs), daemon=True
            )
            child.start()
            theirs.close()
            stack.callback(child.join)
            stack.callback(child.kill)
            stack.callback(ours.close)
            links.append(ours)
        parts = _gather(links, sum(sizes), progress)
    if any(part.crowded for part in parts) or sum(part.clues for part in parts) > MAX_FINDINGS:
        return None
    return _join(audit, parts)


def _gather(links: list[Connection], total: int, progress: Progress | None) -> list[Part]:
    """The part of each, in the order of `links`."""
    parts: dict[Connection, Part] = {}
    while len(parts) < len(links):
        for link in wait([link for link in links if link not in parts]):
            assert isinstance(link, Connection)  # noqa: S101 - no other is waited for
            try:
                told = link.recv()
            except EOFError:
                raise FleetError(
                    "a process of the audit ended without its part",
                    "killed, or out of memory",
                    "fleet audit run --jobs 1",
                ) from None
            if isinstance(told, Part):
                parts[link] = told
            elif isinstance(told, FleetError):
                raise told
            elif progress is not None and link is links[0]:
                progress(told[0], total, told[1])
    return [parts[link] for link in links]


def _join(audit: Audit, parts: Sequence[Part]) -> list[Gap]:
    for topic in parts[0].topics:
        audit.register.place_of(topic)
    found = heapq.merge(*(part.findings for part in parts), key=lambda one: one.line)
    for part in parts:
        audit.join((), part.omitted, part.tally)
    audit.join(found, Counter(), Tally())
    if audit.allowance is not None:
        # Of two that said as much, who did so first: as one process would have it.
        audit.allowance.most = min((p.most for p in parts), key=lambda m: (-m[1].bits, m[0]))[1]
    gaps = {gap.line: gap for part in parts for gap in part.gaps}
    return [gaps[line] for line in sorted(gaps)]


def _work(
    pipe: Connection, audit: Audit, streams: list[IO[bytes]], sizes: list[int], number: int, of: int
) -> None:
    """The child's work. Ctrl-C is its parent's, who ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pipe.send(_part(pipe, audit, streams, sizes, number, of))
    except FleetError as error:
        pipe.send(error)


def _part(
    pipe: Connection, audit: Audit, streams: list[IO[bytes]], sizes: list[int], number: int, of: int
) -> Part:
    share = Share(audit, number, of)
    gaps: list[Gap] = []
    line = done = 0
    for stream, size in zip(streams, sizes, strict=True):
        upto = io.BufferedReader(_Upto(stream.fileno(), size), 1 << 18)
        for item in read_stream(upto, line + 1, share.passes):
            if isinstance(item, int):
                line = item
            elif isinstance(item, Gap):
                line = item.line
                gaps.append(item)
            else:
                line = item.line
                share.examine(*item)
            if line % STEP == 0:
                if audit.register.is_crowded:
                    return Part(crowded=True)
                if number == 0:
                    pipe.send((done + upto.tell(), line))
        done += size
    if audit.register.is_crowded:
        return Part(crowded=True)
    most = audit.allowance.most if audit.allowance is not None else Most()
    topics = audit.register.names if number == 0 else ()
    return Part(
        audit.tally, audit.findings, audit.omitted, audit.clues, gaps, (audit.most_line, most),
        topics,
    )  # fmt: skip


class _Upto(io.RawIOBase):
    """The first `size` bytes of a file that others read too, and that may grow meanwhile."""

    def __init__(self, number: int, size: int) -> None:
        self._number, self._size, self._place = number, size, 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def readinto(self, into: Any) -> int:
        data = os.pread(self._number, min(len(into), self._size - self._place), self._place)
        into[: len(data)] = data
        self._place += len(data)
        return len(data)
