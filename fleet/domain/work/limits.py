"""The bounds of work: nothing that comes from outside grows without one."""

from __future__ import annotations

from typing import Final

MAX_DEPTH: Final = 4
"""Steps of delegation: an agent that asks an agent that asks … ends here, not with the budget."""
MAX_CONTEXT_TASKS: Final = 1_000
"""Tasks of one context."""
MAX_QUEUED: Final = 10_000
"""Tasks of one group that wait to be claimed."""
MAX_KEPT: Final = 100_000
"""Tasks of one group in any state, until upkeep lets ended ones go."""
MAX_UNAPPROVED: Final = 100
"""Tasks of one submitter that wait for a person: nobody reads more than that."""
MAX_AFTER: Final = 32
"""Tasks that one may wait for."""
MAX_DESCRIPTORS: Final = 64
"""Inputs, or outputs, of one task."""
MAX_KINDS: Final = 64
"""Kinds that one claim may name, and that are counted apart; those beyond are counted as one."""
MAX_SIZE: Final = 2**53 - 1
"""Bytes that a descriptor may speak of: what JSON can carry; a blob's own bound is lower."""

TTLS: Final = (1.0, 90 * 86400.0)
"""Seconds that a task may live: at least one, at most a quarter."""
TIMEOUTS: Final = (1.0, 7 * 86400.0)
"""Seconds that an attempt may take."""
ATTEMPTS: Final = (1, 20)
"""Attempts that a task may ask for."""

MAX_BOARD_VERSIONS: Final = 10_000
"""Versions on one board, of all its entries together; each is kept."""
MAX_GRANTS: Final = 10_000
"""Grants given to one agent that are not over yet: of 400 uploads an hour, each for a day. To count
them takes 1 ms."""
MAX_READS: Final = 1_000_000
"""Entries of the log of reads; beyond it the oldest go before their time."""

KEPT_TOLD: Final = 30 * 86400.0
"""Seconds that an ended task stays once its submitter has acknowledged it."""
KEPT_UNTOLD: Final = 90 * 86400.0
"""Seconds that an ended task waits for a submitter that never comes."""
KEPT_READS: Final = 90 * 86400.0
"""Seconds that the log of reads goes back."""
KEPT_BLOB: Final = 7 * 86400.0
"""Seconds that a blob stays which nothing refers to."""
