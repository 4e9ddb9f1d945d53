"""The command `trackway`: serving, a look at the settings, and the groups of `commands`.

Arguments arrive; what was asked for leaves on standard output, for people or (`--json`) for programs, and what is
wrong in one line on standard error with exit code 2. The options are generated from the settings' table. The server
and the database are imported by the commands that need them, so that `--help` stays quick.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import click

from trackway import __version__
from trackway.commands.accounts import account
from trackway.commands.admin import admin
from trackway.commands.identity import identity
from trackway.commands.lookup_tables import lookup_table
from trackway.commands.options import JSON, load_flags, print_table, settings_options
from trackway.commands.projects import project
from trackway.commands.reference import commands_document, settings_document
from trackway.errors import ConfigError, StorageError
from trackway.settings import ROWS, Row, Settings, shown

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
@settings_options()
def serve(**flags: Any) -> int:
    """Run the server until it gets SIGTERM or SIGINT."""
    settings = load_flags(flags)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's algebra is not used, and threads must not be forked
    from trackway.supervisor import serve as run_server  # noqa: PLC0415  # the whole server

    return run_server(settings)


@cli.command()
@settings_options()
@JSON
def config(as_json: bool, **flags: Any) -> None:
    """Print every setting, its value, and where the value came from.

    Takes the options of `serve`, to show what the server would run with. Passwords are masked.
    """
    settings = load_flags(flags)
    if as_json:
        rows = {row.name: {"value": _plain(settings, row), "source": settings.source(row.name)} for row in ROWS}
        click.echo(json.dumps(rows, indent=2))
    else:
        values = [(row.name, shown(getattr(settings, row.name)) or "-", settings.source(row.name)) for row in ROWS]
        print_table(("Setting", "Value", "From"), values)


def _plain(settings: Settings, row: Row) -> object:
    value = getattr(settings, row.name)
    if row.kind in ("text", "path"):
        return shown(value)
    return list(value) if row.kind == "list" else value


for group in (account, admin, identity, lookup_table, project):
    cli.add_command(group)


@cli.command(hidden=True)
@click.argument("page", type=click.Choice(["cli", "settings"]))
def reference(page: str) -> None:
    """Print docs/cli.md or docs/settings.md."""
    click.echo(commands_document(cli) if page == "cli" else settings_document(), nl=False)


if __name__ == "__main__":
    main()
