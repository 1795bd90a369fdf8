"""Whether the roles at the broker are those of this version: an older one made narrower ones."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fleet.contract.errors import FleetError
from fleet.doctor.findings import Diagnosis, Level
from fleet.provisioning.mosquitto import plan_of
from fleet.settings import Settings

CHECK = "rights"


async def examine(settings: Settings) -> AsyncIterator[Diagnosis]:
    """One finding, where this home makes the accounts; nothing is changed."""
    if not settings.broker_kind.has_enrolment or not plan_of(settings).admin_password.exists():
        return
    from fleet.provisioning import role_update
    from fleet.provisioning.connections import dynsec_of

    try:
        async with dynsec_of(settings) as dynsec:
            found = await role_update.pending(settings, dynsec)
    except FleetError as error:
        yield Diagnosis(CHECK, Level.UNKNOWN, f"{error.what}: {error.why}", error.remedy)
        return
    wider = [change.role.name for change in found if not change.narrower]
    lacking = [change.role.name for change in found if change.narrower]
    if wider:
        said = f"{_listed(wider)} may do more than this version gives"
        yield Diagnosis(CHECK, Level.CRITICAL, said, "fleet acl update")
    elif lacking:
        said = f"{_listed(lacking)} lack what this version gives: nothing that is new works there"
        yield Diagnosis(CHECK, Level.WARNING, said, "fleet acl update")
    else:
        yield Diagnosis(CHECK, Level.OK, "hub and agents may do what this version needs, no more")


def _listed(roles: list[str]) -> str:
    more = f" and {len(roles) - 3} more" if len(roles) > 3 else ""
    return f"{len(roles)} roles ({', '.join(roles[:3])}{more})"
