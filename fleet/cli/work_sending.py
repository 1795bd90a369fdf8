"""A task and its content on their way to the hub, over links that break."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet.cli import work_output
from fleet.cli.common import note
from fleet.hub_client import AwayError, HubError, UnavailableError

if TYPE_CHECKING:
    from fleet.domain.work.task import Descriptor
    from fleet.hub_content import Reach


def submitted(reach: Reach, body: dict[str, Any]) -> Any:
    """Once, also over a link that breaks: what has an id that is known is the same task. Only what
    its content was brought for is waited for."""
    from fleet import hub_content

    def ask() -> Any:
        return reach().post("/v1/tasks", body)

    try:
        return hub_content.insisted(ask, note) if body["input"] else ask()
    except (AwayError, UnavailableError) as error:
        again = f"the same with --id {body['id']}: one task, whether it came or not"
        raise HubError(error.what, error.why, f"{error.remedy}, then {again}") from None


def uploaded(reach: Reach, files: tuple[Path, ...], where: dict[str, str]) -> list[Descriptor]:
    """An agent that asks another group sends what it names for a session of its own: a copy goes
    over the wall once a person has approved the task."""
    from fleet.contract.timestamps import ulid

    try:
        return upload(reach, files, where)
    except HubError as error:
        if error.code != "foreign-group":
            raise
    return upload(reach, files, {"context": ulid(time.time())})


def upload(reach: Reach, files: tuple[Path, ...], where: dict[str, str]) -> list[Descriptor]:
    """Files, stored at the hub for a context, which `where` names."""
    from fleet import hub_content

    found = [(path, hub_content.describe(path)) for path in files]
    with work_output.byte_bar("upload", sum(one.size for _, one in found)) as bar:
        for path, one in found:
            hub_content.upload(reach, path, one, where, bar.moved, bar.told)
    return [one for _, one in found]


def described(one: Descriptor) -> dict[str, Any]:
    """For the hub."""
    return {"digest": one.digest, "size": one.size, "media_type": one.media_type.value}
