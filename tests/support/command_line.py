"""The command line in a process of its own for each command, forked from one that has imported it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import click

from tests.support.forked_process import forked
from trackway.cli import cli

TRACKWAY = str(Path(sys.executable).with_name("trackway"))


def trackway(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRACKWAY_")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = forked(arguments, environment | variables, out, err).wait()
        return subprocess.CompletedProcess([TRACKWAY, *arguments], code, _text(out), _text(err))


def printed(*arguments: str, **variables: str) -> str:
    done = trackway(*arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def commands_by_name() -> dict[str, click.Command]:
    """The commands of `trackway` by name."""
    context = click.Context(cli)
    found = ((name, cli.get_command(context, name)) for name in cli.list_commands(context))
    return {name: command for name, command in found if command is not None}


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")
