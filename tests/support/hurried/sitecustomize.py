"""Shortens the minutes that somebody who gave way waits, in a real process of a test.

Python imports a module of this name at its start: put this folder first on PYTHONPATH.
"""

from fleet.contract import backoff

STEADY = 3.0

backoff.STEADY = STEADY  # type: ignore[misc]  # before anybody takes it from there
backoff.Backoff.__init__.__kwdefaults__["steady"] = STEADY

from fleet.contract import takeovers  # noqa: E402

takeovers.FIRST_RETURN = 2 * STEADY  # type: ignore[assignment]
takeovers.LAST_RETURN = 3 * STEADY  # type: ignore[assignment]

from fleet.contract import broker_choice  # noqa: E402

broker_choice.LOOK = 0.5  # type: ignore[misc]
broker_choice.WELL = STEADY
broker_choice.LONGEST_WELL = 2 * STEADY
broker_choice.LASTING = STEADY  # type: ignore[misc]
