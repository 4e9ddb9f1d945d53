"""`trackway user`: personal accounts on the command line.

These commands use the functions behind the pages (`projects.personal_account_changes`), with all permissions. They make
the first invitation, and a link for a lost password where nobody else may. They work beside a running server.
"""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.commands.account import PROJECT, ROLE, ids, shown_time
from trackway.commands.options import JSON, load_flags, open_database, print_table, say, settings_options
from trackway.commands.running_server import address_of
from trackway.projects.roles import check_role

if TYPE_CHECKING:
    from trackway.projects.account import Account
    from trackway.projects.database import ProjectsDatabase
    from trackway.projects.personal_account import AccountLink
    from trackway.projects.personal_account_changes import PersonalAccounts
    from trackway.projects.second_factor_changes import SecondFactors

_LINKS: Final = "/app/account-links/"
_URL: Final = click.option(
    "--url", metavar="URL", help="The server as people reach it. [default: the one that runs on the data directory]"
)


@click.group()
def user() -> None:
    """Manage the personal accounts of people on the web pages.

    Works beside a running server, which applies changes within two seconds.
    """


@user.command("invite")
@click.argument("email")
@PROJECT
@ROLE
@_URL
@settings_options("data_dir", "projects_url")
@JSON
def invite(email: str, named: tuple[str, ...], role: str, url: str | None, as_json: bool, **flags: Any) -> None:
    """Invite EMAIL to projects and print the link.

    The link is shown only once. It is valid once, for seven days. Somebody who has an account accepts with it.
    """
    role, settings = check_role(role), load_flags(flags)
    database = open_database(settings)
    address = address_of(settings, url)
    link, token = _people(database).invite(email, dict.fromkeys(ids(database, named), role))
    _print_link(link, f"{address}{_LINKS}{token}", as_json)


@user.command("list")
@settings_options("data_dir", "projects_url")
@JSON
def list_all(as_json: bool, **flags: Any) -> None:
    """List all personal accounts, and open invitations."""
    people = _people(open_database(load_flags(flags)))
    accounts, links = people.all(), people.links()
    if as_json:
        found = {"accounts": [_fields(one) for one in accounts], "invitations": [_link_fields(one) for one in links]}
        click.echo(json.dumps(found, indent=2))
        return
    if accounts:
        print_table(("E-mail", "Name", "Created", "State", "Roles"), [_texts(one) for one in accounts])
    if links:
        rows = [(str(one.link_id), one.email, str(shown_time(one.expires_at_ms)), _roles(one)) for one in links]
        print_table(("Invitation", "E-mail", "Expires", "Roles"), rows)
    if not accounts and not links:
        click.echo("No personal accounts yet. Invite a person: trackway user invite EMAIL --project NAME", err=True)


@user.command("uninvite")
@click.argument("invitation", type=int)
@settings_options("data_dir", "projects_url")
@JSON
def uninvite(invitation: int, as_json: bool, **flags: Any) -> None:
    """Revoke an open INVITATION by its number."""
    gone = _people(open_database(load_flags(flags))).revoke_link(invitation)
    say(_link_fields(gone), f"revoked the invitation of {gone.email}", as_json=as_json)


@user.command("reset")
@click.argument("email")
@_URL
@settings_options("data_dir", "projects_url")
@JSON
def reset(email: str, url: str | None, as_json: bool, **flags: Any) -> None:
    """Print a link with which EMAIL sets a new password.

    It is shown only once, and valid once, for a day. The old password is valid until then.
    """
    settings = load_flags(flags)
    people = _people(open_database(settings))
    address = address_of(settings, url)
    link, token = people.reset(people.named(email).account_id)
    _print_link(link, f"{address}{_LINKS}{token}", as_json)


def _change(name: str, did: str) -> "Callable[[Callable[[ProjectsDatabase, str], Account]], click.Command]":
    """A command that changes the account of EMAIL, and says what it `did`."""

    def made(change: "Callable[[ProjectsDatabase, str], Account]") -> click.Command:
        @user.command(name, help=change.__doc__)
        @click.argument("email")
        @settings_options("data_dir", "projects_url")
        @JSON
        def command(email: str, as_json: bool, **flags: Any) -> None:
            changed = change(open_database(load_flags(flags)), email)
            say(_fields(changed), f"{did} {changed.username}", as_json=as_json)

        return command

    return made


