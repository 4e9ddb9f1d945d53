"""`trackway admin`: the admin of the web pages. Works beside a running server."""

import json
from typing import Any

import click

from trackway.commands.options import JSON, load_flags, open_database, settings_options


@click.group()
def admin() -> None:
    """Manage the admin of the web pages.

    The admin may see and change everything there.
    """


@admin.command("password")
@settings_options("data_dir", "projects_url")
@JSON
def password(as_json: bool, **flags: Any) -> None:
    """Replace the admin password and print the new one.

    It is shown only once. The old password stops working, and its sessions end.
    """
    from trackway.projects.admin_password import new_password  # noqa: PLC0415  # half a second of imports

    made = new_password(open_database(load_flags(flags)))
    click.echo(json.dumps({"name": "admin", "password": made}, indent=2) if as_json else made)
