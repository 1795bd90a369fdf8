"""Draws boxes in rows, joined by arrows that lead down, as SVG. The same input, the same text.

Boxes stand as high as their level; long arrows keep a free place in each row that they pass, so
that none runs behind a box. Order and places within the rows are found by looking at neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape

RISE, GAP, MARGIN = 42, 18, 16
LINE, PAD = 15, 9
"""Pixels: between rows, between boxes, around the drawing; of a line of text, around it."""

LETTER: Final = 8.0
"""Pixels of a letter; a fixed-width font needs no measuring."""

SWEEPS: Final = 24

STYLE: Final = """
text { font: 13.5px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1d2733; }
.small { font-size: 12px; fill: #4a5866; }
rect { stroke: #5b6b7b; fill: #eaf1f8; rx: 5px; }
.right rect { fill: #edf5ea; }
.floor rect { fill: #fbf1d9; }
path { fill: none; stroke: #5b6b7b; stroke-width: 1.2; marker-end: url(#head); }
.typed { stroke-dasharray: 5 4; }
"""


@dataclass(frozen=True, slots=True)
class Box:
    """A box; `lines` is its text, `right` which of the two columns it stands in."""

    name: str
    lines: list[str]
    level: int
    right: bool

    @property
    def width(self) -> float:
        return max(map(len, self.lines)) * LETTER + 2 * PAD + 6

    @property
    def height(self) -> int:
        return len(self.lines) * LINE + 2 * PAD


Arrow = tuple[str, str, bool]
"""From, to, and whether it is a whole one (else dashed)."""

Chain = list[str]
"""The places an arrow passes: its box, a free place in each row between, its other box."""


class Column:
    """One column: its rows from the top, and where each thing in them stands."""

    def __init__(self, boxes: list[Box], arrows: Iterable[Arrow]) -> None:
        self._width = {box.name: box.width for box in boxes}
        self._level = {box.name: box.level for box in boxes}
        self.chains = {(a, b): self._chain(a, b) for a, b, _ in sorted(arrows)}
        rows = range(max(self._level.values()), min(self._level.values()) - 1, -1)
        self.rows = [sorted(n for n in self._level if self._level[n] == row) for row in rows]
        self._links = [pair for chain in self.chains.values() for pair in pairwise(chain)]
        self._order()
        self.x = self._place()

    def _chain(self, start: str, end: str) -> Chain:
        chain = [start]
        for row in range(self._level[start] - 1, self._level.get(end, 0), -1):
            place = f"{start}>{end}@{row:02}"
            self._level[place], self._width[place] = row, 4.0
            chain.append(place)
        return [*chain, end] if end in self._level else chain

    def _neighbours(self, name: str) -> list[str]:
        return [a if b == name else b for a, b in self._links if name in (a, b)]

    def _order(self) -> None:
        """The order with the fewest crossings that some sweeps find."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(SWEEPS):
            place = {name: i for row in self.rows for i, name in enumerate(row)}
            rows = self.rows if sweep % 2 else self.rows[::-1]
            for row in rows:
                middle = {n: _mean([place[o] for o in self._neighbours(n)], place[n]) for n in row}
                row.sort(key=lambda name: (middle[name], name))
                place |= {name: i for i, name in enumerate(row)}
            self._swap()
            if self._crossings() < fewest:
                best, fewest = [list(row) for row in self.rows], self._crossings()
        self.rows = best

    def _swap(self) -> None:
        """Neighbours change places where that saves a crossing."""
        for row in self.rows:
            for i in range(len(row) - 1):
                before = self._crossings()
                row[i], row[i + 1] = row[i + 1], row[i]
                if self._crossings() >= before:
                    row[i], row[i + 1] = row[i + 1], row[i]

    def _crossings(self) -> int:
        place = {name: i for row in self.rows for i, name in enumerate(row)}
        by_row: dict[int, list[tuple[int, int]]] = {}
        for a, b in self._links:
            by_row.setdefault(self._level[a], []).append((place[a], place[b]))
        return sum(
            (a - c) * (b - d) < 0
            for links in by_row.values()
            for i, (a, b) in enumerate(links)
            for c, d in links[:i]
        )

    def _place(self) -> dict[str, float]:
        """Centres: each thing as near to its neighbours as the things beside it allow."""
        x: dict[str, float] = {}
        for row in self.rows:
            edge = 0.0
            for name in row:
                x[name] = edge + self._width[name] / 2
                edge += self._width[name] + GAP
        for sweep in range(8 * SWEEPS):
            for row in self.rows if sweep % 2 else self.rows[::-1]:
                wanted = [self._wanted(name, x) for name in row]
                x |= zip(row, self._apart(row, wanted), strict=True)
        left = min(x[name] - self._width[name] / 2 for name in x)
        return {name: round(at - left, 1) for name, at in x.items()}

    def _wanted(self, name: str, x: Mapping[str, float]) -> float:
        """Between its neighbours; the passing parts of a long arrow pull it straight."""
        others = self._neighbours(name)
        pull = {o: 1 + 5 * (self._is_passing(o) + self._is_passing(name)) for o in others}
        pulled = sum(x[o] * pull[o] for o in others)
        return pulled / sum(pull.values()) if others else x[name]

    @staticmethod
    def _is_passing(name: str) -> bool:
        return "@" in name

    def _apart(self, row: list[str], wanted: list[float]) -> list[float]:
        """The wanted places, moved until nothing overlaps: half the way to either side."""
        steps = [
            (self._width[a] + self._width[b]) / 2
            + (GAP / 2 if self._is_passing(a) or self._is_passing(b) else GAP)
            for a, b in pairwise(row)
        ]
        right, left = list(wanted), list(wanted)
        for i, step in enumerate(steps):
            right[i + 1] = max(right[i + 1], right[i] + step)
        for i in range(len(steps) - 1, -1, -1):
            left[i] = min(left[i], left[i + 1] - steps[i])
        return [(a + b) / 2 for a, b in zip(right, left, strict=True)]

    @property
    def width(self) -> float:
        return max(self.x[name] + self._width[name] / 2 for name in self.x)


def drawn(boxes: list[Box], arrows: list[Arrow], floor: str) -> str:
    """The drawing; `floor` is the box that both columns stand on."""
    ground = next(box for box in boxes if box.name == floor)
    standing = [box for box in boxes if box.name != floor]
    rows = _rows(boxes)
    levels = {box.name: box.level for box in boxes}
    bottom = {box.name: rows[box.level][1] for box in boxes}
    x: dict[str, float] = {}
    chains: dict[tuple[str, str], Chain] = {}
    width = float(MARGIN)
    heads = []
    for right, title in ((False, "fleet/"), (True, "agent_sidecar/")):
        own = [box for box in standing if box.right is right]
        names = {box.name for box in own}
        column = Column(own, [a for a in arrows if a[0] in names and a[1] in names | {floor}])
        x |= {name: at + width for name, at in column.x.items()}
        chains |= column.chains
        heads.append(f'<text x="{width:.0f}" y="{MARGIN + 12}">{title}</text>')
        width += column.width + 2 * MARGIN
    width -= MARGIN
    parts = [*heads, *(_box(box, x[box.name], bottom[box.name]) for box in standing)]
    parts.append(_floor(ground, width, bottom[floor]))
    ends = {box.name: (bottom[box.name] - box.height, bottom[box.name]) for box in boxes}
    ports = _ports(arrows, x, {box.name: box.width for box in standing}, floor)
    for a, b, whole in arrows:
        places = [place for place in chains.get((a, b), ()) if place not in ends]
        bends = [(x[place], *rows[int(place[-2:])]) for place in places]
        start, end = ports[a, b]
        end = x[places[-1]] if b == floor and places else end
        bends.append((end, rows[levels[b]][0], ends[b][0]))
        parts.append(_path((start, ends[a][1]), bends, whole=whole))
    tall = bottom[floor] + MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {tall}" role="img">\n'
        f"<title>Who imports whom: an arrow leads from a room to one that it imports</title>\n"
        f"<style>{STYLE}</style>\n"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill: #5b6b7b;'
        ' stroke: none; marker-end: none"/></marker></defs>\n'
        f'<rect width="{width:.0f}" height="{tall}" style="fill: #fff; stroke: none"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _rows(boxes: list[Box]) -> dict[int, tuple[int, int]]:
    """Top and bottom of each level; a row is as tall as its tallest box."""
    found: dict[int, tuple[int, int]] = {}
    y = MARGIN + 30
    for level in range(max(box.level for box in boxes), -1, -1):
        tall = max((box.height for box in boxes if box.level == level), default=0)
        found[level] = y, y + tall
        y += tall + RISE
    return found


def _ports(
    arrows: list[Arrow], x: Mapping[str, float], width: Mapping[str, float], floor: str
) -> dict[tuple[str, str], tuple[float, float]]:
    """Where each arrow leaves its box and enters the other: side by side, in order."""
    found = {(a, b): [x[a], x.get(b, x[a])] for a, b, _ in arrows}
    for side in (0, 1):
        for name in x:
            own = sorted(
                (pair for pair in found if pair[side] == name and floor not in pair),
                key=lambda pair: (x[pair[1 - side]], pair),
            )
            room = min(16.0, (width.get(name, 0) - 20) / max(1, len(own)))
            for i, pair in enumerate(own):
                found[pair][side] = x[name] + (i - (len(own) - 1) / 2) * room
    return {pair: (ends[0], ends[1]) for pair, ends in found.items()}


def _box(box: Box, x: float, bottom: int) -> str:
    left, top = x - box.width / 2, bottom - box.height
    kind = "small" if box.lines[0].endswith(".py") else ""
    texts = "".join(
        f'<text class="{kind}" x="{x:.1f}" y="{top + PAD + LINE * i + 11}"'
        f' text-anchor="middle">{escape(line)}</text>'
        for i, line in enumerate(box.lines)
    )
    rect = f'<rect x="{left:.1f}" y="{top}" width="{box.width:.1f}" height="{box.height}"/>'
    return f'<g class="{"right" if box.right else "left"}">{rect}{texts}</g>'


def _floor(box: Box, width: float, bottom: int) -> str:
    top, middle = bottom - box.height, width / 2
    return (
        f'<g class="floor"><rect x="{MARGIN}" y="{top}" width="{width - 2 * MARGIN:.1f}"'
        f' height="{box.height}"/><text x="{middle:.1f}" y="{top + PAD + 11}"'
        f' text-anchor="middle">{escape(box.lines[0])}</text></g>'
    )


def _path(start: tuple[float, int], bends: list[tuple[float, int, int]], *, whole: bool) -> str:
    """From the bottom of a box on: a curve to the top of each row, and straight down in it."""
    text, (x, y) = f"M{start[0]:.1f} {start[1]}", start
    for at, top, bottom in bends:
        middle = (y + top) / 2
        text += f"C{x:.1f} {middle:.0f} {at:.1f} {middle:.0f} {at:.1f} {top}"
        text += f"V{bottom}" if bottom != top else ""
        x, y = at, bottom
    kind = "whole" if whole else "typed"
    return f'<path class="{kind}" d="{text}"/>'


def _mean(values: list[float] | list[int], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
