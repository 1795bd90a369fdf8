"""Prove the ACL: `fleet.acl.prover` tries with an agent's credential what must be impossible,
at each broker, against an agent that is made up and those that are there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fleet.acl.effective_rights import compare
from fleet.acl.known_agents import chosen
from fleet.acl.probe_agents import probe_agents
from fleet.acl.proof_report import Opening, ProofReport
from fleet.acl.prover import Prover
from fleet.contract import reserved
from fleet.contract.errors import ConfigError
from fleet.lock import only_one
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.enrolment import Credential
from fleet.settings import Settings

_log = logging.getLogger(__name__)


async def prove(settings: Settings) -> list[Opening]:
    """Every opening of the broker in `settings`, found with two agents made for the moment.

    For the hub's periodic self-check (`acl-open`).

    Raises:
        FleetError: the broker cannot be reached, or nothing could be judged.
    """
    report = ProofReport()
    await examine(settings, report)
    if report.left:
        _log.warning("retained messages of a proof are left on %s", ", ".join(report.left))
    return report.openings


async def examine(
    settings: Settings,
    report: ProofReport,
    credential: Credential | None = None,
    victims: Sequence[str] = (),
) -> None:
    """`prove`, and what every account of the broker may do against what it should, into `report`:
    what is in it holds also where this is broken off.

    With an agent's own `credential` that is what tries; its client id is bound to the account, so
    a sidecar that runs is pushed out meanwhile. Where fleet makes no accounts nothing else can
    try, and what other accounts may do is not known; so it is tried against agents of the list,
    too, or against `victims`.

    Raises:
        FleetError: as `prove`.
    """
    with only_one(settings.home / "acl-proof.lock", "a proof of the ACL"):
        await _examine(settings, credential, victims, report)


async def examine_each(
    settings: Settings,
    report: ProofReport,
    credential: Credential | None = None,
    victims: Sequence[str] = (),
) -> None:
    """`examine` at every broker of the settings, into one `report`.

    Raises:
        FleetError: as `prove`; what is open at one of them is not hidden by the other.
    """
    for place in settings.at_each():
        await examine(place, report, credential, victims)
    report.openings[:] = dict.fromkeys(report.openings)
    report.agents[:] = dict.fromkeys(report.agents)
    report.against[:] = dict.fromkeys(report.against)


async def _examine(
    settings: Settings,
    credential: Credential | None,
    asked: Sequence[str],
    report: ProofReport,
) -> None:
    known = chosen(settings, credential.agent if credential else "", asked)
    report.others = known.others
    if not settings.broker_kind.has_enrolment:
        if credential is None:
            raise ConfigError(
                "the ACL of this broker is tried with an agent's own account",
                f"broker_kind is {settings.broker_kind}: fleet makes no accounts there",
                "fleet acl test --agent NAME --agent-password-file FILE",
            )
        await Prover(settings, None, credential, [reserved.PROBES[1]], report).run(known.names)
        return
    async with dynsec_of(settings) as dynsec:
        async with probe_agents(settings, dynsec) as (prober, victim):
            proof = Prover(settings, dynsec, credential or prober, [victim.agent], report)
            await proof.run(known.names)
        await compare(settings, dynsec, report)
