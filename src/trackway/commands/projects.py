"""`trackway project …`: projects, their keys, settings and limits. Works beside a running server."""

import json
import re
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from trackway.commands.options import JSON, load_flags, open_database, print_table, settings_options
from trackway.errors import ConfigError
from trackway.identity import SIMPLIFIED

if TYPE_CHECKING:
    from trackway.projects.project import Project


@click.group()
def project() -> None:
    """Create, list and change projects. Works beside a running server, which takes changes over at once.

    A NAME that no project has is taken for an id.
    """


@project.command("create")
@click.argument("name")
@click.option("--region", metavar="REGION", help="Residency region. [us, eu, in; default: the server's]")
@click.option(
    "--identity-mode",
    metavar="MODE",
    default=SIMPLIFIED,
    help="How ids of one person are linked, for good. [simplified, original; default: simplified]",
)
@settings_options("data_dir", "projects_url")
@JSON
def create(name: str, region: str | None, identity_mode: str, as_json: bool, **flags: Any) -> None:
    """Create the project NAME and print its keys.

    The token goes into every event that an SDK sends. The secret opens imports and exports: keep it.
    """
    settings = load_flags(flags)
    created = open_database(settings).create(name, region or settings.region, identity_mode)
    _print_project(created, as_json)


@project.command("list")
@settings_options("data_dir", "projects_url")
@JSON
def list_all(as_json: bool, **flags: Any) -> None:
    """List every project with its keys."""
    from trackway.projects.migrate import migrate_if_needed  # noqa: PLC0415  # only commands on projects need them
    from trackway.projects.reader import open_reader  # noqa: PLC0415

    at = load_flags(flags).projects_at
    migrate_if_needed(at)
    with closing(open_reader(at, patient=True)) as reader:
        projects = reader.all_projects()
    if as_json:
        click.echo(json.dumps([_fields(one) for one in projects], indent=2))
    elif projects:
        print_table(("Id", "Name", "Token", "Secret", "Region", "Identity"), [_texts(one) for one in projects])
    else:
        click.echo("No projects yet. Create one: trackway project create NAME", err=True)


