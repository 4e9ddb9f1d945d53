"""The command `trackway`: serving, projects, and a look at the settings.

Arguments arrive; what was asked for leaves on standard output, for people or (`--json`) for programs, and what is
wrong in one line on standard error with exit code 2. The options are generated from the settings' table. The server
and the database are imported by the commands that need them, so that `--help` stays quick.
"""

import json
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from trackway import __version__
from trackway.cli_accounts import account
from trackway.cli_options import JSON as _JSON
from trackway.cli_options import load_flags as _load
from trackway.cli_options import open_database as _database
from trackway.cli_options import print_table as _print_table
from trackway.cli_options import settings_options as _settings_options
from trackway.errors import ConfigError, StorageError
from trackway.settings import EMPTY, ROWS, Row, Settings, shown

if TYPE_CHECKING:
    from trackway.projects.project import Project

Flags = dict[str, Any]

EXIT_REFUSED: Final = 2


def main() -> NoReturn:
    """The entry point: runs the command and leaves with its exit code."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command; its exit code. Errors an operator can mend are one line on standard error, and 2."""
    try:
        code = cli.main(list(arguments), prog_name="trackway", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_REFUSED
    except click.ClickException as error:
        return _refuse(_one_line(error))
    except (ConfigError, StorageError) as error:
        return _refuse(str(error))
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT


def _refuse(message: str) -> int:
    click.echo("trackway: " + " ".join(message.split()), err=True)
    return EXIT_REFUSED


def _one_line(error: click.ClickException) -> str:
    message = error.format_message().strip().rstrip(".")
    message = message[:1].lower() + message[1:]
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else None
    return f"{message} (see '{path} --help')" if path else message


@click.group(context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="trackway", message="%(prog)s %(version)s")
def cli() -> None:
    """A self-hosted event server that speaks Mixpanel's HTTP ingestion API.

    Every option can also be given as an environment variable (TRACKWAY_DATA_DIR for --data-dir) or in a TOML file
    (data_dir). An option wins over the environment, that over the file.
    """


@cli.command()
@_settings_options()
def serve(**flags: Any) -> int:
    """Run the server until it gets SIGTERM or SIGINT."""
    settings = _load(flags)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's algebra is not used, and threads must not be forked
    from trackway.supervisor import serve as run_server  # noqa: PLC0415  # the whole server

    return run_server(settings)


@cli.command()
@_settings_options()
@_JSON
def config(as_json: bool, **flags: Any) -> None:
    """Print every setting, its value, and where the value came from.

    Takes the options of `serve`, to show what the server would run with. Passwords are masked.
    """
    settings = _load(flags)
    if as_json:
        rows = {row.name: {"value": _plain(settings, row), "source": settings.source(row.name)} for row in ROWS}
        click.echo(json.dumps(rows, indent=2))
    else:
        values = [(row.name, shown(getattr(settings, row.name)) or "-", settings.source(row.name)) for row in ROWS]
        _print_table(("Setting", "Value", "From"), values)


def _plain(settings: Settings, row: Row) -> object:
    value = getattr(settings, row.name)
    if row.kind in ("text", "path"):
        return shown(value)
    return list(value) if row.kind == "list" else value


cli.add_command(account)


@cli.group()
def project() -> None:
    """Create, list and change projects. Works beside a running server, which takes changes over at once."""


@project.command("create")
@click.argument("name")
@click.option("--region", metavar="REGION", help="Residency region. [us, eu, in; default: the server's]")
@_settings_options("data_dir", "projects_url")
@_JSON
def project_create(name: str, region: str | None, as_json: bool, **flags: Any) -> None:
    """Create the project NAME and print its keys.

    The token goes into every event that an SDK sends. The secret opens imports and exports: keep it.
    """
    settings = _load(flags)
    created = _database(settings).create(name, region or settings.region)
    _print_project(created, as_json)


@project.command("list")
@_settings_options("data_dir", "projects_url")
@_JSON
def project_list(as_json: bool, **flags: Any) -> None:
    """List every project with its keys."""
    from trackway.projects.migrate import migrate_if_needed  # noqa: PLC0415  # only commands on projects need them
    from trackway.projects.reader import open_reader  # noqa: PLC0415

    at = _load(flags).projects_at
    migrate_if_needed(at)
    with closing(open_reader(at, patient=True)) as reader:
        projects = reader.all_projects()
    if as_json:
        click.echo(json.dumps([_fields(one) for one in projects], indent=2))
    elif projects:
        _print_table(("Id", "Name", "Token", "Secret", "Region"), [_texts(one) for one in projects])
    else:
        click.echo("No projects yet. Create one: trackway project create NAME", err=True)


@project.command("set")
@click.argument("project_id", type=int)
@click.argument("changes", nargs=-1, required=True, metavar="SETTING=NUMBER...")
@_settings_options("data_dir", "projects_url")
@_JSON
def project_set(project_id: int, changes: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Give a project its own value of a setting.

    SETTING is import_requests_per_hour, export_requests_per_hour or export_concurrent_max. Nothing after the `=`
    takes the server's value again.
    """
    changed = _database(_load(flags)).change_settings(project_id, dict(map(_change, changes)))
    if as_json:
        click.echo(json.dumps({"project_id": changed.project_id, "settings": dict(changed.settings)}, indent=2))
    else:
        _print_table(("Setting", "Value"), [(name, str(value)) for name, value in changed.settings.items()])


@project.command("show")
@click.argument("name")
@_settings_options("data_dir", "projects_url")
@_JSON
def project_show(name: str, as_json: bool, **flags: Any) -> None:
    """Print the project NAME: its keys, the old ones with their end, and its settings."""
    _show_project(_database(_load(flags)).named(name), as_json)


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
@_settings_options("data_dir", "projects_url")
@_JSON
def project_rotate(name: str, kind: Any, overlap: str, as_json: bool, **flags: Any) -> None:
    """Give the project NAME a new token or secret.

    The one before stays valid for the overlap time, in which its users are to be given the new one.
    """
    from trackway.projects.rotation import read_overlap_s  # noqa: PLC0415  # with half a second of imports

    if kind is None:
        raise ConfigError("say which key to rotate: --token or --secret")
    overlap_s = read_overlap_s(overlap)
    _show_project(_database(_load(flags)).rotate(name, kind, overlap_s), as_json)


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
    }


def _texts(one: "Project") -> tuple[str, ...]:
    return tuple(str(value) for value in _fields(one).values())


def _print_project(one: "Project", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_fields(one), indent=2))
    else:
        _print_table(("Project", str(one.project_id)), list(zip(_fields(one), _texts(one), strict=True))[1:])


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
    _print_table(("Project", str(one.project_id)), rows[1:])


def _utc(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="seconds")


_COMMANDS_HEAD: Final = """\
# Commands

This page is written by `trackway reference cli > docs/cli.md`; a test fails when it is out of date.
"""


def commands_document() -> str:
    """docs/cli.md, whole."""
    return _COMMANDS_HEAD + "".join(_help_sections(cli, "trackway", None))


def _help_sections(command: click.Command, name: str, parent: click.Context | None) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, **command.context_settings)
    sections = [f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None and not found.hidden:
                sections += _help_sections(found, inner, context)
    return sections


_SETTINGS_HEAD: Final = """\
# Settings

This page is written by `trackway reference settings > docs/settings.md`; a test fails when it is out of date.

Each setting can be given in four places, the first that names it wins:

1. a flag: `--body-bytes-max 1048576`; a switch: `--rate-limits` or `--no-rate-limits`;
   a list: commas between the elements, or the flag again for each;
2. an environment variable: `TRACKWAY_BODY_BYTES_MAX=1048576`, `TRACKWAY_RATE_LIMITS=false`; a list: commas between;
3. a TOML file: `body_bytes_max = 1048576`, `rate_limits = false`, `redirect_hosts = ["www.example.com"]`.
   It is the one that `--config FILE` or `TRACKWAY_CONFIG` names, else `trackway.toml` in the working directory;
4. the default.

An unknown key in the file and an unknown `TRACKWAY_` variable are errors. `trackway config` prints every value and
where it came from.
"""


def settings_document() -> str:
    """docs/settings.md, whole."""
    lines = [_SETTINGS_HEAD, "| Setting | Values | Default | Meaning |", "|---|---|---|---|"]
    lines += [f"| `{r.name}` | {r.values} | {_code(r.default_text)} | {r.help} |" for r in ROWS]
    return "\n".join(lines) + "\n"


def _code(default: str) -> str:
    return default if default == EMPTY else f"`{default}`"


@cli.command(hidden=True)
@click.argument("page", type=click.Choice(["cli", "settings"]))
def reference(page: str) -> None:
    """Print docs/cli.md or docs/settings.md."""
    click.echo(commands_document() if page == "cli" else settings_document(), nl=False)


if __name__ == "__main__":
    main()
