"""The two agents of a proof, made for the moment."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fleet.contract import reserved
from fleet.provisioning.dynsec import Dynsec, Refused
from fleet.provisioning.dynsec_seed import new_secret
from fleet.provisioning.enrolment import Credential, Enroller
from fleet.settings import Settings


@asynccontextmanager
async def probe_agents(
    settings: Settings, dynsec: Dynsec
) -> AsyncIterator[tuple[Credential, Credential]]:
    """Two agents as `fleet agent add` makes them, gone afterwards whatever happens."""
    enroller = Enroller(settings, dynsec, time.time)
    prober, victim = (Credential(name, name, new_secret()) for name in reserved.PROBES)
    try:
        for credential in (prober, victim):
            with contextlib.suppress(Refused):  # left by a proof that was killed
                await enroller.delete(credential)
            await enroller.create(credential)
        yield prober, victim
    finally:
        for credential in (prober, victim):
            with contextlib.suppress(Refused):
                await enroller.delete(credential)
