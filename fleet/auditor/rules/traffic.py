"""traffic.*: who published what, how often, and whether the broker was told to keep it."""

from __future__ import annotations

from collections import deque
from typing import Final

from fleet.auditor.rules.rule import Clause, Rule
from fleet.contract.vocabulary import Severity

LATERAL: Final = Rule(
    "traffic.lateral",
    Severity.CRITICAL,
    Clause.LATERAL,
    "a message that has the hub at neither end, or a command or task that is not the hub's",
    "run `fleet acl test`: the broker lets an agent publish where it must not",
)
RETAINED_COMMAND: Final = Rule(
    "traffic.retained-command",
    Severity.CRITICAL,
    Clause.RETAINED_COMMANDS,
    "a retained command, broadcast, receipt, task or progress: who connects later gets it again",
    "publish an empty retained message on the topic, and find who retained it",
)
RATE: Final = Rule(
    "traffic.rate",
    Severity.WARNING,
    Clause.RATES,
    "more messages of one agent than operations need",
    "raise the agent's interval; if it is not the agent, rotate its credential",
)
CONFLICT: Final = Rule(
    "traffic.conflicting-client",
    Severity.CRITICAL,
    Clause.IDENTITY,
    "two sessions of one agent take turns: its credential is used twice",
    "rotate the agent's credential (`fleet agent rotate`)",
)

INTERVAL: Final = Rule(
    "traffic.interval",
    Severity.WARNING,
    Clause.RATES,
    "an enrolled agent announces a shorter interval than its fleet has, and may say more by it",
    "if it is meant: `interval` in fleet.toml, or `shortest_interval` in its table [traffic]",
)
VOCABULARY: Final = Rule(
    "traffic.vocabulary",
    Severity.WARNING,
    Clause.SCOPE,
    "more new names of metrics in a day than an agent has use for: names can spell anything",
    "ask who names them; `new_metrics_a_day` in [traffic] of fleet.toml is how many are tolerated",
)
CHURN: Final = Rule(
    "traffic.churn",
    Severity.WARNING,
    Clause.SCOPE,
    "what changes with a release, an edit or a restart changed more often than those come in a day",
    "look at what the field says of it; [traffic] of fleet.toml is how much is tolerated",
)
PRECISION: Final = Rule(
    "traffic.precision",
    Severity.WARNING,
    Clause.SCOPE,
    "an agent said more numbers in a day with more digits than their unit needs: digits can spell",
    "round them as a sidecar does; `exact_numbers_a_heartbeat` in [traffic] is what is tolerated",
)
BUDGET: Final = Rule(
    "traffic.budget",
    Severity.WARNING,
    Clause.SCOPE,
    "an agent said more bits in a day than its heartbeats need: values, names, order or times",
    "fewer digits and fewer metrics, as a sidecar sends them; if they are few, ask what they say",
)

ADDRESSING: Final = frozenset(("to", "peer", "inbox", "chat", "reply", "agents", "direct", "dm"))
"""Topic levels by which one agent addresses another."""

RULES: Final = (
    LATERAL, RETAINED_COMMAND, RATE, CONFLICT, INTERVAL, VOCABULARY, CHURN, PRECISION,
    BUDGET,
)  # fmt: skip

WINDOW: Final = 60.0
"""Seconds over which the rate is taken."""

MAX_IN_WINDOW: Final = 1200
"""Messages an agent and window: twenty a second, far above a beat a second with every event."""

_TURNS: Final = 4
"""Turns between the same two sessions: late messages of an old session come in once, not twice."""


class AgentTraffic:
    """What is remembered of one agent's messages, to tell floods and doubles."""

    __slots__ = ("_boots", "_count", "_reported", "_since", "agent")

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self._since = 0.0
        self._count = 0
        self._reported = False
        self._boots: deque[int] = deque(maxlen=_TURNS)

    def floods(self, at: float) -> bool:
        """Count a message; True once a window that has more than it may."""
        if at - self._since >= WINDOW or at < self._since:
            self._since, self._count, self._reported = at, 0, False
        self._count += 1
        # Many messages at one instant are a replay or a coarse clock, and say nothing of a rate.
        over = self._count > MAX_IN_WINDOW and at - self._since >= 1.0
        if over and not self._reported:
            self._reported = True
            return True
        return False

    def alternates(self, boot: int) -> bool:
        """Whether the heartbeat of session `boot` completes a back and forth of two sessions."""
        boots = self._boots
        if boots and boots[-1] == boot:
            return False
        boots.append(boot)
        if len(boots) == _TURNS and boots[0] == boots[2] and boots[1] == boots[3]:
            boots.clear()
            return True
        return False
