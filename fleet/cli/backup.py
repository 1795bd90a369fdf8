"""`fleet backup`: a consistent copy of the store, or of all the home, under a hub that serves."""

from __future__ import annotations

import time
from pathlib import Path

import click

from fleet.cli.busy import busy
from fleet.cli.common import note
from fleet.cli.passphrase import ask
from fleet.contract.trusted_path import make_folder
from fleet.settings import Settings, load


@click.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="TARGET is a folder: add a copy named by the time, remove all but the newest N.",
)
@click.option(
    "--home", "home_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Save all of the home to FILE instead: accounts, keys, CA, broker, settings, store.",
)  # fmt: skip
@click.option("--encrypt", is_flag=True, help="With --home: ask for a passphrase and encrypt.")
@click.option(
    "--passphrase-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Encrypt, with the first line of this 0600 file.",
)  # fmt: skip
@click.option(
    "--with-outside", is_flag=True,
    help="With --home: take files along that the settings name elsewhere on this machine.",
)  # fmt: skip
@click.option("--with-blobs", is_flag=True, help="With --home: also the content of tasks.")
def backup(
    target: Path | None,
    keep: int | None,
    home_file: Path | None,
    encrypt: bool,
    passphrase_file: Path | None,
    **taken: bool,
) -> None:
    """Copy the store of FLEET_HOME to TARGET, or all of the home to a file; 0600, whole or not."""
    settings = load()
    if (target is None) == (home_file is None):
        raise click.UsageError("give TARGET for the store, or --home FILE for all (not both)")
    if home_file is not None:
        secret = ask(passphrase_file, new=True) if encrypt or passphrase_file else ""
        _save_home(settings, home_file, secret, **taken)
    elif target is not None:
        if encrypt or passphrase_file or any(taken.values()):
            raise click.UsageError("--encrypt, --with-outside and --with-blobs go with --home FILE")
        _save_store(settings, target, keep)


def _save_home(settings: Settings, path: Path, secret: str, **taken: bool) -> None:
    from fleet.home.backup import back_up

    with busy(f"saving {settings.home}"):
        saved = back_up(settings, path, time.time(), secret, **taken)
    note(f"{path} holds {saved.files} files of {settings.home}, {path.stat().st_size} bytes")
    for one in saved.outside:
        note(f"not in it: {one.path}, which {one.where} names; --with-outside takes it along")
    if not taken["with_blobs"] and any((settings.home / "blobs").glob("[!.]*/*")):
        note("not in it: the content of tasks and boards; --with-blobs takes it along")
    for name in saved.links:
        note(f"not in it: {name} is no plain file")
    if not secret:
        note("it holds every key and password of the fleet: keep it closed, or use --encrypt")


def _save_store(settings: Settings, target: Path, keep: int | None) -> None:
    from fleet.store.open import back_up

    path = target
    if keep:
        make_folder(target)
        path = target / f"fleet-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.db"
    with busy(f"copying the store to {path}"):
        back_up(settings, path)
    note(f"{path} holds {path.stat().st_size} bytes")
    if keep:
        _remove_old(path, keep)


def _remove_old(newest: Path, keep: int) -> None:
    """Leave `keep` copies, the one just made among them, whatever the clock called it."""
    others = sorted(set(newest.parent.glob("fleet-*Z.db")) - {newest})
    later = [other for other in others if other > newest]
    if later:
        note(f"{len(later)} copies are named later, as {later[-1].name}: a clock was wrong")
    for old in others[: max(0, len(others) - keep + 1)]:
        old.unlink()
