"""What the reference says that a container was made from: `registry/name:tag@sha256:…`."""

from __future__ import annotations

from fleet.contract.update_words import is_plain


def repository_of(reference: str) -> str:
    """The image's name, with its registry; without tag and digest."""
    name = reference.partition("@")[0]
    front, colon, tag = name.rpartition(":")
    return front if colon and "/" not in tag else name


def version_of(reference: str) -> str:
    """The tag, where it is one that can be asked for as a version; else nothing."""
    name = reference.partition("@")[0]
    tag = name[len(repository_of(reference)) + 1 :]
    return tag if is_plain(tag) else ""
