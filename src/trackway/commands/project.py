"""`trackway project …`: projects, their keys, settings and limits. Works beside a running server."""

import json
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.commands.options import (
    JSON,
    all_projects,
    load_flags,
    open_database,
    print_table,
    say,
    settings_options,
)
from trackway.commands.retention import confirmed, read_retentions
from trackway.commands.running_server import URL, region_of, server_of
from trackway.commands.shown_project import fields_of, print_project, show_project, utc
from trackway.domain.data_age import SERVERS_WORD, shown_retention
from trackway.domain.errors import InvalidInput
from trackway.domain.identity_mode import SIMPLIFIED
from trackway.domain.time_zone import MONDAY, UTC_NAME
from trackway.projects.audit import Note

if TYPE_CHECKING:
    from trackway.projects.project import Project

_HEADS: Final = {
    "project_id": "Id",
    "name": "Name",
    "token": "Token",
    "secret": "Secret",
    "region": "Region",
    "identity_mode": "Identity",
    "time_zone": "Time zone",
    "week_start": "Week start",
}


_ZONE_HELP: Final = "Time zone of the pages' times and days: an IANA name, such as Europe/Berlin."
_WEEK_HELP: Final = "First day of a week. [monday, sunday{default}]"


def _day_options(time_zone: str | None = None, week_start: str | None = None) -> Callable[[Any], Any]:
    """`--time-zone` and `--week-start`, with these defaults."""
    zone_help = f"{_ZONE_HELP} [default: {time_zone}]" if time_zone else _ZONE_HELP
    week_help = _WEEK_HELP.format(default=f"; default: {week_start}" if week_start else "")

    def decorate(command: Any) -> Any:
        command = click.option("--week-start", metavar="DAY", default=week_start, help=week_help)(command)
        return click.option("--time-zone", metavar="ZONE", default=time_zone, help=zone_help)(command)

    return decorate


def _retention_options(command: Any) -> Any:
    """`--event-retention` and `--profile-retention`."""
    profile_help = "Days to keep a profile after it was last seen or changed, or 'forever'. [default: forever]"
    event_help = f"Days to keep events, 'forever', or '{SERVERS_WORD}' for what the server says."
    command = click.option("--profile-retention", metavar="DAYS", help=profile_help)(command)
    return click.option("--event-retention", metavar="DAYS", help=event_help)(command)


@click.group()
def project() -> None:
    """Create, list and change projects.

    Works beside a running server, which applies changes within two seconds. A NAME that no project has is read as an
    id.
    """


