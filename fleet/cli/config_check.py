"""What `fleet config check` looks at beside the settings: every file that this home's hub reads."""

from __future__ import annotations

import os
import time
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


def remarks(settings: Settings) -> Iterator[str]:
    """What is no fault, as who is named may be enrolled later, and is probably one."""
    from fleet.domain.alert_codes import AlertCodes
    from fleet.domain.window_settings import windows_of
    from fleet.provisioning.registry import Registry

    enrolled = Registry(settings.home).agents()
    if enrolled is None:
        return
    for window in windows_of(settings.tables, AlertCodes(settings.added_words()), time.time()):
        members = [one.as_member() for one in enrolled.values()]
        if window.scope and not any(member.is_of(window.scope) for member in members):
            whom = f"in {window.scope.replace(':', ' ')}"
        elif window.agent and window.agent not in enrolled:
            whom = f"as {window.agent}"
        else:
            continue
        yield f"[maintenance.{window.name}] nobody is enrolled {whom}: fleet agent list"


def parts(settings: Settings) -> Iterator[Callable[[], Any]]:
    """Each thing by itself; all raise `FleetError`."""
    from fleet.auditor.capture.recorder import Bounds
    from fleet.auditor.report import suppressions
    from fleet.bus.own_broker import witness_of
    from fleet.domain.alert_codes import AlertCodes
    from fleet.domain.capacity.settings import rules_of
    from fleet.domain.window_settings import windows_of
    from fleet.http.service import HttpService
    from fleet.keys import load_signer
    from fleet.notifier.ack_links import AckLinks
    from fleet.notifier.dead_man import target_of
    from fleet.notifier.routes import route_of
    from fleet.notifier.runbooks import page_of
    from fleet.otel.exporter import endpoint_of
    from fleet.provisioning.mosquitto import plan_of
    from fleet.provisioning.registry import Registry
    from fleet.store.retention import Retention
    from fleet.tokens import Tokens

    home, tables = settings.home, settings.tables
    yield settings.password
    yield lambda: witness_of(settings)
    for secret in (settings.key_file, settings.hub_token_file):
        if secret is not None:
            yield partial(read_secret, secret)
    for path in (settings.ca_file, settings.cert_file):
        if path is not None:
            yield partial(_readable, path)
    for name, table in tables.get("routes", {}).items():
        yield partial(route_of, name, table, home)
    yield lambda: target_of(settings)
    yield lambda: AckLinks.of(tables, home)
    yield lambda: windows_of(tables, AlertCodes(_added_words(settings)), time.time())
    yield lambda: rules_of(tables)
    yield lambda: page_of(tables)
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


def _added_words(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Those of ADRs that can be read: what is wrong with the others is told of them."""
    try:
        return settings.added_words()
    except FleetError:
        return {}


def _readable(path: Path) -> None:
    if not os.access(path, os.R_OK):
        raise ConfigError(f"the certificate file {path} cannot be read", "", f"ls -l {path}")
