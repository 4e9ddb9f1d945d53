"""docs/operations/several-machines.md, typed as it is written: from nothing to events that two machines have taken.

The terminal has a network of its own, so all ports of the page are free. PostgreSQL runs outside, as the page presumes.
"""

import json
from pathlib import Path

import psycopg
import pytest

from tests.support.docs import forward
from tests.support.docs.typed_commands import ROOT, Terminal, commands_of, copy_of_the_checkout
from tests.support.projects.postgresql import Cluster

PAGE = ROOT / "docs/operations/several-machines.md"
POSTGRESQL_PORT = 5432


def presume_postgresql(cluster: Cluster, terminal: Terminal) -> None:
    """A database that belongs to a user, at the address of the page."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS trackway")
        connection.execute("DROP ROLE IF EXISTS web")
        connection.execute("CREATE ROLE web LOGIN PASSWORD 'password'")
        connection.execute("CREATE DATABASE trackway OWNER web")
    socket = cluster.directory / f".s.PGSQL.{cluster.port}"
    terminal.type(f"python {forward.__file__} {POSTGRESQL_PORT} {socket} >/dev/null 2>&1 &")


@pytest.mark.timeout(400)
def test_the_page_leads_from_nothing_to_events_of_two_machines(cluster: Cluster, tmp_path: Path) -> None:
    with Terminal(copy_of_the_checkout(tmp_path / "trackway")) as terminal:
        terminal.type("export PATH=$PWD/.venv/bin:$PATH")
        presume_postgresql(cluster, terminal)
        for command in commands_of(PAGE):
            terminal.run(command, terminal.filled_in(command.text))
        code, events = terminal.type("cat events")
        assert code == 0
        found = [json.loads(line)["properties"] for line in events.splitlines() if line.startswith("{")]
        assert {"sent-to-8081", "sent-to-8082"} < {each["$insert_id"] for each in found} and len(found) == 3
        assert '"orders":3' in terminal.said.replace(" ", ""), "each $add counts once"
