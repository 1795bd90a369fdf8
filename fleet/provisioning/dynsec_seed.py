"""The file that Mosquitto's dynamic security plugin starts from: admin, hub, and nothing open."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any, Final

from fleet.contract.topics import Topics
from fleet.provisioning import acl_rules
from fleet.provisioning.acl_rules import DEFAULTS

_ITERATIONS: Final = 101
"""The plugin's own number. Our secrets are 32 random bytes: there is nothing to guess."""


def new_secret() -> str:
    """32 random bytes, as text that needs no quoting."""
    return secrets.token_urlsafe(32)


def document(topics: Topics, admin_secret: str, hub_secret: str) -> str:
    """The plugin's `dynamic-security.json` with the two accounts of the hub's side."""
    admin, hub = acl_rules.admin(topics), acl_rules.hub(topics)
    clients = [
        {"username": role.name, "roles": [{"rolename": role.name}], **_hashed(secret)}
        for role, secret in ((admin, admin_secret), (hub, hub_secret))
    ]
    seed = {
        "defaultACLAccess": {str(kind): allow for kind, allow in DEFAULTS.items()},
        "clients": clients,
        "groups": [],
        "roles": [admin.document(), hub.document()],
    }
    return json.dumps(seed, indent=1)


def _hashed(secret: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", secret.encode(), salt, _ITERATIONS, 64)
    return {
        "password": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
    }
