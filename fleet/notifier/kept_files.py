"""What all routes keep in a home, read and written at once: for who moves it into a store that
several hubs share, or back."""

from __future__ import annotations

from pathlib import Path

from fleet.contract import trusted_path
from fleet.contract.kept_file import MAX_LIST
from fleet.contract.secret_file import write_secret
from fleet.notifier.kept_state import document_name, route_name
from fleet.notifier.notifier import FOLDER


def read_all(home: Path) -> dict[str, str]:
    """By the names that they have in a store.

    Raises:
        OSError, UntrustedPathError: one cannot be read.
    """
    folder = home / FOLDER
    files = sorted(folder.glob("[!.]*.json")) if folder.is_dir() else []
    return {
        document_name(file.stem): trusted_path.read_bytes(file, MAX_LIST).decode() for file in files
    }


def write_all(home: Path, documents: dict[str, str]) -> None:
    """Write those of routes; what is there of others goes.

    Raises:
        OSError, UntrustedPathError: one cannot be written.
    """
    for name in read_all(home).keys() - documents.keys():
        (home / FOLDER / f"{route_name(name)}.json").unlink()
    for name, text in documents.items():
        if route := route_name(name):
            trusted_path.make_folder(home / FOLDER)
            write_secret(home / FOLDER / f"{route}.json", text)
