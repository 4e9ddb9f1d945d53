"""The real Node SDK: what it reports to its callback, and what the export shows for it."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.journal_links import asked_of
from tests.support.sdk.node import call_node_sdk, without_proxies
from tests.support.server import Project, Server
from tests.system.sdk.conftest import Secure
from trackway.domain.link import LinkKind

OLD = 1_500_000_000
NAMES: dict[str, Any] = {"plan": "pro+ / 100% = ü ✓ 😀", "odd": "?>?>~~~", "tags": ["a&b", "c=d"], "price": 1.5}


def plain(server: Server, **config: Any) -> dict[str, Any]:
    return {"protocol": "http", "host": f"127.0.0.1:{server.port}", **config}


def over_tls(secure: Secure, project: Project, **config: Any) -> dict[str, Any]:
    return {"host": f"127.0.0.1:{secure.port}", "secret": project.secret, **config}


def user(place: int, **properties: Any) -> dict[str, Any]:
    return {"distinct_id": f"user-{place}", "$insert_id": f"id-{place}", **NAMES, **properties}


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY"])
def test_sdk_cannot_be_set_up_beside_a_proxy_as_the_docs_say(variable: str) -> None:
    # mixpanel 0.24.0, see findings/node-sdk-behind-a-proxy.sh; once this fails, docs/compatibility.md need not say so.
    environment = {**without_proxies(), variable: "http://127.0.0.1:9"}
    command = ["node", "-e", "require('mixpanel').init('token')"]
    done = subprocess.run(
        command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, timeout=60
    )
    assert "HttpsProxyAgent is not a constructor" in done.stderr


@pytest.mark.parametrize("verbose", [False, True])
def test_track_reports_success_and_is_exported(server: Server, project: Project, verbose: bool) -> None:
    calls = [["track", "signed up", user(1)], ["track", "signed up", user(2, time=int(time.time()))]]
    assert call_node_sdk(project.token, plain(server, verbose=verbose), calls) == [None, None]
    lines = sorted(server.export_when(project, 2), key=lambda line: str(line["properties"]["distinct_id"]))
    assert [line["properties"]["distinct_id"] for line in lines] == ["user-1", "user-2"]
    for line in lines:
        assert (line["event"], line["properties"]["mp_lib"]) == ("signed up", "node")
        assert NAMES.items() <= line["properties"].items()
        assert "token" not in line["properties"]


def test_track_batch_in_several_requests_loses_nothing(server: Server, project: Project) -> None:
    batch = [{"event": "seen", "properties": user(number, number=number)} for number in range(120)]
    assert call_node_sdk(project.token, plain(server), [["track_batch", batch]]) == [None]
    lines = server.export_when(project, 120)
    assert sorted(line["properties"]["number"] for line in lines) == list(range(120))
    assert all(NAMES.items() <= line["properties"].items() for line in lines)


@pytest.mark.parametrize("verbose", [False, True])
def test_import_of_one_event_reports_success(server: Server, project: Project, secure: Secure, verbose: bool) -> None:
    calls = [["import", "signed up", OLD, user(1)]]
    config = over_tls(secure, project, verbose=verbose)
    assert call_node_sdk(project.token, config, calls, secure.trusted) == [None]
    [line] = server.export_when(project, 1)
    assert (line["properties"]["time"], line["properties"]["$import"]) == (OLD, True)
    assert NAMES.items() <= line["properties"].items()


def test_import_batch_in_several_requests_loses_nothing(server: Server, project: Project, secure: Secure) -> None:
    batch = [{"event": "seen", "properties": user(number, time=OLD + number)} for number in range(120)]
    calls = [["import_batch", batch]]
    assert call_node_sdk(project.token, over_tls(secure, project), calls, secure.trusted) == [None]
    lines = server.export_when(project, 120)
    assert sorted(line["properties"]["time"] for line in lines) == [OLD + number for number in range(120)]


def test_same_batch_sent_twice_is_stored_once(server: Server, project: Project) -> None:
    batch = [{"event": "seen", "properties": user(number)} for number in range(10)]
    assert call_node_sdk(project.token, plain(server), [["track_batch", batch]] * 2) == [None, None]
    server.wait_loaded()
    assert len(server.export(project)) == 10


def test_wrong_token_is_reported_to_the_callback(server: Server) -> None:
    calls = [["track", "seen", user(1)]]
    assert call_node_sdk("0" * 32, plain(server), calls) == ["Mixpanel Server Error: 0"]
    assert call_node_sdk("0" * 32, plain(server, verbose=True), calls) == ["Mixpanel Server Error: token, unknown"]


def test_wrong_secret_is_reported_to_the_callback(server: Server, project: Project, secure: Secure) -> None:
    config = over_tls(secure, project) | {"secret": "wrong", "verbose": True}
    [error] = call_node_sdk(project.token, config, [["import", "seen", OLD, user(1)]], secure.trusted)
    assert error == "Mixpanel Server Error: Invalid credentials"


def test_alias_asks_for_a_link_in_an_original_project(server: Server, original: Project) -> None:
    calls: list[list[Any]] = [["alias", "user-1", "alias 😀"], ["track", "seen", {"distinct_id": "alias 😀"}]]
    assert call_node_sdk(original.token, plain(server), calls) == [None, None]
    assert asked_of(server, original) == [(LinkKind.ALIAS, "alias 😀", "user-1")]
    lines = {line["event"]: line["properties"] for line in server.export_when(original, 2)}
    assert lines["seen"]["distinct_id"] == "user-1"
    assert lines["seen"]["$distinct_id_before_identity"] == "alias 😀"
