"""Bring a broker that runs already, with its own admin, to the fleet's rules."""

from __future__ import annotations

from pathlib import Path

from fleet.contract.secret_file import read_password, write_secret
from fleet.provisioning import acl_rules, dynsec_seed
from fleet.provisioning.acl_rules import DEFAULTS, Role
from fleet.provisioning.connections import dynsec_of
from fleet.provisioning.dynsec import Account, Dynsec, create_account, create_role
from fleet.provisioning.enrolment import NotProvenError
from fleet.provisioning.mosquitto import plan_of
from fleet.provisioning.registry import Registry
from fleet.settings import Settings


async def secure(settings: Settings, admin: str, password_file: Path) -> list[str]:
    """Deny by default, make the hub's and the admin's account; the accounts in force.

    Can be run again: accounts get the home's passwords, roles their rights.

    Raises:
        BrokerError: the broker refuses, or has no dynamic security.
        NotProvenError: it reads back differently.
    """
    plan = plan_of(settings)
    roles = {
        plan.admin_password: acl_rules.admin(settings.topics),
        plan.hub_password: acl_rules.hub(settings.topics),
    }
    async with dynsec_of(settings, account=admin, password_file=password_file) as dynsec:
        await dynsec.deny_by_default()
        for path, role in roles.items():
            if not path.exists():
                write_secret(path, f"{dynsec_seed.new_secret()}\n")
            await _establish(dynsec, role, read_password(path))
        if await dynsec.defaults() != {str(kind): allow for kind, allow in DEFAULTS.items()}:
            raise NotProvenError("the broker does not deny by default", "it reads back differently")
    registry = Registry(settings.home)
    if registry.everyone() is None:
        registry.create()
    return [role.name for role in roles.values()]


async def _establish(dynsec: Dynsec, role: Role, password: str) -> None:
    if await dynsec.role(role.name) is None:
        await dynsec.run(create_role(role))
    else:
        await dynsec.run({"command": "modifyRole", **role.document()})
    account = Account(role.name, "", (role.name,))
    if await dynsec.account(role.name) is None:
        await dynsec.run(create_account(account, password))
    else:
        change = {"command": "modifyClient", **account.document(), "password": password}
        await dynsec.run(change)
    stored = await dynsec.role(role.name)
    if stored is None or sorted(stored.rights) != sorted(role.rights):
        raise NotProvenError(f"the role {role.name} is not as it should be", "it reads back so")
