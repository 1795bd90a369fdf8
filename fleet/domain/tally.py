"""A fleet in numbers: how many are in which state, how a line calls them, and the worst of what is
wrong. As long as a screen, however many agents there are.

It adds up what others judged, one agent at a time, and keeps no view.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any, Final

from fleet.contract.vocabulary import Severity
from fleet.domain.agent_view import AgentView
from fleet.domain.liveness import PRESENCE_CODES
from fleet.domain.problems import ExitCode, Problem, code_of, problems_of
from fleet.domain.verdict import Verdict, badness

NAMED: Final = 5
"""Agents, and problems, named of each kind in one line; the rest is counted."""

EVERY: Final = 10_000_000
"""Problems that are kept where all are wanted."""

STOPPED: Final = "stopped"
"""How a line calls who went offline by its own word."""

SAID_BY_STATE: Final = frozenset(PRESENCE_CODES.values())
"""Codes that a line which tells the states need not tell again."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What counts of an agent; of its problems, worst first, whose they are is left open."""

    state: Verdict
    word: str
    problems: tuple[Problem, ...] = ()


def facts_of(view: AgentView) -> Facts:
    problems = tuple(problems_of([view]))
    return Facts(view.state, word_of(view.state, problems, goodbye=view.goodbye), problems)


def word_of(state: Verdict, problems: Sequence[Problem], *, goodbye: bool) -> str:
    """How a line calls an agent's state; who is not to wake anybody is told apart."""
    if problems and problems[0].severity is Severity.INFO and (held := problems[0].held):
        return held
    return STOPPED if state is Verdict.OFFLINE and goodbye else state.value


def is_loud(problem: Problem) -> bool:
    """Whether a line that tells the states has to tell it as well."""
    return not problem.held and problem.code not in SAID_BY_STATE


@dataclass(frozen=True, slots=True)
class Called:
    """How many agents a line calls by a word, and the first of them."""

    word: str
    agents: int
    first: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"word": self.word, "agents": self.agents, "first": list(self.first)}


@dataclass(frozen=True, slots=True)
class Found:
    """What was counted: agents by `states`; `words` in the order of a line; how many `problems`
    there are, of which `worst` are the worst; how many of them are `loud`, and the `loudest`."""

    states: Mapping[Verdict, int] = field(default_factory=dict)
    words: tuple[Called, ...] = ()
    problems: int = 0
    worst: tuple[Problem, ...] = ()
    loud: int = 0
    loudest: tuple[Problem, ...] = ()

    @property
    def agents(self) -> int:
        return sum(self.states.values())

    def exit_code(self, others: Iterable[Problem] = ()) -> ExitCode:
        """As `fleet.domain.problems.exit_code` of all of them."""
        severities = [p.severity for p in (*self.worst[:1], *(p for p in others if not p.held))]
        return code_of(
            severities, unknown=not self.agents or bool(self.states.get(Verdict.UNKNOWN))
        )

    def as_dict(self) -> dict[str, Any]:
        """All but the `worst`, which an answer lists beside it."""
        return {
            "states": {state.value: count for state, count in self.states.items()},
            "words": [called.as_dict() for called in self.words],
            "problems": self.problems,
            "loud": self.loud,
            "loudest": [problem.as_dict() for problem in self.loudest],
        }

    @classmethod
    def of(cls, data: Mapping[str, Any], worst: Iterable[Mapping[str, Any]]) -> Found:
        """What `as_dict` made, and what stood beside it."""
        return cls(
            {Verdict(state): count for state, count in data["states"].items()},
            tuple(Called(one["word"], one["agents"], tuple(one["first"])) for one in data["words"]),
            data["problems"],
            tuple(map(Problem.of, worst)),
            data["loud"],
            tuple(map(Problem.of, data["loudest"])),
        )


Place = tuple[int, str]
"""Where an agent stands in a table: the smallest is the first."""


def place_of(agent: str, state: Verdict) -> Place:
    return -badness(state), agent


class Tally:
    """Counts agents in whatever order they come. `most`: problems that are kept, one at least."""

    def __init__(self, most: int) -> None:
        self._states: Counter[Verdict] = Counter()
        self._words: dict[str, _Group] = {}
        self._worst, self._loud = _Worst(most), _Worst(NAMED)

    def add(self, agent: str, facts: Facts, *, site: str = "", place: Place | None = None) -> None:
        """`site`: of whose hub its problems are told, where that is to be said."""
        self._states[facts.state] += 1
        self._group(facts.word).add([place or place_of(agent, facts.state)], 1)
        for problem in facts.problems:
            self._worst.add(agent, problem, site)
            if is_loud(problem):
                self._loud.add(agent, problem, site)

    def add_alike(self, agents: Sequence[str], state: Verdict) -> None:
        """Agents, in order, of which nothing but this is known, and with which nothing is wrong."""
        if agents:
            self._states[state] += len(agents)
            places = [place_of(agent, state) for agent in agents[:NAMED]]
            self._group(state.value).add(places, len(agents))

    def found(self) -> Found:
        words = sorted(self._words.items(), key=lambda item: item[1].first[0])
        return Found(
            dict(self._states),
            tuple(Called(w, g.agents, tuple(name for _, name in g.first)) for w, g in words),
            self._worst.count,
            self._worst.problems(),
            self._loud.count,
            self._loud.problems(),
        )

    def _group(self, word: str) -> _Group:
        group = self._words.get(word)
        if group is None:
            group = self._words[word] = _Group()
        return group


def tally_of(views: Iterable[AgentView], most: int) -> Tally:
    """Of `views` in the order of a table."""
    tally = Tally(most)
    for place, view in enumerate(views):
        tally.add(view.agent, facts_of(view), place=(place, view.agent))
    return tally


class _Group:
    def __init__(self) -> None:
        self.agents = 0
        self.first: list[Place] = []

    def add(self, places: Sequence[Place], agents: int) -> None:
        self.agents += agents
        if len(self.first) < NAMED or places[0] < self.first[-1]:
            self.first = sorted([*self.first, *places])[:NAMED]


_Key = tuple[int, str, str]
"""The worst first, then by agent and code."""


class _Worst:
    """The worst of many problems. What cannot be among them is passed over, or let go from time to
    time: a heap would compare each."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[_Key, Problem, str]] = []
        self._last: _Key | None = None
        self.count = 0

    def add(self, agent: str, problem: Problem, site: str) -> None:
        self.count += 1
        key = (-problem.severity.rank, agent, problem.code)
        if self._last is not None and key > self._last:
            return
        self._kept.append((key, problem, site))
        if len(self._kept) >= 2 * self._most + 100:
            self._kept = self._first()
            self._last = self._kept[-1][0]

    def problems(self) -> tuple[Problem, ...]:
        return tuple(replace(one, agent=key[1], site=site) for key, one, site in self._first())

    def _first(self) -> list[tuple[_Key, Problem, str]]:
        return sorted(self._kept, key=itemgetter(0))[: self._most]