@project.command("set")
@click.argument("name")
@click.argument("changes", nargs=-1, required=True, metavar="SETTING=NUMBER...")
@settings_options("data_dir", "projects_url")
@JSON
def change(name: str, changes: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Give the project NAME its own value of a setting.

    SETTING is import_requests_per_hour, export_requests_per_hour, export_concurrent_max, ingest_records_per_minute,
    ingest_bytes_per_minute or lookup_replacements_per_day. Nothing after the `=` takes the server's value again.
    """
    wanted, database = dict(map(_change, changes)), open_database(load_flags(flags))
    changed = database.change_settings(database.named(name).project_id, wanted)
    if as_json:
        click.echo(json.dumps({"project_id": changed.project_id, "settings": dict(changed.settings)}, indent=2))
    else:
        print_table(("Setting", "Value"), [(name, str(value)) for name, value in changed.settings.items()])


@project.command("show")
@click.argument("name")
@settings_options("data_dir", "projects_url")
@JSON
def show(name: str, as_json: bool, **flags: Any) -> None:
    """Print the project NAME: its keys, the old ones with their end, and its settings."""
    _show_project(open_database(load_flags(flags)).named(name), as_json)


@project.command("rotate")
@click.argument("name")
@click.option("--token", "kind", flag_value="token", help="Replace the token, which SDKs send.")
@click.option("--secret", "kind", flag_value="secret", help="Replace the secret, which opens imports and exports.")
@click.option(
    "--overlap",
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long old keys of that kind stay valid at most, such as 90s, 30m, 24h or 7d; 0 ends them at once.",
)
@settings_options("data_dir", "projects_url")
@JSON
def rotate(name: str, kind: Any, overlap: str, as_json: bool, **flags: Any) -> None:
    """Give the project NAME a new token or secret.

    The one before stays valid for the overlap time, in which its users are to be given the new one.
    """
    from trackway.projects.rotation import read_overlap_s  # noqa: PLC0415  # with half a second of imports

    if kind is None:
        raise ConfigError("say which key to rotate: --token or --secret")
    overlap_s = read_overlap_s(overlap)
    _show_project(open_database(load_flags(flags)).rotate(name, kind, overlap_s), as_json)


@project.command("identity")
@click.argument("name")
@click.argument("mode")
@settings_options("data_dir", "projects_url")
@JSON
def identity(name: str, mode: str, as_json: bool, **flags: Any) -> None:
    """Change how the project NAME links ids to MODE, simplified or original.

    Only while it has no events and no profiles of users, which the running server is asked.
    """
    from trackway.commands.emptiness import check_empty  # noqa: PLC0415
    from trackway.projects.project import check_identity_mode  # noqa: PLC0415

    settings = load_flags(flags)
    database = open_database(settings)
    found, wanted = database.named(name), check_identity_mode(mode)
    if found.identity_mode != wanted:
        check_empty(settings, found)
        found = database.change_identity_mode(found.project_id, wanted)
    _print_project(found, as_json)


@project.command("limits")
@click.argument("name")
@settings_options("data_dir", "projects_url")
@JSON
def limits(name: str, as_json: bool, **flags: Any) -> None:
    """Show how much the project NAME has used of its rate limits, on this machine.

    Retry is when the next request is let through, Reset when all that is used now is free again, both in seconds. A
    limit is the project's own, else that of the environment or the file: flags of the running server are not known.
    """
    from trackway.edge.ratelimit import uses  # noqa: PLC0415  # half a second of imports
    from trackway.edge.usage import Usage  # noqa: PLC0415

    settings = load_flags(flags)
    found = open_database(settings).named(name)
    told = [use.told() for use in uses(Usage(settings.rates_dir, None, 0), found, settings)]
    if as_json:
        click.echo(json.dumps(told, indent=2))
    else:
        rows = [["-" if value is None else str(value) for value in each.values()] for each in told]
        print_table(("Limit", "Max", "Used", "Window", "Retry", "Reset"), rows)


def _change(text: str) -> tuple[str, int | None]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[0-9]{0,18}", value):
        raise ConfigError(f"a change must be SETTING=NUMBER or SETTING=, not {text!r}")
    return name, int(value) if value else None


def _fields(one: "Project") -> dict[str, object]:
    """The fields of the JSON form, which programs rely on."""
    return {
        "project_id": one.project_id,
        "name": one.name,
        "token": one.token,
        "secret": one.secret,
        "region": one.region,
        "identity_mode": one.identity_mode,
    }


def _texts(one: "Project") -> tuple[str, ...]:
    return tuple(str(value) for value in _fields(one).values())


def _print_project(one: "Project", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_fields(one), indent=2))
    else:
        print_table(("Project", str(one.project_id)), list(zip(_fields(one), _texts(one), strict=True))[1:])


def _show_project(one: "Project", as_json: bool) -> None:
    """Everything about a project; old keys that have ended are left out."""
    now_ms = time.time_ns() // 1_000_000
    old = [(each.kind, each.key, _utc(each.until_ms)) for each in one.old_keys if each.until_ms > now_ms]
    if as_json:
        old_keys = [dict(zip(("kind", "key", "until"), each, strict=True)) for each in old]
        more = {"created": _utc(one.created_at_ms), "settings": dict(one.settings), "old_keys": old_keys}
        click.echo(json.dumps(_fields(one) | more, indent=2))
        return
    rows = [*zip(_fields(one), _texts(one), strict=True), ("created", _utc(one.created_at_ms))]
    rows += [(name, str(value)) for name, value in one.settings.items()]
    rows += [(f"old {kind}", f"{key} until {until}") for kind, key, until in old]
    print_table(("Project", str(one.project_id)), rows[1:])


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds")
