"""What `fleet config check` looks at beside the settings: every file that this home's hub reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from fleet.contract.errors import ConfigError, FleetError
from fleet.contract.secret_file import read_secret
from fleet.settings import Settings, load
from fleet.settings import problems as settings_problems


def problems(home: str | None) -> list[FleetError]:
    """Everything that is wrong; where the settings are, nothing is looked at beyond them."""
    found: list[FleetError] = [*settings_problems({"home": home})]
    if found:
        return found
    settings = load({"home": home})
    for part in parts(settings):
        try:
            part()
        except FleetError as error:
            found.append(error)
    return found + amendment_problems(settings)


def parts(settings: Settings) -> Iterator[Callable[[], Any]]:
    """Each thing by itself; all raise `FleetError`."""
    from fleet.auditor.capture.recorder import Bounds
    from fleet.auditor.report import suppressions
    from fleet.http.service import HttpService
    from fleet.keys import load_signer
    from fleet.notifier.routes import route_of
    from fleet.otel.exporter import endpoint_of
    from fleet.provisioning.mosquitto import plan_of
    from fleet.provisioning.registry import Registry
    from fleet.store.retention import Retention
    from fleet.tokens import Tokens

    home, tables = settings.home, settings.tables
    yield settings.password
    for secret in (settings.key_file, settings.hub_token_file):
        if secret is not None:
            yield partial(read_secret, secret)
    for path in (settings.ca_file, settings.cert_file):
        if path is not None:
            yield partial(_readable, path)
    for name, table in tables.get("routes", {}).items():
        yield partial(route_of, name, table, home)
    yield lambda: Retention.of(tables.get("retention", {}))
    yield lambda: Bounds.of(tables.get("audit", {}))
    yield lambda: endpoint_of(settings)
    yield lambda: plan_of(settings)
    yield lambda: HttpService.of(settings)
    yield Registry(home).everyone
    yield Tokens(home).entries
    yield lambda: load_signer(home)
    if (own := home / suppressions.FILE_NAME).exists():
        yield lambda: suppressions.load(own)


def amendment_problems(settings: Settings) -> list[FleetError]:
    """What is wrong with the deployment's own ADRs, file by file."""
    from fleet import adr

    if settings.adr is None:
        return []
    try:
        found = adr.check(settings.adr)
        settings.added_words()
    except FleetError as error:
        return [error]
    return [
        ConfigError(f"{defect.path} is not usable", defect.what, f"fleet adr check {settings.adr}")
        for defect in found
    ]


def _readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise ConfigError(f"the certificate file {path} cannot be read", "", f"ls -l {path}")
