"""A process by its title, where no file of the agent's names it: the last resort."""

from __future__ import annotations

from collections.abc import Callable

from agent_sidecar.probes.processes import Table, table
from fleet.contract.named_process import owners


def only_process(
    name: str,
    user: Callable[[], int | None],
    taken: Callable[[], frozenset[int]] = frozenset,
    processes: Table | None = None,
    mine: Callable[[int], bool] = lambda _: True,
) -> int | None:
    """The one main process of that name and that user: the last resort, where no file tells.

    None where there is none, and where there are two: a guess would mix two agents.

    Args:
        user: the uid of the agent; None: it is not known, and nobody is found.
        taken: processes that are known to be of other agents.
        mine: whether a process of that name may be the agent's.
    """
    look_at, uid = processes or table(), user()
    if uid is None:
        return None
    found = {pid for pid in look_at.named(name) if owners(pid) == {uid}} - taken()
    for pid in sorted(found):
        found -= {child.pid for child in look_at.descendants(pid)}
    living = [pid for pid in found if (one := look_at.look(pid)) and not one.dead and mine(pid)]
    return living[0] if len(living) == 1 else None
