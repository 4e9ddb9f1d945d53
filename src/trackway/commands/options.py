"""What the commands share: the flags of settings, from their table; the projects database; tables for people."""

import getpass
import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.domain.errors import ConfigError
from trackway.projects.audit import Author
from trackway.settings.groups import GROUPS, OTHERS, heading_of
from trackway.settings.sources import CONFIG_DEFAULT, load
from trackway.settings.table import ROWS_BY_NAME, Row, Settings, shown

if TYPE_CHECKING:
    from trackway.projects.database import ProjectsDatabase
    from trackway.projects.project import Project

Flags = dict[str, Any]

JSON: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _option(row: Row) -> Callable[[Any], Any]:
    """The flag of one setting. Its text is parsed and checked with the settings, as every source's is."""
    values = f"{row.values}; " if row.choices or row.kind == "number" else ""
    text = f"{row.help} [{values}default: {row.default_text}]"
    if row.kind == "switch":
        return click.option(f"{row.flag}/--no-{row.flag[2:]}", row.name, default=None, help=text)
    metavar = {"number": "NUMBER", "list": "LIST", "path": "PATH"}.get(row.kind, "TEXT")
    return click.option(row.flag, row.name, metavar=metavar, multiple=row.kind == "list", help=text)


def settings_options(*names: str) -> Callable[[Any], Any]:
    """`--config` and the flags of these settings, all of them when none is named."""
    config = click.option(
        "--config", metavar="FILE", help=f"TOML file of settings. [default: {CONFIG_DEFAULT} if it exists]"
    )
    flags = flags_of(*(names or ROWS_BY_NAME))
    return lambda command: config(flags(command))


class GroupedCommand(click.Command):
    """A command with the flags of all settings: its help shows them in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        found: dict[str, list[tuple[str, str]]] = {"Options": [], **{group.heading: [] for group in GROUPS}, OTHERS: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                found[heading_of(parameter.name or "") or "Options"].append(record)
        for heading, records in ((heading, records) for heading, records in found.items() if records):
            with formatter.section(heading):
                formatter.write_dl(records)


def flags_of(*names: str) -> Callable[[Any], Any]:
    """The flags of these settings."""
    rows = [ROWS_BY_NAME[name] for name in names]

    def decorate(command: Any) -> Any:
        for row in reversed(rows):
            command = _option(row)(command)
        return command

    return decorate


def load_flags(flags: Flags) -> Settings:
    config = flags.pop("config")
    return load(given_flags(flags), config=config)


def given_flags(flags: Flags) -> Flags:
    """The flags as `settings.sources` takes them: an option that was repeated is one text with commas."""
    lists = {name: ",".join(value) if value else None for name, value in flags.items() if isinstance(value, tuple)}
    return {**flags, **lists}


def open_database(settings: Settings) -> "ProjectsDatabase":
    """The projects database, to change it. Raises ConfigError as `bring_up_to_date` does."""
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415  # half a second of imports

    bring_up_to_date(settings)
    return ProjectsDatabase(settings.projects_at, command_line_author())


def command_line_author() -> Author:
    """The account that runs the command, as the audit names it."""
    try:
        return Author(f"{getpass.getuser()} on the command line")
    except (KeyError, OSError):  # an account without a name, as in a container
        return Author(f"account {os.getuid()} on the command line")


def all_projects(settings: Settings) -> "list[Project]":
    """Every project, by id. Raises ConfigError as `bring_up_to_date` does."""
    from trackway.projects.drivers import open_reader  # noqa: PLC0415  # only commands on projects need it

    bring_up_to_date(settings)
    with closing(open_reader(settings.projects_at, patient=True)) as reader:
        return reader.all_projects()


def bring_up_to_date(settings: Settings) -> None:
    """Migrates the projects database to this version. Raises ConfigError where there is none.

    Only `serve` creates a data directory or a database. A command with a wrong name would create one that no server
    uses, and seem to succeed.
    """
    from trackway.projects.drivers import open_reader  # noqa: PLC0415
    from trackway.projects.migrate import migrate_if_needed  # noqa: PLC0415

    at = settings.projects_at
    with closing(open_reader(at, patient=True)) as reader:
        if not reader.has_tables():
            raise ConfigError(f"no trackway data in {_nowhere(settings)}")
    migrate_if_needed(at)


def _nowhere(settings: Settings) -> str:
    if settings.projects_url:
        return f"{shown(settings.projects_url)}: start the server with it first, or correct --projects-url"
    if (settings.data_dir / "journal").is_dir():
        return f"{settings.projects_at}: name the database that the server has its projects in with --projects-url"
    return f"{settings.data_dir}: start the server on it first, or name the server's directory with --data-dir"


def say(fields: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    """What a command has done: the fields as JSON for a program, or else the sentence, if there is one."""
    if as_json:
        click.echo(json.dumps(fields, indent=2))
    elif sentence:
        click.echo(sentence)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, err: bool = False) -> None:
    """Aligned columns, as wide as needed: a narrow terminal wraps the line, and no key is ever cut."""
    from rich import box  # noqa: PLC0415  # 60 ms that JSON need not pay
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=10_000, stderr=err).print(table)


def printable(text: str) -> str:
    """A text of a client without control characters, which a terminal would obey."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
