"""`trackway demo` beside a running server."""

import json

from tests.support.command_line import printed, trackway
from tests.support.server import Project, Server


def arguments(server: Server, project: Project) -> list[str]:
    where = ["--data-dir", str(server.data_dir), "--project", str(project.project_id)]
    return ["demo", *where, "--days", "7", "--people", "40", "--json"]


def test_the_shop_is_stored_once_however_often_it_is_sent(server: Server, project: Project) -> None:
    sent = json.loads(printed(*arguments(server, project)))
    again = json.loads(printed(*arguments(server, project)))
    # Time goes on, so the second run may know events of this minute that the first did not.
    assert sent["profiles"] == again["profiles"] > 0 and 0 < sent["events"] <= again["events"]
    stored = server.export_when(project, again["events"])
    assert len({each["properties"]["$insert_id"] for each in stored}) == len(stored) == again["events"]


def test_a_project_of_original_identity_gets_no_shop(server: Server, original: Project) -> None:
    done = trackway(*arguments(server, original))
    assert (done.returncode, done.stdout) == (2, "")
    assert "the demo needs a project of identity mode simplified" in done.stderr
