"""`trackway admin`: what whoever runs the server needs for its web pages. Works beside a running server."""

import json
from typing import Any

import click

from trackway.commands.options import JSON, load_flags, open_database, settings_options


@click.group()
def admin() -> None:
    """The admin of the web pages, who may see and change everything there."""


@admin.command("password")
@settings_options("data_dir", "projects_url")
@JSON
def password(as_json: bool, **flags: Any) -> None:
    """Make a new admin password and print it.

    It is shown this once. The one before opens nothing from then on, and whoever signed in with it is signed out.
    """
    from trackway.projects.admin import new_password  # noqa: PLC0415  # half a second of imports

    made = new_password(open_database(load_flags(flags)))
    click.echo(json.dumps({"name": "admin", "password": made}, indent=2) if as_json else made)
