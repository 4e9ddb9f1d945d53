"""The real Python SDK: what it reports to its caller, and what the export shows for it."""

import datetime
import time
from collections.abc import Callable
from typing import Any

import pytest
from mixpanel import BufferedConsumer, Consumer, Mixpanel, MixpanelException, ServiceAccountCredentials

from tests.support.journal_links import asked_of
from tests.support.server import Project, Server
from tests.system.sdk.conftest import Secure
from trackway.domain.link import LinkKind

NAMES = {"plan": "pro+ / 100% = ü ✓ 😀", "tags": ["a&b", "c=d"], "nested": {"count": 3}, "price": 1.5, "paid": True}


def urls(server: Server) -> dict[str, str]:
    return {"events_url": f"{server.url}/track", "import_url": f"{server.url}/import"}


def without_servers_own(line: dict[str, Any]) -> dict[str, Any]:
    """The properties a client set, and no token among them."""
    own = ("time", "distinct_id", "$insert_id", "$import", "$mp_api_endpoint", "$mp_api_timestamp_ms")
    known = {*own, "mp_processing_time_ms", "$mp_api_event_time_ms", "mp_lib", "$lib_version"}
    return {key: value for key, value in line["properties"].items() if key not in known}


def test_track_reports_success_and_is_exported(server: Server, project: Project) -> None:
    before = int(time.time())
    Mixpanel(project.token, Consumer(**urls(server))).track("user-1", "signed up", NAMES)
    [line] = server.export_when(project, 1)
    assert (line["event"], line["properties"]["distinct_id"]) == ("signed up", "user-1")
    assert (line["properties"]["mp_lib"], line["properties"]["$mp_api_endpoint"]) == ("python", "/track")
    assert before <= line["properties"]["time"] <= int(time.time())
    assert without_servers_own(line) == NAMES


def test_track_with_own_insert_id_twice_is_one_event(server: Server, project: Project) -> None:
    client = Mixpanel(project.token, Consumer(**urls(server)))
    for _ in range(2):
        client.track("user-1", "paid", {"$insert_id": "order-1"})
    server.wait_loaded()
    assert [line["properties"]["$insert_id"] for line in server.export(project)] == ["order-1"]


def test_track_serializes_dates_and_cuts_nothing_else(server: Server, project: Project) -> None:
    client = Mixpanel(project.token, Consumer(**urls(server)))
    client.track("user-1", "dated", {"at": datetime.datetime(2026, 1, 31, 12, 0), "none": None})
    [line] = server.export_when(project, 1)
    assert without_servers_own(line) == {"at": "2026-01-31T12:00:00"}


def test_track_with_the_ip_of_a_client_is_located_there(server: Server, project: Project) -> None:
    client = Mixpanel(project.token, Consumer(**urls(server)))
    client.track("user-1", "from its own server", {})
    client.track("user-2", "from London", {"ip": "81.2.69.142"})
    places = {line["properties"]["distinct_id"]: without_servers_own(line) for line in server.export_when(project, 2)}
    assert places == {"user-1": {}, "user-2": {"$city": "London", "$region": "England", "mp_country_code": "GB"}}


def test_buffered_consumer_loses_nothing_over_several_batches(server: Server, project: Project) -> None:
    consumer = BufferedConsumer(max_size=50, **urls(server))
    client = Mixpanel(project.token, consumer)
    for number in range(120):
        client.track(f"user-{number}", "seen", {"number": number})
    consumer.flush()
    lines = server.export_when(project, 120)
    assert sorted(line["properties"]["number"] for line in lines) == list(range(120))
    assert {line["properties"]["distinct_id"] for line in lines} == {f"user-{number}" for number in range(120)}


def test_import_with_the_secret_reports_success_and_is_exported(server: Server, project: Project) -> None:
    client = Mixpanel(project.token, Consumer(**urls(server)))
    client.import_data(None, "user-1", "signed up", 1_500_000_000, NAMES, api_secret=project.secret)
    [line] = server.export_when(project, 1)
    assert (line["properties"]["time"], line["properties"]["$import"]) == (1_500_000_000, True)
    assert without_servers_own(line) == NAMES


def test_import_with_key_and_secret_is_exported(server: Server, project: Project) -> None:
    client = Mixpanel(project.token, Consumer(**urls(server)))
    client.import_data("a-key", "user-1", "signed up", 1_500_000_000, api_secret=project.secret)
    server.export_when(project, 1)


