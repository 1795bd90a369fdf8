"""One run over captures: progress, the broker's log, suppressions; ends in a report."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from fleet.auditor import shares
from fleet.auditor.audit import Audit
from fleet.auditor.capture import broker_log, line_format
from fleet.auditor.capture.line_format import Gap, GapKind

Progress = Callable[[int, int, int], None]
"""Called now and then with (bytes read, bytes in all, messages)."""

STEP: Final = 20_000
"""Messages between two calls of `Progress`: some tenths of a second."""


def over_files(
    audit: Audit, paths: Iterable[Path], progress: Progress | None = None, jobs: int = 1
) -> list[Gap]:
    """Hold every message of `paths` against the rules; the gaps they tell.

    Raises:
        ConfigError: a file cannot be read.
    """
    # Messages leave no cycles behind; to look for them every 700 objects costs a fifth.
    gc.set_threshold(100_000, 50, 50)
    gaps: list[Gap] = []
    paths = list(paths)
    if jobs > 1 and paths and all(path.is_file() for path in paths):  # of a pipe is one reader
        shared = shares.over_files(audit, paths, jobs, progress)
        if shared is not None:
            return shared
    streams = [line_format.open_capture(path) for path in paths]
    total = sum(path.stat().st_size for path in paths)
    done, line, examine = 0, 0, audit.examine
    for path, stream in zip(paths, streams, strict=True):
        with stream:
            for item in line_format.read_stream(stream, line + 1):
                line = item.line
                if isinstance(item, Gap):
                    gaps.append(item)
                else:
                    examine(*item)
                if progress is not None and line % STEP == 0:
                    progress(done + stream.tell(), total, audit.tally.messages)
        done += path.stat().st_size
    if not paths:
        gaps.append(Gap(GapKind.EMPTY))
    return gaps


def over_broker_log(audit: Audit, path: Path) -> None:
    """Lateral messages and conflicting clients, as the broker itself wrote them down.

    Raises:
        ConfigError: the file cannot be read.
    """
    with line_format.open_capture(path) as stream:
        for number, entry in broker_log.parse(stream):
            if isinstance(entry, broker_log.Published):
                if not audit.register.is_owner(entry.topic, entry.client):
                    audit.report_lateral(number, entry.at, entry.topic, entry.client)
            else:
                audit.report_conflict(number, entry.at, entry.client)
