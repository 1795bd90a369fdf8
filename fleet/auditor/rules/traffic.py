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
    "a message that has the hub at neither end, or a command that is not the hub's",
    "run `fleet acl test`: the broker lets an agent publish where it must not",
)
RETAINED_COMMAND: Final = Rule(
    "traffic.retained-command",
    Severity.CRITICAL,
    Clause.RETAINED_COMMANDS,
    "a retained command, broadcast or receipt: everybody who connects later gets it again",
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

RULES: Final = (LATERAL, RETAINED_COMMAND, RATE, CONFLICT)

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
