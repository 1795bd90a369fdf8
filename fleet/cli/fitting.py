"""Tables that fit the terminal they are shown on: a line that wraps is read as two."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from fleet.cli.common import cell_width
from fleet.contract.printable import printable

GAP: Final = 2
"""Blanks between two columns."""

LEAST: Final = 12
"""Characters that a shortened cell keeps: the beginning of most names and codes."""


def terminal_width() -> int | None:
    """Columns; None: nobody looks at a terminal, and all of it is wanted."""
    if not sys.stdout.isatty():
        return None
    import shutil  # which loads three libraries that compress

    return shutil.get_terminal_size().columns


def fit(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    spare: Sequence[str],
    elastic: Sequence[str],
    width: int | None,
) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of what fits into `width` columns.

    Args:
        spare: columns that may be left out, the first of them first.
        elastic: columns of which cells may be cut short with `…`, where that is not enough. They
            hold no colour.
    """
    shown, lines = list(headings), [list(row) for row in rows]
    if width is None:
        return shown, lines
    for heading in spare:
        if _wide(shown, lines) <= width:
            break
        if heading in shown:
            at = shown.index(heading)
            del shown[at]
            for line in lines:
                del line[at]
    for heading in elastic:
        over = _wide(shown, lines) - width
        if over > 0 and heading in shown:
            at = shown.index(heading)
            least = max(LEAST, len(heading))
            room = max(least, _widths(shown, lines)[at] - over)
            for line in lines:
                line[at] = _cut(line[at], room)
    return shown, lines


def wrapped(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None
) -> tuple[list[str], list[list[str]]]:
    """The same with nothing left out: the last column, which is prose, goes on below itself."""
    lines = [list(row) for row in rows]
    if width is None:
        return list(headings), lines
    *before, last = _widths(headings, rows)
    room = max(LEAST, min(last, width - sum(before) - GAP * len(before)))
    found: list[list[str]] = []
    for *cells, prose in lines:
        first, *more = wrap(prose, room, break_on_hyphens=False) or [""]
        found.append([*cells, first])
        found += [[*("" for _ in cells), text] for text in more]
    return list(headings), found


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _widths(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    seen = [headings, *rows]
    return [max(_length(row[i]) for row in seen) for i in range(len(headings))]


def _wide(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    return sum(_widths(headings, rows)) + GAP * (len(headings) - 1)


def _length(cell: str) -> int:
    return cell_width(printable(cell))
