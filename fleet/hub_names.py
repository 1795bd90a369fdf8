"""Names of agents as a hub tells them, for whoever needs no word about any of them."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urlencode

from fleet.domain.verdict import Verdict
from fleet.hub_client import HubClient, HubError


class Names(NamedTuple):
    """In order. `total`: how many there are, told or not; `listed`: whether anybody keeps a list of
    who is enrolled."""

    names: list[str]
    total: int
    listed: bool


def names_of(
    hub: HubClient,
    prefix: str = "",
    *,
    limit: int | None = None,
    own: bool = False,
    enrolled: bool = False,
) -> Names:
    """Those that begin with `prefix`; with `own` of the hub's own site alone; with `enrolled` those
    on the list alone, where there is one. Of more than `limit` the first ones and the last one.

    Raises:
        HubError: it is away or refuses, or is of another release.
    """
    asked: dict[str, Any] = {"prefix": prefix} if prefix else {}
    asked |= {} if limit is None else {"limit": limit}
    asked |= {word: "true" for word, is_so in (("own", own), ("enrolled", enrolled)) if is_so}
    try:
        answer = hub.get(f"/v1/names{'?' if asked else ''}{urlencode(asked)}")
    except HubError as error:
        if type(error) is not HubError:
            raise
        return _of_agents(hub, prefix, own=own, enrolled=enrolled)
    with hub.reading():
        return Names([str(name) for name in answer["names"]], answer["total"], answer["listed"])


def _of_agents(hub: HubClient, prefix: str, *, own: bool, enrolled: bool) -> Names:
    """From the list of agents, which a hub of an earlier release tells."""
    answer = hub.get("/v1/agents?brief=true")
    with hub.reading():
        listed = bool(answer.get("listed", False))
        here = {one["site"] for one in answer.get("sites", ()) if one["own"]} if own else set()
        found = sorted(
            {
                str(one["agent"])
                for one in answer["agents"]
                if one["agent"].startswith(prefix)
                and not (here and one["site"] not in here)
                and not (enrolled and listed and one["state"] == Verdict.GHOST)
            }
        )
    return Names(found, len(found), listed)