@_change("sign-out", "signed out")
def sign_out(database: "ProjectsDatabase", email: str) -> "Account":
    """End all sessions of EMAIL, within two seconds."""
    people = _people(database)
    return people.sign_out(people.named(email).account_id)


@_change("remove-second-factor", "removed the second factor of")
def remove_second_factor(database: "ProjectsDatabase", email: str) -> "Account":
    """Let EMAIL sign in by password alone.

    For somebody who lost the authenticator app and the recovery codes.
    """
    factors = _factors(database)
    factors.take_away(factors.named(email).account_id)
    return factors.named(email)


@_change("disable", "disabled")
def disable(database: "ProjectsDatabase", email: str) -> "Account":
    """Disable the account of EMAIL in all projects.

    It opens nothing within two seconds. It keeps its roles, for `enable`.
    """
    people = _people(database)
    return people.disable(people.named(email).account_id)


@_change("enable", "enabled")
def enable(database: "ProjectsDatabase", email: str) -> "Account":
    """Enable the account of EMAIL again."""
    people = _people(database)
    return people.enable(people.named(email).account_id)


@user.command("add-to-project")
@click.argument("email")
@PROJECT
@ROLE
@settings_options("data_dir", "projects_url")
@JSON
def add_to_project(email: str, named: tuple[str, ...], role: str, as_json: bool, **flags: Any) -> None:
    """Give EMAIL a role in a project.

    The role replaces the account's present role there.
    """
    people = _people(database := open_database(load_flags(flags)))
    account_id = people.named(email).account_id
    people.add([account_id], dict.fromkeys(ids(database, named), check_role(role)))
    say(_fields(people.one(account_id)) if as_json else {}, "", as_json=as_json)


@user.command("remove-from-project")
@click.argument("email")
@PROJECT
@settings_options("data_dir", "projects_url")
@JSON
def remove_from_project(email: str, named: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Remove EMAIL from a project."""
    people = _people(database := open_database(load_flags(flags)))
    account_id = people.named(email).account_id
    people.remove({project_id: [account_id] for project_id in ids(database, named)})
    say(_fields(people.one(account_id)) if as_json else {}, "", as_json=as_json)


def _people(database: "ProjectsDatabase") -> "PersonalAccounts":
    from trackway.projects.personal_account_changes import PersonalAccounts  # noqa: PLC0415  # half a second of imports

    return PersonalAccounts(database)


def _factors(database: "ProjectsDatabase") -> "SecondFactors":
    from trackway.projects.second_factor_changes import SecondFactors  # noqa: PLC0415  # as above

    return SecondFactors(database)


def _print_link(link: "AccountLink", address: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**_link_fields(link), "link": address}, indent=2))
    else:
        click.echo(address)


def _link_fields(one: "AccountLink") -> dict[str, Any]:
    """The fields of the JSON form, which programs rely on."""
    roles = {str(project_id): role for project_id, role in one.roles.items()}
    return {"invitation": one.link_id, "email": one.email, "expires": shown_time(one.expires_at_ms), "roles": roles}


def _fields(one: "Account") -> dict[str, Any]:
    """The same for an account."""
    return {
        "email": one.username,
        "name": one.person_name,
        "created": shown_time(one.created_at_ms),
        "disabled": one.expired(time.time() * 1000),
        "second_factor": one.has_second_factor,
        "roles": {str(project_id): role for project_id, role in one.roles.items()},
    }


def _texts(one: "Account") -> tuple[str, ...]:
    state = "disabled" if one.expired(time.time() * 1000) else "enabled"
    return (one.username, one.person_name or "", str(shown_time(one.created_at_ms)), state, _roles(one))


def _roles(one: "Account | AccountLink") -> str:
    return ", ".join(f"{project_id}: {role}" for project_id, role in one.roles.items()) or "-"