def test_buffered_import_is_exported(server: Server, project: Project) -> None:
    consumer = BufferedConsumer(max_size=10, **urls(server))
    client = Mixpanel(project.token, consumer)
    for number in range(25):
        client.import_data(None, f"user-{number}", "seen", 1_500_000_000 + number, api_secret=project.secret)
    consumer.flush()
    lines = server.export_when(project, 25)
    assert sorted(line["properties"]["time"] for line in lines) == [1_500_000_000 + number for number in range(25)]


def test_track_over_https_is_exported(server: Server, project: Project, secure: Secure) -> None:
    consumer = Consumer(api_host=f"127.0.0.1:{secure.port}", verify_cert=str(secure.trusted.chain))
    Mixpanel(project.token, consumer).track("user-1", "signed up")
    server.export_when(project, 1)


def refused(act: Callable[[Mixpanel], object], token: str, consumer: Consumer) -> str:
    with pytest.raises(MixpanelException) as caught:
        act(Mixpanel(token, consumer))
    return str(caught.value)


def test_wrong_token_is_reported_to_the_caller(server: Server) -> None:
    message = refused(lambda client: client.track("user-1", "seen"), "0" * 32, Consumer(**urls(server)))
    assert message == "Mixpanel error: token, unknown"


def test_rejected_event_is_reported_with_its_reason(server: Server, project: Project) -> None:
    message = refused(lambda client: client.track("undefined", "seen"), project.token, Consumer(**urls(server)))
    assert message.startswith("Mixpanel error: 'properties.distinct_id' is invalid: ")
    server.wait_loaded()
    assert server.export(project) == []


def test_wrong_secret_is_reported_to_the_caller(server: Server, project: Project) -> None:
    message = refused(
        lambda client: client.import_data(None, "u", "seen", 1_500_000_000, api_secret="wrong"),
        project.token,
        Consumer(**urls(server)),
    )
    assert message == "Mixpanel error: Invalid credentials"


def test_unknown_service_account_is_reported_to_the_caller(server: Server, project: Project) -> None:
    account = ServiceAccountCredentials("nobody.1234", "password", str(project.project_id))
    message = refused(
        lambda client: client.import_data(None, "u", "seen", 1_500_000_000),
        project.token,
        Consumer(**urls(server), credentials=account),
    )
    assert message == "Mixpanel error: Not a valid service account username"


def test_batch_with_one_bad_event_stores_the_others(server: Server, project: Project) -> None:
    consumer = BufferedConsumer(**urls(server))
    client = Mixpanel(project.token, consumer)
    for user in ("user-1", "undefined", "user-2"):
        client.track(user, "seen")
    consumer.flush()
    lines = server.export_when(project, 2)
    assert {line["properties"]["distinct_id"] for line in lines} == {"user-1", "user-2"}


def test_alias_and_merge_ask_for_links_in_an_original_project(
    server: Server, original: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Mixpanel(original.token, Consumer(**urls(server)))
    monkeypatch.setattr("mixpanel.Consumer", lambda: Consumer(**urls(server)))  # `alias` makes one of its own
    client.alias("alias 😀", "user-1")
    client.merge(None, "user-1", "user-2", api_secret=original.secret)
    expected = [(LinkKind.ALIAS, "alias 😀", "user-1"), (LinkKind.MERGE, "user-2", "user-1")]
    assert asked_of(server, original) == expected
    for user in ("alias 😀", "user-2"):
        client.track(user, "seen")
    lines = [line["properties"] for line in server.export_when(original, 4)]
    assert {line["distinct_id"] for line in lines} == {"user-1"}
    assert {line.get("$distinct_id_before_identity") for line in lines} == {None, "alias 😀", "user-2"}


def test_alias_as_an_event_of_its_own_goes_where_the_consumer_says(server: Server, original: Project) -> None:
    client = Mixpanel(original.token, Consumer(**urls(server)))
    client.track("user-1", "$create_alias", {"alias": "nick"})
    client.track("nick", "seen")
    lines = [line["properties"] for line in server.export_when(original, 2)]
    assert {line["distinct_id"] for line in lines} == {"user-1"}
    assert {line.get("$distinct_id_before_identity") for line in lines} == {None, "nick"}


def test_merge_of_one_id_is_reported(server: Server, original: Project) -> None:
    client = Mixpanel(original.token, Consumer(**urls(server)))
    with pytest.raises(MixpanelException):
        client.merge(None, "user-1", "user-1", api_secret=original.secret)
