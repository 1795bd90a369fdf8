"""`fleet restore`: put a copy of the store back, or a whole home."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleet.cli.busy import busy
from fleet.cli.common import note
from fleet.cli.passphrase import ask
from fleet.contract.errors import ConfigError
from fleet.settings import Settings, load

if TYPE_CHECKING:
    from fleet.home.new_place import NewPlace


@click.command()
@click.argument(
    "copy", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False
)
@click.option(
    "--home", "home_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="A file that fleet backup --home wrote: make the whole home.",
)  # fmt: skip
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Where the home is made, a folder that is empty or not there; FLEET_HOME if unsaid.",
)  # fmt: skip
@click.option(
    "--passphrase-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="0600 file with the passphrase of an encrypted one; it is asked for if unsaid.",
)  # fmt: skip
@click.option(
    "--broker-name", default="", metavar="HOST",
    help="Name or address of the home's own broker from now on; its certificate is renewed.",
)  # fmt: skip
@click.option("--bind", default="", metavar="ADDRESS", help="Where agents reach that broker.")
@click.option(
    "--broker-url", default="", metavar="URL",
    help="Where the hub reaches its broker from now on, as mqtts://zephyr@broker:8883.",
)  # fmt: skip
@click.option(
    "--password-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="0600 file with the hub's password at --broker-url.",
)  # fmt: skip
@click.option(
    "--keep-password", is_flag=True, help="--broker-url is the broker of before: same password."
)
def restore(
    copy: Path | None,
    home_file: Path | None,
    to: Path | None,
    passphrase_file: Path | None,
    **of_broker: Any,
) -> None:
    """Make COPY, which `fleet backup` wrote, the store of FLEET_HOME; or make a whole home anew.

    COPY is checked first, and the hub must be stopped. The store that was there is kept as
    fleet.sqlite3.before. A home is never written over one that is there.
    """
    if (copy is None) == (home_file is None):
        raise click.UsageError("give COPY for the store, or --home FILE for all (not both)")
    if copy is not None:
        if to or passphrase_file or any(of_broker.values()):
            raise click.UsageError("--to and what is new of the broker go with --home FILE")
        _require_kind(copy, whole=False)
        _put_back(load(), copy)
    elif home_file is not None:
        _require_kind(home_file, whole=True)
        _make(home_file, to, passphrase_file, _place(**of_broker))


def _place(
    broker_name: str, bind: str, broker_url: str, password_file: Path | None, keep_password: bool
) -> NewPlace:
    """
    Raises:
        ConfigError: the address is none, or the password cannot be read.
    """
    from fleet.contract.broker_url import BrokerUrl
    from fleet.contract.secret_file import read_password
    from fleet.home.new_place import NewPlace

    if (password_file or keep_password) and not broker_url:
        raise click.UsageError("--password-file and --keep-password go with --broker-url")
    url = BrokerUrl.parse(broker_url) if broker_url else None
    secret = read_password(password_file) if password_file else ""
    return NewPlace(broker_name, bind, url, secret, keep_password)


def _require_kind(file: Path, *, whole: bool) -> None:
    """
    Raises:
        ConfigError: the file is of the other kind of backup.
    """
    from fleet.home.restore import is_home, is_store

    if not whole and is_home(file):
        remedy = f"fleet restore --home {file} --to DIR"
        raise ConfigError(f"{file} is a whole home, not a copy of a store", "", remedy)
    if whole and is_store(file):
        remedy = f"fleet restore {file}"
        raise ConfigError(f"{file} is a copy of a store, not a whole home", "", remedy)


def _put_back(settings: Settings, copy: Path) -> None:
    from fleet.store.open import put_back

    with busy(f"putting {copy} back"):
        before = put_back(settings, copy)
    note(f"{copy} is the store now" + (f"; the one before is {before}" if before else ""))
    note("Try: fleet serve")


def _make(file: Path, to: Path | None, passphrase_file: Path | None, place: NewPlace) -> None:
    from fleet.home.restore import restore as make
    from fleet.provisioning import home

    folder = to or load().home
    with busy(f"making {folder} of {file}") as sign:
        secret = partial(sign.aside, lambda: ask(passphrase_file, new=False))
        made = make(file, folder, time.time(), place, secret)
    note(f"{folder} is the home that was saved at {made.head.made} (fleet {made.head.fleet})")
    for one in made.findings:
        if not one.good:
            note(f"{one.part} is {one.state}: {one.meaning}. Try: {one.remedy}")
    for line in made.notes:
        note(line)
    note("whoever was revoked after that can connect again: fleet agent revoke NAME")
    settings = load({"home": str(folder)})
    if settings.store is None:
        note("stop the hub and the broker of the old home first: one fleet has one of each")
    else:
        note(f"the old home may serve on: both keep to {settings.store}, and one of them leads")
        note("a broker of the old machine's own is not here: broker in fleet.toml")
    here = "" if folder == load().home else f"export FLEET_HOME={folder.absolute()}; "
    broker = "fleet broker up, then " if home.runs_broker(settings) else ""
    note(f"Try: {here}{broker}fleet serve, then fleet doctor")
