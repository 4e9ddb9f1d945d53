"""Persons are erased by the published API and by the command, on a real server."""

import csv
import io
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.support.command_line import TRACKWAY, printed, trackway
from tests.support.contract.openapi_documents import OPENAPI, resolved
from tests.support.http.exchange import Reply, Request
from tests.support.identities import JSON, device, send
from tests.support.server import Project, Server, basic, running_server
from tests.support.waiting import wait_until
from trackway.projects.account_changes import ServiceAccounts

PATH = "/api/app/data-deletions/v3.0"
ENDS_S_MAX = 60


@pytest.fixture(scope="module")
def erasing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that begins to erase at once."""
    with running_server(tmp_path_factory.mktemp("erasing") / "data", "--erasure-delay-s", "0") as running:
        yield running


def ask(
    server: Server,
    project: Project,
    method: str,
    path: str = "",
    body: object = None,
    user: tuple[str, str] | None = None,
) -> Reply:
    content = b"" if body is None else json.dumps(body).encode()
    headers = (user or basic(project.secret), *((JSON,) if content else ()))
    return server.ask(Request(method, f"{PATH}{path}?token={project.token}", headers, content))


def create(server: Server, project: Project, *ids: str) -> str:
    reply = ask(server, project, "POST", "/", {"distinct_ids": list(ids)})
    assert reply.status == 201, reply
    check_schema("JobCreated", reply)
    return str(json.loads(reply.body)["results"]["task_id"])


def show(server: Server, project: Project, task_id: str) -> dict[str, Any]:
    reply = ask(server, project, "GET", f"/{task_id}")
    assert reply.status == 200, reply
    check_schema("CheckDeletionResponse", reply)
    found: dict[str, Any] = json.loads(reply.body)["results"]
    return found


def certificate(server: Server, project: Project, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(server, project, "GET", f"/{task_id}/certificate").body)["results"]
    return found


def check_schema(name: str, reply: Reply) -> None:
    document = yaml.safe_load((OPENAPI / "gdpr.openapi.yaml").read_text())
    jsonschema_rs.validate(resolved(document["components"]["schemas"][name], "gdpr"), json.loads(reply.body))


def erase(server: Server, project: Project, *ids: str) -> dict[str, Any]:
    task_id = create(server, project, *ids)
    wait_until(
        lambda: is_gone(certificate(server, project, task_id)),
        ENDS_S_MAX,
        lambda: str(certificate(server, project, task_id)),
    )
    return certificate(server, project, task_id)


def is_gone(done: dict[str, Any]) -> bool:
    """Old segments of facts are dropped minutes later. Queries do not read them."""
    left = done["rows_left"]
    return left is not None and not any(rows for table, rows in left.items() if table != "facts")


def exported_ids(server: Server, project: Project) -> list[str]:
    server.wait_loaded()
    return sorted(line["properties"]["distinct_id"] for line in server.export(project))


def test_a_person_is_erased_with_linked_devices_and_others_stay(erasing: Server) -> None:
    project = erasing.create_project()
    send(
        erasing,
        project,
        device("D1"),
        device("D1", "ann"),
        device("D1", "bob"),
        device("D2", "bob"),
        {"distinct_id": "eve"},
    )
    erasing.wait_loaded()
    done = erase(erasing, project, "ann")
    assert exported_ids(erasing, project) == ["bob", "bob", "eve"]
    assert (done["ids_asked_for"], done["ids_of_the_persons"]) == (1, 2)
    assert done["rows_before"]["events"] == 2
    assert done["requested"] <= done["begun"] <= done["counted"] <= done["checked"]


def test_profiles_go_and_what_comes_later_that_day_is_dropped(erasing: Server) -> None:
    project = erasing.create_project()

    def update() -> None:
        body = [{"$token": project.token, "$distinct_id": each, "$set": {"plan": "free"}} for each in ("ann", "bob")]
        assert erasing.ask(Request("POST", "/engage", (JSON,), json.dumps(body).encode())).status == 200

    def profiles() -> list[str]:
        erasing.wait_loaded()
        reply = erasing.ask(Request("GET", "/api/query/engage", (basic(project.secret),)))
        return [each["$distinct_id"] for each in json.loads(reply.body)["results"]]

    update()
    assert profiles() == ["ann", "bob"]
    assert erase(erasing, project, "ann")["rows_before"]["profiles"] == 1
    assert profiles() == ["bob"]
    update()
    send(erasing, project, {"distinct_id": "ann"}, {"distinct_id": "bob"})
    assert profiles() == ["bob"]
    assert exported_ids(erasing, project) == ["bob"]


def test_bearer_tokens_and_accounts_open_it_and_others_do_not(server: Server, project: Project) -> None:
    accounts = ServiceAccounts(server.projects)
    opened = {}
    for role in ("owner", "admin", "analyst", "consumer"):
        account, secret = accounts.create(f"{role} {project.project_id}", {project.project_id: role}, None)
        opened[role] = ask(
            server, project, "POST", "/", {"distinct_ids": [role]}, basic(account.username, secret)
        ).status
    assert opened == {"owner": 201, "admin": 201, "analyst": 403, "consumer": 403}
    bearer = ("Authorization", f"Bearer {project.secret}")
    assert ask(server, project, "POST", "", {"distinct_ids": ["a"]}, bearer).status == 201
    assert ask(server, project, "POST", "", {"distinct_ids": ["a"]}, basic(project.token)).status == 403
    assert ask(server, project, "POST", "", {"distinct_ids": ["a"]}, ("Authorization", "Bearer x")).status == 401
    unknown = Request("POST", f"{PATH}?token={'0' * 32}", (bearer, JSON), b'{"distinct_ids":["a"]}')
    assert server.ask(unknown).status == 401


def test_no_project_sees_or_cancels_a_task_of_another(server: Server, project: Project) -> None:
    other, task_id = server.create_project(), create(server, project, "ann")
    for method, path in (("GET", ""), ("GET", "/certificate"), ("DELETE", "")):
        assert ask(server, other, method, f"/{task_id}{path}").status == 404


def test_a_task_is_cancelled_until_it_begins(server: Server, erasing: Server, project: Project) -> None:
    task_id = create(server, project, "ann")
    assert show(server, project, task_id)["status"] == "PENDING"
    assert show(server, project, task_id)["distinct_ids"] == ["ann"]
    assert ask(server, project, "DELETE", f"/{task_id}").status == 204
    assert show(server, project, task_id)["status"] == "REVOKED"
    assert ask(server, project, "DELETE", f"/{task_id}").status == 405
    begun = erasing.create_project()
    done = erase(erasing, begun, "ann")
    reply = ask(erasing, begun, "DELETE", f"/{done['task_id']}")
    assert (reply.status, reply.header("allow")) == (405, "GET")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"distinct_ids": []}, "distinct_ids must be 1 to 1999 ids"),
        ({"distinct_ids": ["a"] * 2000}, "distinct_ids must be 1 to 1999 ids"),
        ({"distinct_ids": [""]}, "distinct_ids must be 1 to 263 characters each"),
        ({"distinct_ids": ["x" * 264]}, "distinct_ids must be 1 to 263 characters each"),
        ({"distinct_ids": ["a"], "compliance_type": "DSGVO"}, "compliance_type must be one of GDPR, CCPA, not 'DSGVO'"),
    ],
)
def test_what_cannot_be_asked_for_is_a_400(server: Server, project: Project, body: object, error: str) -> None:
    reply = ask(server, project, "POST", "", body)
    assert (reply.status, json.loads(reply.body)) == (400, {"error": error, "status": "error"})


def test_the_command_shows_what_goes_asks_and_waits(erasing: Server) -> None:
    project = erasing.create_project()
    send(erasing, project, device("D1"), device("D1", "ann"), {"distinct_id": "bob"})
    erasing.wait_loaded()
    at = ("--project", str(project.project_id), "--data-dir", str(erasing.data_dir))
    asked = [TRACKWAY, "person", "erase", "ann", *at]
    refused = subprocess.run(asked, input="n\n", capture_output=True, text=True, timeout=ENDS_S_MAX, check=False)
    assert refused.returncode == 128 + signal.SIGINT
    assert "2 ids, 2 events, 0 profiles" in refused.stderr and "$device:D1" in refused.stderr
    assert len(exported_ids(erasing, project)) == 3
    done = json.loads(printed("person", "erase", "ann", "--yes", "--json", *at))
    assert (done["rows_before"]["events"], done["rows_left"]["events"]) == (2, 0)
    assert exported_ids(erasing, project) == ["bob"]
    assert "rows before" in printed("person", "task", done["task_id"], *at)


RETRIEVALS = "/api/app/data-retrievals/v3.0"


def test_a_persons_data_is_handed_out_as_json_and_csv(server: Server, project: Project) -> None:
    send(server, project, device("D1"), device("D1", "ann"), {"distinct_id": "=1+1"}, {"distinct_id": "bob"})
    body = [{"$token": project.token, "$distinct_id": "ann", "$set": {"plan": "a,b", "name": 'An"n'}}]
    assert server.ask(Request("POST", "/engage", (JSON,), json.dumps(body).encode())).status == 200
    server.wait_loaded()
    wanted = json.dumps({"distinct_ids": ["ann", "=1+1"], "compliance_type": "CCPA", "disclosure_type": "Data"})
    at = f"?token={project.token}"
    key = basic(project.secret)
    reply = server.ask(Request("POST", f"{RETRIEVALS}/{at}", (key, JSON), wanted.encode()))
    assert reply.status == 201
    check_schema("JobCreated", reply)
    task_id = json.loads(reply.body)["results"]["task_id"]
    shown = server.ask(Request("GET", f"{RETRIEVALS}/{task_id}{at}", (key,)))
    check_schema("CheckRetrievalResponse", shown)
    results = json.loads(shown.body)["results"]
    assert (results["status"], results["distinct_ids"]) == ("SUCCESS", ["ann", "=1+1"])
    link = results["results"].partition(str(server.port))[2]
    found = json.loads(server.ask(Request("GET", link, (key,))).body)
    assert found["ids"] == ["$device:D1", "=1+1", "ann"]
    assert sorted(each["distinct_id"] for each in found["events"]) == ["$device:D1", "=1+1", "ann"]
    assert all(isinstance(each["properties"], dict) for each in found["events"])
    assert [(each["id"], each["properties"]["name"]) for each in found["profiles"]] == [("ann", 'An"n')]
    events = list(csv.DictReader(io.StringIO(server.ask(Request("GET", f"{link}&format=csv", (key,))).body.decode())))
    assert sorted(each["distinct_id"] for each in events) == ["$device:D1", "'=1+1", "ann"]
    profiles = server.ask(Request("GET", f"{link}&format=csv&table=profiles", (key,))).body.decode()
    [profile] = csv.DictReader(io.StringIO(profiles))
    assert json.loads(profile["properties"])["plan"] == "a,b"
    for wrong in ("&format=xml", "&format=csv&table=links"):
        assert server.ask(Request("GET", link + wrong, (key,))).status == 400
    other = server.create_project()
    stranger = Request("GET", f"{RETRIEVALS}/{task_id}/file?token={other.token}", (basic(other.secret),))
    assert server.ask(stranger).status == 404
    assert server.ask(Request("GET", link, (basic(project.token),))).status == 403


def test_the_command_writes_a_persons_data_to_private_files(server: Server, project: Project, tmp_path: Path) -> None:
    send(server, project, {"distinct_id": "ann"}, {"distinct_id": "bob"})
    server.wait_loaded()
    at = ("--project", str(project.project_id), "--data-dir", str(server.data_dir), "--to", str(tmp_path / "ann"))
    names = printed("person", "export", "ann", *at).split()
    assert [Path(name).name for name in names] == ["person.json", "events.csv", "profiles.csv"]
    assert [event["distinct_id"] for event in json.loads(Path(names[0]).read_text())["events"]] == ["ann"]
    assert {Path(name).stat().st_mode & 0o777 for name in names} == {0o600}
    assert trackway("person", "export", "ann", *at).returncode == 1
