"""Which agents of a fleet an answer is about, and a page of them at a time.

Names are chosen by the verdict of the last tick, which costs no view; only those on the page are
then described.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any, Final

from fleet.contract.topics import is_agent_name
from fleet.contract.vocabulary import Kind
from fleet.domain.roster import Roster
from fleet.domain.verdict import Verdict, badness

MAX_KEYS: Final = 20
MAX_VALUES: Final = 200
"""Labels to choose from: a choice of more is none."""


@dataclass(frozen=True, slots=True)
class AgentQuery:
    """What to list; each part that is given narrows it.

    Attributes:
        group: a group to which it belongs, or its label `group`.
        labels: `key=value` of the enrolment, each of which it has.
        text: part of a name, or of a state's word.
        cursor: `next` of the page before.
        offset: agents to leave out before the page.
        limit: agents on a page; None: all of them.
        brief: name and state alone.
        site: of this one alone, where there are several.
        names: these alone.
        kinds: of one of these.
        member_of: in one of these groups; who was put into none is in the one of its label.
        by_name: in the order of names, which holds however agents are meanwhile: page after page
            tells each once. `cursor` is then the last name of the page before.
    """

    states: frozenset[Verdict] = frozenset()
    group: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    text: str = ""
    cursor: str | None = None
    offset: int = 0
    limit: int | None = None
    brief: bool = False
    site: str | None = None
    names: frozenset[str] = frozenset()
    kinds: frozenset[Kind] = frozenset()
    member_of: frozenset[str] = frozenset()
    by_name: bool = False

    def place(self, verdict: Verdict, name: str) -> tuple[int, str]:
        """Where an agent stands among those that are told."""
        return (0 if self.by_name else -badness(verdict)), name

    def cursor_at(self, verdict: Verdict, name: str) -> str:
        return name if self.by_name else f"{verdict}.{name}"


@dataclass(frozen=True, slots=True)
class AgentPage:
    """Names of one page in order; `total` on all pages together; `next` is the cursor; `counts`
    tells the whole fleet by state, whatever was wanted; `verdicts` are of those here."""

    names: list[str]
    total: int
    next: str | None
    counts: dict[str, int]
    verdicts: Mapping[str, Verdict]


def choose(
    roster: Roster,
    wanted: AgentQuery,
    all_are: Verdict | None = None,
    hidden: Set[str] = frozenset(),
) -> AgentPage:
    """`all_are`: what each is, whatever the roster says. `hidden`: names that are not told.

    Raises:
        ValueError: the cursor is none of ours.
    """
    everyone = _everyone(roster, all_are, hidden)
    found = _narrowed(roster, everyone, wanted)
    places = _by_name(found, wanted) if wanted.by_name else _worst_first(found, wanted)
    rest = islice(places, wanted.offset, None)
    page = list(islice(rest, wanted.limit))
    more = wanted.limit is not None and next(rest, None) is not None
    return AgentPage(
        [name for _, name in page],
        sum(map(len, found.values())),
        wanted.cursor_at(*page[-1]) if more else None,
        {str(verdict): len(names) for verdict, names in everyone.items() if names},
        {name: verdict for verdict, name in page},
    )


def narrowed(
    roster: Roster,
    wanted: AgentQuery,
    all_are: Verdict | None = None,
    hidden: Set[str] = frozenset(),
) -> dict[Verdict, list[str]]:
    """All that a query is about by verdict, as above, on whatever page. It holds until somebody is
    judged."""
    return _narrowed(roster, _everyone(roster, all_are, hidden), wanted)


def _narrowed(
    roster: Roster, everyone: Mapping[Verdict, list[str]], wanted: AgentQuery
) -> dict[Verdict, list[str]]:
    return {of: _wanted(roster, names, of, wanted) for of, names in everyone.items()}


def _everyone(
    roster: Roster, all_are: Verdict | None, hidden: Set[str]
) -> dict[Verdict, list[str]]:
    everyone = roster.by_verdict() if all_are is None else {all_are: roster.in_order()}
    if not hidden:
        return everyone
    return {of: [name for name in names if name not in hidden] for of, names in everyone.items()}


def _worst_first(
    found: Mapping[Verdict, list[str]], wanted: AgentQuery
) -> Iterator[tuple[Verdict, str]]:
    after = _place(wanted.cursor) if wanted.cursor is not None else None
    return (
        (verdict, name)
        for verdict in sorted(found, key=badness, reverse=True)
        for name in _behind(after, badness(verdict), found[verdict])
    )


def _by_name(
    found: Mapping[Verdict, list[str]], wanted: AgentQuery
) -> Iterator[tuple[Verdict, str]]:
    after = wanted.cursor or ""
    if after and not is_agent_name(after):
        raise ValueError("not a cursor of an agent list")
    parts = (
        zip(islice(names, bisect_right(names, after), None), repeat(verdict))
        for verdict, names in found.items()
    )
    return ((verdict, name) for name, verdict in heapq.merge(*parts))


def _behind(after: tuple[int, str] | None, rank: int, names: list[str]) -> list[str]:
    """Those of one badness, in order, that come behind a place."""
    if after is None or rank < after[0]:
        return names
    return names[bisect_right(names, after[1]) :] if rank == after[0] else []


def _wanted(roster: Roster, names: list[str], verdict: Verdict, wanted: AgentQuery) -> list[str]:
    """Of these, which are all of one verdict, those that the query is about."""
    if wanted.states and verdict not in wanted.states:
        return []
    if wanted.names:
        names = [name for name in names if name in wanted.names]
    if wanted.labels or wanted.group is not None or wanted.kinds or wanted.member_of:
        names = [name for name in names if _belongs(roster, name, wanted)]
    text = wanted.text.strip().lower()
    if text:
        names = [name for name in names if text in f"{name} {verdict}"]
    return names


def _belongs(roster: Roster, name: str, wanted: AgentQuery) -> bool:
    labels = roster.labels(name) if wanted.labels else {}
    if any(labels.get(key) != value for key, value in wanted.labels):
        return False
    if wanted.kinds and roster.kind(name) not in wanted.kinds:
        return False
    if wanted.member_of:
        groups = roster.groups(name) or filter(None, (roster.group(name),))
        if wanted.member_of.isdisjoint(groups):
            return False
    group = wanted.group
    return group is None or group == roster.group(name) or group in roster.groups(name)


def labels(rosters: Iterable[Roster]) -> dict[str, Any]:
    """The groups and labels that agents have, with how many have each: the most frequent ones."""
    groups, found = Counter[str](), dict[str, Counter[str]]()
    for roster in rosters:
        for name in roster.names():
            groups.update({*roster.groups(name), *filter(None, (roster.group(name),))})
            for key, value in roster.labels(name).items():
                found.setdefault(key, Counter())[value] += 1
    keys = sorted(found, key=lambda key: (-found[key].total(), key))[:MAX_KEYS]
    return {
        "groups": dict(groups.most_common(MAX_VALUES)),
        "labels": {key: dict(found[key].most_common(MAX_VALUES)) for key in keys},
    }


def _place(cursor: str) -> tuple[int, str]:
    """(badness, name) of the last agent of the page before: where it stood then."""
    state, _, name = cursor.partition(".")
    if state not in set(Verdict) or not is_agent_name(name):
        raise ValueError("not a cursor of an agent list")
    return badness(Verdict(state)), name
