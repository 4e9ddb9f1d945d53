"""`trackway store serve`: the embedded store at an address, for servers elsewhere."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from trackway.commands.options import load_flags, settings_options
from trackway.settings.table import Settings

_PORT_MAX: Final = 65535
_ADDRESS: Final = re.compile(r"(?:\[(?P<inner>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s/\[\]:]+)):(?P<port>[0-9]{1,5})")


def _address(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; an IPv6 address is in brackets."""
    found = _ADDRESS.fullmatch(text)
    if not found or int(found["port"]) > _PORT_MAX:
        raise click.BadParameter(f"must be HOST:PORT such as 127.0.0.1:8123 or [::1]:8123, not {text!r}")
    return found["inner"] or found["host"], int(found["port"])


Serve = Callable[[Settings, str, int, Path], int]
"""Serves a store at a host and port, with the password in a file; gives the exit code."""


def store_server(serve: Serve) -> click.Command:
    """The command that serves a store by this function."""

    @click.command("serve")
    @click.option(
        "--address",
        metavar="HOST:PORT",
        default="127.0.0.1:8123",
        show_default=True,
        callback=_address,
        help="Address to listen on, plain HTTP; port 0 takes a free one.",
    )
    @click.option(
        "--password-file",
        metavar="FILE",
        required=True,
        type=click.Path(path_type=Path),
        help="File with the password that servers need, 8 to 256 characters.",
    )
    @settings_options("data_dir", "disk_free_bytes_min", "hang_s_max", "log_format", "log_level")
    def command(address: tuple[str, int], password_file: Path, **flags: Any) -> int:
        """Run the embedded store alone, until it gets SIGTERM or SIGINT.

        Servers elsewhere use it as their store by `store_url`, which the command prints. No other server may use the
        data directory. Everybody who has the password can read and change everything in the store.
        """
        return serve(load_flags(flags), *address, password_file)

    return command
