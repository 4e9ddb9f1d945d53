"""The command `trackway`: serving, a look at the settings, and the groups of `commands`.

Results go to standard output, for people or (`--json`) for programs. An error is one line on standard error, with an
exit code: 2 for wrong arguments or settings, 1 for a valid command that cannot be done now. The options are generated
from the settings' table. A command's module is imported when the command is run, and it imports the server and the
database when it needs them.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from trackway import __version__
from trackway.commands.options import JSON, GroupedCommand, load_flags, print_table, settings_options
from trackway.domain.errors import InvalidInput, StateError, StorageError
from trackway.settings.table import ROWS, Row, Settings, shown

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
_COMMANDS: Final = {
    "account": ("account", "account"),
    "admin": ("admin", "admin"),
    "backup": ("backup", "backup"),
    "demo": ("demo", "demo"),
    "doctor": ("doctor", "doctor"),
    "export": ("export_files", "export_files"),
    "identity": ("identity", "identity"),
    "import": ("import_files", "import_files"),
    "init": ("init", "init"),
    "journal": ("journal", "journal"),
    "lookup-table": ("lookup_table", "lookup_table"),
    "migrate": ("migrate", "migrate"),
    "person": ("person", "person"),
    "project": ("project", "project"),
    "restore": ("backup", "restore"),
    "retention": ("default_retention", "retention"),
    "sql": ("sql", "sql"),
    "status": ("status", "status"),
    "store": ("store", "store"),
    "user": ("user", "user"),
}
"""By the name of a command its module in `commands`, and its name there."""


def main() -> NoReturn:
    """The entry point: runs the command and exits with its code."""
    os.umask(0o077)  # any command may be the first to write data, which is its owner's alone
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs one command; its exit code. Errors that an operator can correct are one line on standard error."""
    try:
        code = cli.main(list(arguments), prog_name="trackway", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        return _refuse(_one_line(error), error.exit_code)
    except (StateError, StorageError) as error:
        return _refuse(str(error), EXIT_FAILED)
    except InvalidInput as error:
        return _refuse(str(error), EXIT_USAGE)
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT


def _refuse(message: str, code: int) -> int:
    click.echo("trackway: " + " ".join(message.split()), err=True)
    return code


def _one_line(error: click.ClickException) -> str:
    message = error.format_message().strip().rstrip(".")
    message = message[:1].lower() + message[1:]
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else None
    return f"{message} (see '{path} --help')" if path else message


class _Commands(click.Group):
    """The commands of this module and of `commands`. To import all of them would take a third of a command's time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.commands and cmd_name in _COMMANDS:
            module, attribute = _COMMANDS[cmd_name]
            found: click.Command = getattr(import_module(f"trackway.commands.{module}"), attribute)
            if isinstance(found, click.Group):
                for inner in _of_server(cmd_name):
                    found.add_command(inner)
            self.add_command(found)
        return super().get_command(ctx, cmd_name)


def _of_server(group: str) -> Sequence[click.Command]:
    """The commands of a group that start processes of a server, which `commands` does not import."""
    if group == "journal":
        return [drain]
    if group == "store":
        from trackway.commands.store_server import store_server  # noqa: PLC0415  as its group

        return [store_server(_serve_store)]
    return []


@click.group(cls=_Commands, context_settings={"max_content_width": 100, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="trackway", message="%(prog)s %(version)s")
def cli() -> None:
    """A self-hosted event server that speaks Mixpanel's HTTP API.

    Every option can also be given as an environment variable (TRACKWAY_DATA_DIR for --data-dir) or in a TOML file
    (data_dir). An option overrides the environment, and the environment overrides the file.

    Exit codes: 0 done; 1 not possible now; 2 a wrong argument, option or setting.
    """


@cli.command(cls=GroupedCommand)
@settings_options()
def serve(**flags: Any) -> int:
    """Run the server until it gets SIGTERM or SIGINT."""
    settings = load_flags(flags)
    _import_without_threads()
    from trackway.supervisor import serve as run_server  # noqa: PLC0415  # the whole server

    return run_server(settings)


@click.command("drain")
@settings_options("data_dir", "journal_url", "store_url", "disk_free_bytes_min", "log_format", "log_level")
@JSON
def drain(as_json: bool, **flags: Any) -> None:
    """Load all that the journal holds, and note that it may be left.

    Stop the server first: this starts its loader and its store alone, so nothing new is accepted. Returns when
    everything is in the store. After that a server may start with another journal, or `trackway journal init --again`
    may replace the streams, which are empty then.
    """
    _import_without_threads()
    from trackway.commands.journal import check_there  # noqa: PLC0415  as its group
    from trackway.supervisor import drain as drain_journal  # noqa: PLC0415  # the whole server

    settings = load_flags(flags)
    check_there(settings)
    if not drain_journal(settings):
        raise StateError("the journal is not drained: run the command again")
    if as_json:
        click.echo(json.dumps({"drained": True}))
    else:
        click.echo("The journal is drained.")


@cli.command(cls=GroupedCommand)
@settings_options()
@JSON
def config(as_json: bool, **flags: Any) -> None:
    """Print every setting with its value and the value's source.

    It takes the options of `serve`, and shows what the server would use. Passwords are masked.
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


def _import_without_threads() -> None:
    """numpy's algebra is not used. Its threads must not be forked, and would get signals meant for the supervisor."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _serve_store(settings: Settings, host: str, port: int, password_file: Path) -> int:
    _import_without_threads()
    from trackway.supervisor.store_service import serve_store  # noqa: PLC0415  # the whole server

    return serve_store(settings, host, port, password_file)


@cli.command("reference", hidden=True)
@click.argument("page", type=click.Choice(["cli", "settings", "parameters", "limits"]))
def print_reference(page: str) -> None:
    """Print docs/cli.md, docs/settings.md, docs/parameters.md or docs/limits.md."""
    from trackway.commands import limits_reference, reference  # noqa: PLC0415  for maintainers alone

    pages = {
        "cli": lambda: reference.commands_document(cli),
        "settings": reference.settings_document,
        "parameters": reference.parameters_document,
        "limits": limits_reference.limits_document,
    }
    click.echo(pages[page](), nl=False)


if __name__ == "__main__":
    main()
