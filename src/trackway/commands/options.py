"""What the commands share: the flags of settings, from their table; the projects database; tables for people."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.settings import ROWS, ROWS_BY_NAME, Row, Settings
from trackway.settings_sources import CONFIG_DEFAULT, load

if TYPE_CHECKING:
    from trackway.projects.database import ProjectsDatabase

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
    rows = [ROWS_BY_NAME[name] for name in names] or list(ROWS)
    config = click.option(
        "--config", metavar="FILE", help=f"TOML file of settings. [default: {CONFIG_DEFAULT} if there is one]"
    )

    def decorate(command: Any) -> Any:
        for decorator in [_option(row) for row in reversed(rows)] + [config]:
            command = decorator(command)
        return command

    return decorate


def load_flags(flags: Flags) -> Settings:
    config = flags.pop("config")
    lists = {name: ",".join(value) if value else None for name, value in flags.items() if isinstance(value, tuple)}
    return load({**flags, **lists}, config=config)


def open_database(settings: Settings) -> "ProjectsDatabase":
    """The projects database, its tables up to date."""
    from trackway.projects.database import ProjectsDatabase  # noqa: PLC0415  # half a second of imports
    from trackway.projects.migrate import migrate_if_needed  # noqa: PLC0415

    migrate_if_needed(settings.projects_at)
    return ProjectsDatabase(settings.projects_at)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns, as wide as they need: a narrow terminal breaks the line, and no key is ever cut."""
    from rich import box  # noqa: PLC0415  # 60 ms that JSON need not pay
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=10_000).print(table)


def printable(text: str) -> str:
    """What came from clients, without what a terminal takes for commands."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
