"""`trackway init`: a commented file of settings for a new server. Makes no data: only `serve` does."""

import json
import os
from pathlib import Path
from shlex import quote
from typing import Any, Final

import click

from trackway.commands.options import JSON, flags_of, given_flags
from trackway.domain.errors import ConfigError, StateError, StorageError
from trackway.settings.groups import COMMON
from trackway.settings.sources import CONFIG_DEFAULT, load, of_flags
from trackway.settings.written_file import written_file

_MODE: Final = 0o600
"""An operator may add passwords to the file."""


@click.command("init")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@flags_of(*COMMON)
@JSON
def init(directory: Path, as_json: bool, **flags: Any) -> None:
    """Write a commented trackway.toml for a new server into DIR.

    Prints the next steps. DIR is created where it is missing, a file that exists is never replaced. Options are written
    into the file. The
    data directory is DIR/data unless --data-dir says otherwise; the first start of the server makes it.
    """
    text = written_file(of_flags(given_flags(flags)))
    file = directory / CONFIG_DEFAULT
    _write(file, text)
    data_dir = load(config=str(file), environ={}).data_dir
    if as_json:
        click.echo(json.dumps({"config": str(file.absolute()), "data_dir": str(data_dir)}, indent=2))
        return
    click.echo(f"Wrote {file}. Look it over; data will be in {data_dir}.\n\nNext:")
    for command, why in (
        ("doctor", "does this machine suit?"),
        ("serve", "the first start makes a project and an admin password"),
        ("status", "in another terminal: how is it?"),
    ):
        click.echo(f"  trackway {command} --config {quote(str(file))}    # {why}")


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        if not file.parent.is_dir():
            raise ConfigError(f"{file.parent} is no directory: give another one") from error
        raise StateError(f"{file} exists: change it, or give another directory") from error
    except NotADirectoryError as error:
        raise ConfigError(f"{file.parent} is below a file: give another directory") from error
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {(error.strerror or str(error)).lower()}") from error
