"""`tap-mixpanel`, Singer's connector: its engage stream, which pages by 250."""

import json
from pathlib import Path

from tests.support.certificates import Authority
from tests.support.clients.environments import HERE, PYTHON, run, secure
from tests.support.server import Project, Server
from tests.system.clients.conftest import PEOPLE


def test_the_engage_stream_syncs_each_profile_once(
    server: Server, filled: Project, trusted: Authority, place: Path
) -> None:
    with secure(server, trusted, place) as port:
        host, start = f"localhost:{port}", "2026-01-01T00:00:00Z"
        command: list[str | Path] = [PYTHON, HERE / "drive_tap.py", host, filled.secret, start]
        printed = run(command, REQUESTS_CA_BUNDLE=str(trusted.certificate))
    messages = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    records = [message["record"] for message in messages if message["type"] == "RECORD"]
    assert [each["distinct_id"] for each in records] == [f"user-{number:04}" for number in range(PEOPLE)]
    assert records[0]["n"] == PEOPLE
