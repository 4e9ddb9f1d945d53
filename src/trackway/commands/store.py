"""`trackway store …`: the group, and the rebuilding of the facts that reports read. Asks the running server.

It takes one project or all of them. A bar on a terminal shows how much is left. The other commands are in `store_check`
and `store_server`.
"""

import json
import time
from typing import Any, Final

import click

from trackway.commands.limits import COMMAND_POLL_S
from trackway.commands.options import JSON, load_flags, print_table, printable, settings_options
from trackway.commands.progress_bar import bar
from trackway.commands.running_server import URL, Answer, Server, servers_of
from trackway.commands.store_check import FACTS_PATH, check

_PROJECT: Final = click.option("--project", "named", metavar="NAME", help="The project. [default: all]")


@click.group()
def store() -> None:
    """Check the store, rebuild its facts, or serve a store alone.

    Reports read facts, which the server derives from events. `check` and `rebuild` ask the running server.
    """


store.add_command(check)


@store.command("rebuild")
@_PROJECT
@click.option("--no-wait", is_flag=True, help="Do not wait until the facts are built.")
@settings_options("data_dir", "projects_url")
@URL
@JSON
def rebuild(named: str | None, no_wait: bool, url: str | None, as_json: bool, **flags: Any) -> None:
    """Drop the facts and build them anew from the events.

    Waits until they are complete. Reports are right meanwhile, but slower. Interrupting the command does not stop the
    server's work.
    """
    servers = servers_of(load_flags(flags), named, url)
    states = [server.ask("POST", f"{FACTS_PATH}/rebuild", body=b"{}") for server in servers]
    if not no_wait:
        states = [_built(server) for server in servers]
    _print(servers, states, as_json)


def _built(server: Server) -> Answer:
    """The state of the facts once they are complete."""
    with bar(f"building {printable(server.project.name)}") as shown:
        while True:
            state = server.ask("GET", FACTS_PATH)
            shown(state["events"] - state["behind"], state["events"])
            if state["state"] == "complete":
                return state
            time.sleep(COMMAND_POLL_S)


def _print(servers: list[Server], states: list[Answer], as_json: bool) -> None:
    projects = [server.project for server in servers]
    if as_json:
        parts = [{name: value for name, value in each.items() if name != "status"} for each in states]
        named = [{"project_id": each.project_id, "name": each.name} for each in projects]
        click.echo(json.dumps([one | part for one, part in zip(named, parts, strict=True)], indent=2))
    elif states:
        rows = [
            (printable(project.name), str(each["events"]), str(each["behind"]), str(each["state"]))
            for project, each in zip(projects, states, strict=True)
        ]
        print_table(("Project", "Events", "Behind", "State"), rows)
