"""`fleet export`: configuration for Prometheus, Alertmanager, Grafana, compose, AsyncAPI."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from fleet.cli.common import note, with_settings
from fleet.contract import trusted_path
from fleet.contract.errors import ConfigError
from fleet.settings import Settings

WHAT: Final = ("prometheus", "alertmanager", "grafana", "compose", "asyncapi")


@click.command()
@click.argument("what", type=click.Choice(WHAT))
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Where the files go; made if absent, files of the same name replaced.",
)
@click.option("--webhook", metavar="URL", help="Where Alertmanager posts alerts.")
@with_settings("home", "http", "prefix", "manager", "adr")
def export(settings: Settings, what: str, directory: Path, webhook: str | None) -> None:
    """Write configuration for WHAT into a directory; prints each file.

    prometheus and compose hold a token of the role scraper, in a file of mode 0600.

    asyncapi holds the JSON Schemas too: this deployment's topics, and the words of its own ADRs.
    """
    try:
        for path in _write(_contents(settings, what, webhook), directory):
            click.echo(path)
    except OSError as error:
        why = error.strerror or ""
        raise ConfigError(f"{directory} cannot be written", why, f"ls -ld {directory}") from None
    if what in ("prometheus", "compose"):
        _hand_token(settings, directory / "prometheus" if what == "compose" else directory, what)


def _hand_token(settings: Settings, folder: Path, what: str) -> None:
    """Put the scraper's token beside its configuration, or say how where the hub is elsewhere."""
    from fleet.integrations.prometheus import ACCOUNT, TOKEN, is_here

    path = folder / TOKEN
    if not is_here(_target(settings)):
        note("Scraping takes a token. Make it on the hub's machine, for a file here, mode 0600:")
        note(f"fleet token create --role scraper, into {path}")
        return
    if _keep_or_make(settings, path):
        click.echo(path)
    owner = f"{ACCOUNT}" if what == "compose" else "prometheus"
    note(f"{path} is closed to others: if Prometheus is not you, sudo chown {owner} {path}")


def _keep_or_make(settings: Settings, path: Path) -> bool:
    """Write a new scraper's token to `path`, unless it holds one that is good; whether it did."""
    from fleet.contract.timestamps import timestamp
    from fleet.tokens import Principal, Role, Tokens

    tokens = Tokens(settings.home)
    with suppress(OSError, UnicodeDecodeError):
        held = tokens.principal(trusted_path.read_text(path).strip())
        if held is not None and held.role is Role.SCRAPER:
            return False
    secret, _ = tokens.create(Principal(Role.SCRAPER), timestamp(time.time()))
    trusted_path.write_text(path, secret, 0o600)
    return True


def _contents(settings: Settings, what: str, webhook: str | None) -> Mapping[str, str]:
    """What each file holds, by its path below the directory."""
    target = _target(settings)
    if what == "prometheus":
        from fleet.integrations import prometheus

        return prometheus.files(target)
    if what == "alertmanager":
        from fleet.integrations import alertmanager

        return alertmanager.files(webhook)
    if what == "grafana":
        from fleet.integrations import grafana

        return grafana.files()
    if what == "compose":
        from fleet.integrations import compose

        return compose.files(target, webhook)
    from fleet.contract.generate import files

    return files(settings.topics, settings.added_words())


def _target(settings: Settings) -> str:
    """The hub's host and port as a scraper on this machine reaches it."""
    host = settings.http_host
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"[{host}]:{settings.http_port}" if ":" in host else f"{host}:{settings.http_port}"


def _write(contents: Mapping[str, str], directory: Path) -> list[Path]:
    written = []
    for name, text in contents.items():
        path = directory / name
        trusted_path.make_folder(path.parent, 0o755)
        trusted_path.write_text(path, text)
        written.append(path)
    return written