@project.command("create")
@click.argument("name")
@click.option("--region", metavar="REGION", help="Residency region. [us, eu, in; default: the server's]")
@click.option(
    "--identity-mode",
    metavar="MODE",
    default=SIMPLIFIED,
    help="How ids are linked; fixed from the first record on. [simplified, original; default: simplified]",
)
@_day_options(UTC_NAME, MONDAY)
@_retention_options
@settings_options("data_dir", "projects_url")
@JSON
def create(
    name: str,
    region: str | None,
    identity_mode: str,
    time_zone: str,
    week_start: str,
    event_retention: str | None,
    profile_retention: str | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Create the project NAME and print its keys.

    SDKs send the token with every event. The secret opens imports and exports; keep it private.
    """
    settings = load_flags(flags)
    placed = region or region_of(settings)
    created = open_database(settings).create(
        name, placed, identity_mode, time_zone, week_start, read_retentions(event_retention, profile_retention)
    )
    print_project(created, as_json)


@project.command("list")
@settings_options("data_dir", "projects_url")
@click.option("--secrets", is_flag=True, help="Print the secrets too.")
@JSON
def list_all(secrets: bool, as_json: bool, **flags: Any) -> None:
    """List all projects with their tokens."""
    settings = load_flags(flags)
    found = all_projects(settings)
    projects = [fields_of(one) for one in found]
    if secrets and found:
        open_database(settings).note(*(Note("key shown", one.project_id, "token and secret") for one in found))
    for one in () if secrets else projects:
        del one["secret"]
    if as_json:
        click.echo(json.dumps(projects, indent=2))
    elif projects:
        heads = [_HEADS[name] for name in projects[0]]
        print_table(heads, [[str(value) for value in one.values()] for one in projects])
    else:
        click.echo("No projects yet. Create one: trackway project create NAME", err=True)


@project.command("set")
@click.argument("name")
@click.argument("changes", nargs=-1, metavar="[SETTING=NUMBER...]")
@_day_options()
@_retention_options
@click.option("--yes", is_flag=True, help="Delete what a shorter retention does not keep, without a question.")
@click.option("--dry-run", is_flag=True, help="Print what the retention would delete, and change nothing.")
@settings_options("data_dir", "projects_url")
@JSON
def change(
    name: str,
    changes: tuple[str, ...],
    time_zone: str | None,
    week_start: str | None,
    event_retention: str | None,
    profile_retention: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Change the settings of the project NAME.

    SETTING is import_requests_per_hour, export_requests_per_hour, export_concurrent_max, report_requests_per_hour,
    report_concurrent_max, ingest_records_per_minute, ingest_bytes_per_minute or lookup_replacements_per_day. `SETTING=`
    restores the server's value.

    A shorter retention deletes what is older. The running server is asked how much that is, and `yes` must be typed.
    """
    kept = read_retentions(event_retention, profile_retention)
    if not changes and time_zone is None and week_start is None and not kept:
        raise InvalidInput(
            "say what to change: SETTING=NUMBER, --time-zone, --week-start, --event-retention or --profile-retention"
        )
    settings = load_flags(flags)
    wanted, database = dict(map(_change, changes)), open_database(settings)
    found = database.named(name)
    if (kept or dry_run) and not confirmed(settings, found, kept, yes=yes, dry_run=dry_run, as_json=as_json):
        return
    changed = database.change_settings(found.project_id, wanted, time_zone=time_zone, week_start=week_start, kept=kept)
    days: dict[str, Any] = {"time_zone": changed.time_zone, "week_start": changed.week_start}
    days |= {each: shown_retention(getattr(changed, each)) for each in kept}
    if as_json:
        fields = {"project_id": changed.project_id, **days, "settings": dict(changed.settings)}
        click.echo(json.dumps(fields, indent=2))
    else:
        values = {**days, **changed.settings}
        print_table(("Setting", "Value"), [(name, str(value)) for name, value in values.items()])


@project.command("rename")
@click.argument("name")
@click.argument("new_name")
@settings_options("data_dir", "projects_url")
@JSON
def rename(name: str, new_name: str, as_json: bool, **flags: Any) -> None:
    """Give the project NAME the name NEW_NAME.

    Its id, keys and data stay.
    """
    database = open_database(load_flags(flags))
    found = database.named(name)
    _print_described(database.describe(found.project_id, new_name, found.description), as_json)


@project.command("describe")
@click.argument("name")
@click.argument("description")
@settings_options("data_dir", "projects_url")
@JSON
def describe(name: str, description: str, as_json: bool, **flags: Any) -> None:
    """Describe the project NAME.

    The empty text '' takes the description away.
    """
    database = open_database(load_flags(flags))
    found = database.named(name)
    _print_described(database.describe(found.project_id, found.name, description), as_json)


@project.command("archive")
@click.argument("name")
@settings_options("data_dir", "projects_url")
@JSON
def archive(name: str, as_json: bool, **flags: Any) -> None:
    """Let the project NAME take nothing any more.

    Token and secret open nothing, and what is sent with them is lost. People read its pages as before. `trackway
    project unarchive` takes it up again, with the same keys.
    """
    _archived(name, as_json, flags, archived=True)


@project.command("unarchive")
@click.argument("name")
@settings_options("data_dir", "projects_url")
@JSON
def unarchive(name: str, as_json: bool, **flags: Any) -> None:
    """Take the archived project NAME up again.

    Its keys open again what they opened.
    """
    _archived(name, as_json, flags, archived=False)


@project.command("delete")
@click.argument("name")
@click.option("--yes", "typed", metavar="NAME", help="The name of the project as it is, instead of typing it.")
@settings_options("data_dir", "projects_url")
@JSON
def delete(name: str, typed: str | None, as_json: bool, **flags: Any) -> None:
    """Delete the project NAME for good.

    Nobody finds it any more, and its keys, members and shared links end. Its name is free at once. The server
    erases all of its data. The name must be typed, or given with --yes.
    """
    database = open_database(load_flags(flags))
    found = database.named(name)
    if typed is None and not sys.stdin.isatty():
        raise InvalidInput("nobody is there to type the name of the project: give it with --yes")
    if typed is None:
        click.echo(f"This deletes the project {found.name!r}, id {found.project_id}, for good.", err=True)
        typed = click.prompt("Type its name", err=True, default="", show_default=False)
    database.delete(found.project_id, typed)
    fields = {"project_id": found.project_id, "deleted": found.name}
    say(fields, f"deleted {found.name}, id {found.project_id}", as_json=as_json)


def _archived(name: str, as_json: bool, flags: dict[str, Any], *, archived: bool) -> None:
    database = open_database(load_flags(flags))
    _print_described(database.archive(database.named(name).project_id, archived=archived), as_json)


def _print_described(one: "Project", as_json: bool) -> None:
    """What a change made of a project, without its keys."""
    ended_ms = one.archived_at_ms
    archived = None if ended_ms is None else utc(ended_ms)
    fields = {"project_id": one.project_id, "name": one.name, "description": one.description, "archived": archived}
    if as_json:
        click.echo(json.dumps(fields, indent=2))
    else:
        rows = [(name, "-" if value in (None, "") else str(value)) for name, value in fields.items()]
        print_table(("Project", str(one.project_id)), rows[1:])


@project.command("show")
@click.argument("name")
@settings_options("data_dir", "projects_url")
@JSON
def show(name: str, as_json: bool, **flags: Any) -> None:
    """Print the keys and settings of the project NAME."""
    database = open_database(load_flags(flags))
    found = database.named(name)
    database.note(Note("key shown", found.project_id, "token and secret"))
    show_project(found, as_json)


@project.command("rotate")
@click.argument("name")
@click.option("--token", "kind", flag_value="token", help="Replace the token.")
@click.option("--secret", "kind", flag_value="secret", help="Replace the secret.")
@click.option(
    "--overlap",
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long old keys of that kind stay valid, such as 90s, 30m, 24h or 7d; 0 ends them at once.",
)
@settings_options("data_dir", "projects_url")
@JSON
def rotate(name: str, kind: Any, overlap: str, as_json: bool, **flags: Any) -> None:
    """Give the project NAME a new token or secret.

    The old key stays valid for the overlap time. Give your clients the new one meanwhile.
    """
    from trackway.projects.key_rotation import read_overlap_s  # noqa: PLC0415  # with half a second of imports

    if kind is None:
        raise InvalidInput("say which key to rotate: --token or --secret")
    overlap_s = read_overlap_s(overlap)
    show_project(open_database(load_flags(flags)).rotate(name, kind, overlap_s), as_json)


@project.command("identity")
@click.argument("name")
@click.argument("mode")
@settings_options("data_dir", "projects_url")
@JSON
def identity(name: str, mode: str, as_json: bool, **flags: Any) -> None:
    """Set the identity mode of the project NAME.

    MODE is simplified or original. It can change only while the project has no events and no user profiles; the running
    server is asked.
    """
    from trackway.commands.preconditions import check_empty  # noqa: PLC0415
    from trackway.projects.project import check_identity_mode  # noqa: PLC0415

    settings = load_flags(flags)
    database = open_database(settings)
    found, wanted = database.named(name), check_identity_mode(mode)
    if found.identity_mode != wanted:
        check_empty(settings, found)
        found = database.change_identity_mode(found.project_id, wanted)
    print_project(found, as_json)


@project.command("limits")
@click.argument("name")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def limits(name: str, url: str | None, as_json: bool, **flags: Any) -> None:
    """Show how much of its rate limits the project NAME has used.

    Asks the running server. Retry is the time until the next request is accepted, Reset the time until everything used
    now is free again.
    """
    uses = server_of(load_flags(flags), name, url).ask("GET", "/api/app/rate-limits")["results"]
    if as_json:
        click.echo(json.dumps(uses, indent=2))
    else:
        print_table(("Limit", "Max", "Used", "Window", "Retry", "Reset"), [_use(**each) for each in uses])


def _use(
    limit: str, max: int | None, used: int, window_s: int | None, retry_after_s: int, reset_s: int
) -> tuple[str, ...]:
    most = "no limit" if max is None else str(max)
    window = "-" if window_s is None else f"{window_s} s"
    return limit, most, str(used), window, f"{retry_after_s} s", f"{reset_s} s"


def _change(text: str) -> tuple[str, int | None]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[0-9]{0,18}", value):
        raise InvalidInput(f"a change must be SETTING=NUMBER or SETTING=, not {text!r}")
    return name, int(value) if value else None
