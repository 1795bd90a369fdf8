"""The link of a notification to what is to be done: a section of the page of alert codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fleet.contract.errors import ConfigError
from fleet.contract.vocabulary import AlertCode, HubAlertCode
from fleet.contract.web_address import is_web_address

_CODES: Final = frozenset({*AlertCode, *HubAlertCode})
"""Codes that the page has a section of; of a deployment's own nobody here knows one."""


def page_of(tables: Mapping[str, Any]) -> str:
    """Where the operators' copy of the page stands, as the settings say; empty: nowhere.

    Raises:
        ConfigError: it is no address.
    """
    page = str(tables.get("alerts", {}).get("runbooks", "")).rstrip("#")
    if page and not is_web_address(page):
        raise ConfigError(
            "[alerts] runbooks is no address",
            "it needs http:// or https://",
            'runbooks = "https://docs.example.org/fleet/reference/alerts.md" in fleet.toml',
        )
    return page


def link_to(page: str, code: str) -> str:
    """The section of `code`; empty where there is none."""
    return f"{page}#{code}" if page and code in _CODES else ""
