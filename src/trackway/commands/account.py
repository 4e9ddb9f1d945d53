"""`trackway account`: service accounts on the command line.

These commands use the functions behind the HTTP API (`projects.account_changes`), with all permissions. They make the
first owner. They work beside a running server.
"""

import json
import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.commands.options import JSON, load_flags, open_database, print_table, say, settings_options
from trackway.domain.errors import InvalidInput
from trackway.projects.roles import LEAST, ROLES, check_role

if TYPE_CHECKING:
    from trackway.projects.account import Account
    from trackway.projects.account_changes import ServiceAccounts
    from trackway.projects.database import ProjectsDatabase

_DAYS: Final = re.compile(r"([0-9]{1,6})d")
PROJECT: Final = click.option(
    "--project",
    "named",
    metavar="NAME",
    multiple=True,
    required=True,
    help="A project, by name or id; repeat it for several.",
)
ROLE: Final = click.option(
    "--role", metavar="ROLE", default=LEAST, help=f"Role in the project. [{', '.join(ROLES)}; default: {LEAST}]"
)


@click.group()
def account() -> None:
    """Manage service accounts and their roles.

    Works beside a running server, which applies changes within two seconds.
    """


@account.command("create")
@click.argument("name")
@PROJECT
@ROLE
@click.option(
    "--expires", metavar="WHEN", help="Days from now, such as 90d, or a date, such as 2027-01-31. [default: never]"
)
@settings_options("data_dir", "projects_url")
@JSON
def create(name: str, named: tuple[str, ...], role: str, expires: str | None, as_json: bool, **flags: Any) -> None:
    """Create an account for NAME and print its secret.

    The secret is shown only once and cannot be recovered.
    """
    role, expires_at_ms = check_role(role), _moment_ms(expires) if expires else None
    database = open_database(load_flags(flags))
    created, secret = _accounts(database).create(name, dict.fromkeys(ids(database, named), role), expires_at_ms)
    _print_with_secret(created, secret, as_json)


@account.command("list")
@settings_options("data_dir", "projects_url")
@JSON
def list_all(as_json: bool, **flags: Any) -> None:
    """List all accounts with their roles."""
    accounts = _accounts(open_database(load_flags(flags))).all()
    if as_json:
        click.echo(json.dumps([_fields(one) for one in accounts], indent=2))
    elif accounts:
        print_table(("Id", "User name", "Created", "Expires", "Roles"), [_texts(one) for one in accounts])
    else:
        click.echo("No service accounts yet. Create one: trackway account create NAME --project NAME", err=True)


@account.command("rotate")
@click.argument("account_id", type=int)
@settings_options("data_dir", "projects_url")
@JSON
def rotate(account_id: int, as_json: bool, **flags: Any) -> None:
    """Replace the secret of ACCOUNT_ID and print the new one.

    It is shown only once. The old one stops working within two seconds. To change programs one by one, create
    a second account instead, and revoke the first one at the end.
    """
    changed, secret = _accounts(open_database(load_flags(flags))).rotate(account_id)
    _print_with_secret(changed, secret, as_json)


@account.command("revoke")
@click.argument("account_id", type=int)
@settings_options("data_dir", "projects_url")
@JSON
def revoke(account_id: int, as_json: bool, **flags: Any) -> None:
    """Delete the account ACCOUNT_ID.

    Its credentials stop working within two seconds.
    """
    gone = _accounts(open_database(load_flags(flags))).revoke(account_id)
    say({"account_id": account_id, "revoked": gone.username}, f"revoked {gone.username}", as_json=as_json)


@account.command("add-to-project")
@click.argument("account_id", type=int)
@PROJECT
@ROLE
@settings_options("data_dir", "projects_url")
@JSON
def add_to_project(account_id: int, named: tuple[str, ...], role: str, as_json: bool, **flags: Any) -> None:
    """Give ACCOUNT_ID a role in a project.

    The role replaces the account's present role there.
    """
    accounts = _accounts(database := open_database(load_flags(flags)))
    accounts.add([account_id], dict.fromkeys(ids(database, named), check_role(role)))
    say(_fields(accounts.one(account_id)) if as_json else {}, "", as_json=as_json)


@account.command("remove-from-project")
@click.argument("account_id", type=int)
@PROJECT
@settings_options("data_dir", "projects_url")
@JSON
def remove_from_project(account_id: int, named: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Remove ACCOUNT_ID from a project."""
    accounts = _accounts(database := open_database(load_flags(flags)))
    accounts.remove({project_id: [account_id] for project_id in ids(database, named)})
    say(_fields(accounts.one(account_id)) if as_json else {}, "", as_json=as_json)


def _print_with_secret(one: "Account", secret: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**_fields(one), "secret": secret}, indent=2))
    else:
        rows = list(zip(_fields(one), _texts(one), strict=True))[1:]
        print_table(("Account", str(one.account_id)), [*rows, ("secret", secret)])


def _accounts(database: "ProjectsDatabase") -> "ServiceAccounts":
    from trackway.projects.account_changes import ServiceAccounts  # noqa: PLC0415  # half a second of imports

    return ServiceAccounts(database)


def ids(database: "ProjectsDatabase", named: Iterable[str]) -> list[int]:
    return [database.named(name).project_id for name in named]


def _moment_ms(text: str) -> int:
    days = _DAYS.fullmatch(text)
    try:
        if days:
            return int((datetime.now(UTC) + timedelta(days=int(days[1]))).timestamp() * 1000)
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"expires must be days, such as 90d, or a date, such as 2027-01-31, not {text!r}") from error


def _fields(one: "Account") -> dict[str, Any]:
    """The fields of the JSON form, which programs rely on."""
    return {
        "account_id": one.account_id,
        "username": one.username,
        "created": shown_time(one.created_at_ms),
        "expires": shown_time(one.expires_at_ms),
        "roles": {str(project_id): role for project_id, role in one.roles.items()},
    }


def _texts(one: "Account") -> tuple[str, ...]:
    roles = ", ".join(f"{project_id}: {role}" for project_id, role in one.roles.items())
    expires = shown_time(one.expires_at_ms) or "-"
    expired = " (expired)" if one.expired(time.time() * 1000) else ""
    return (str(one.account_id), one.username, str(shown_time(one.created_at_ms)), expires + expired, roles or "-")


def shown_time(time_ms: int | None) -> str | None:
    if time_ms is None:
        return None
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
