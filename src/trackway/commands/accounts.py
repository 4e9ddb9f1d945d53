"""`trackway account`: service accounts on the command line.

The same functions as behind the HTTP API (`projects.accounts`), as an actor that may do everything: this is how the
first owner comes to be. Works beside a running server.
"""

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.commands.options import JSON, load_flags, open_database, print_table, settings_options
from trackway.errors import ConfigError
from trackway.projects.roles import LEAST, ROLES, check_role

if TYPE_CHECKING:
    from trackway.projects.account import Account
    from trackway.projects.accounts import ServiceAccounts
    from trackway.projects.database import ProjectsDatabase

_DAYS: Final = re.compile(r"([0-9]{1,6})d")
_PROJECT: Final = click.option(
    "--project",
    "named",
    metavar="NAME",
    multiple=True,
    required=True,
    help="A project, by its name or id; may be given again for each.",
)
_ROLE: Final = click.option(
    "--role", metavar="ROLE", default=LEAST, help=f"Role in the project. [{', '.join(ROLES)}; default: {LEAST}]"
)


@click.group()
def account() -> None:
    """Create, list and revoke service accounts, and give them roles in projects.

    Works beside a running server, which takes changes over within two seconds.
    """


@account.command("create")
@click.argument("name")
@_PROJECT
@_ROLE
@click.option("--expires", metavar="WHEN", help="Days from now, as 90d, or a date, as 2027-01-31. [default: never]")
@settings_options("data_dir", "projects_url")
@JSON
def create(name: str, named: tuple[str, ...], role: str, expires: str | None, as_json: bool, **flags: Any) -> None:
    """Create a service account for NAME and print its user name and secret.

    The secret is shown this once and cannot be recovered.
    """
    role, expires_at_ms = check_role(role), _moment_ms(expires) if expires else None
    database = open_database(load_flags(flags))
    created, secret = _accounts(database).create(name, dict.fromkeys(_ids(database, named), role), expires_at_ms)
    if as_json:
        click.echo(json.dumps({**_fields(created), "secret": secret}, indent=2))
    else:
        rows = list(zip(_fields(created), _texts(created), strict=True))[1:]
        print_table(("Account", str(created.account_id)), [*rows, ("secret", secret)])


@account.command("list")
@settings_options("data_dir", "projects_url")
@JSON
def list_all(as_json: bool, **flags: Any) -> None:
    """List every service account with its roles."""
    accounts = _accounts(open_database(load_flags(flags))).all()
    if as_json:
        click.echo(json.dumps([_fields(one) for one in accounts], indent=2))
    elif accounts:
        print_table(("Id", "User name", "Created", "Expires", "Roles"), [_texts(one) for one in accounts])
    else:
        click.echo("No service accounts yet. Create one: trackway account create NAME --project NAME", err=True)


@account.command("revoke")
@click.argument("account_id", type=int)
@settings_options("data_dir", "projects_url")
def revoke(account_id: int, **flags: Any) -> None:
    """Delete the service account ACCOUNT_ID. Its credentials open nothing from then on."""
    gone = _accounts(open_database(load_flags(flags))).revoke(account_id)
    click.echo(f"revoked {gone.username}")


@account.command("add-to-project")
@click.argument("account_id", type=int)
@_PROJECT
@_ROLE
@settings_options("data_dir", "projects_url")
def add_to_project(account_id: int, named: tuple[str, ...], role: str, **flags: Any) -> None:
    """Give the service account ACCOUNT_ID a role in a project, in place of the one it has there."""
    database = open_database(load_flags(flags))
    _accounts(database).add([account_id], dict.fromkeys(_ids(database, named), check_role(role)))


@account.command("remove-from-project")
@click.argument("account_id", type=int)
@_PROJECT
@settings_options("data_dir", "projects_url")
def remove_from_project(account_id: int, named: tuple[str, ...], **flags: Any) -> None:
    """Take the service account ACCOUNT_ID out of a project."""
    database = open_database(load_flags(flags))
    _accounts(database).remove({project_id: [account_id] for project_id in _ids(database, named)})


def _accounts(database: "ProjectsDatabase") -> "ServiceAccounts":
    from trackway.projects.accounts import ServiceAccounts  # noqa: PLC0415  # half a second of imports

    return ServiceAccounts(database)


def _ids(database: "ProjectsDatabase", named: Iterable[str]) -> list[int]:
    return [database.named(name).project_id for name in named]


def _moment_ms(text: str) -> int:
    days = _DAYS.fullmatch(text)
    try:
        if days:
            return int((datetime.now(UTC) + timedelta(days=int(days[1]))).timestamp() * 1000)
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"expires must be days, as 90d, or a date, as 2027-01-31, not {text!r}") from error


def _fields(one: "Account") -> dict[str, Any]:
    """The fields of the JSON form, which programs rely on."""
    return {
        "account_id": one.account_id,
        "username": one.username,
        "created": _shown(one.created_at_ms),
        "expires": _shown(one.expires_at_ms),
        "roles": {str(project_id): role for project_id, role in one.roles.items()},
    }


def _texts(one: "Account") -> tuple[str, ...]:
    roles = ", ".join(f"{project_id}: {role}" for project_id, role in one.roles.items())
    expires = _shown(one.expires_at_ms) or "-"
    expired = " (expired)" if one.expired(time.time() * 1000) else ""
    return (str(one.account_id), one.username, str(_shown(one.created_at_ms)), expires + expired, roles or "-")


def _shown(time_ms: int | None) -> str | None:
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
