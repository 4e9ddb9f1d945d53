"""Requests to link ids: every spelling, every reply, and what the journal then asks for (protocol §6)."""

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.http.encodings import FORM, JSON, TEXT, Encoding, base64_form, raw_form
from tests.support.http.events import import_all, import_strict, linking
from tests.support.http.exchange import Reply, Request
from tests.support.journal_links import Asked, asked_of, links_of
from tests.support.server import Project, Server, basic
from trackway.domain.link import LinkKind

DEVICE, IDENTIFY, ALIAS, MERGE = LinkKind.DEVICE, LinkKind.IDENTIFY, LinkKind.ALIAS, LinkKind.MERGE
ANON = "0b9f4c4e-6b0e-4c5e-9b0e-3f6d1f2a7c11"
BY_ID: tuple[Asked, ...] = ((DEVICE, f"$device:{ANON}", "u"), (DEVICE, ANON, "u"))
BY_DEVICE: tuple[Asked, ...] = ((DEVICE, f"$device:{ANON}", "u"),)

SPELLINGS: dict[str, tuple[dict[str, Any], tuple[Asked, ...]]] = {
    "documents, PHP": ({"$identified_id": "u", "$anon_id": ANON}, BY_ID),
    "documents, with distinct_id": ({"distinct_id": "u", "$identified_id": "u", "$anon_id": ANON}, BY_ID),
    "browser, Android, Swift": (
        {"distinct_id": "u", "$anon_distinct_id": f"$device:{ANON}", "$user_id": "u", "$device_id": ANON},
        BY_DEVICE,
    ),
    "without $user_id": ({"distinct_id": "u", "$anon_distinct_id": ANON}, BY_ID),
}
WAYS: dict[str, tuple[tuple[tuple[str, str], ...], Encoding]] = {
    "JSON": ((JSON,), lambda text: text),
    "a list of JSON": ((JSON,), lambda text: b"[" + text + b"]"),
    "a form with JSON": ((FORM,), raw_form()),
    "a form with base64": ((FORM,), base64_form()),
    "a form with strict=0, as documented": ((FORM,), raw_form(after="&strict=0")),
    "sendBeacon": ((TEXT,), base64_form()),
}


def ask(server: Server, value: Any, target: str = "/track", *headers: tuple[str, str]) -> Reply:
    return server.ask(Request("POST", target, (JSON, *headers), json.dumps(value).encode()))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_identify_is_answered_and_links_in_every_spelling(
    server: Server,
    project: Project,
    spelling: tuple[dict[str, Any], tuple[Asked, ...]],
    way: tuple[tuple[tuple[str, str], ...], Encoding],
) -> None:
    (ids, links), (headers, encoding) = spelling, way
    body = encoding(json.dumps(linking(project, "$identify", **ids)).encode())
    reply = server.ask(Request("POST", "/track", headers, body))
    assert (reply.status, reply.body) == (200, b"1")
    assert tuple(asked_of(server, project)) == links


def test_identify_by_get_is_answered_and_links(server: Server, project: Project) -> None:
    text = json.dumps(linking(project, "$identify", **{"$identified_id": "u", "$anon_id": ANON}))
    reply = server.ask(Request("GET", f"/track?verbose=1&data={quote(b64encode(text.encode()).decode())}"))
    assert (reply.status, reply.body) == (200, b'{"error":null,"status":1}')
    assert tuple(asked_of(server, project)) == BY_ID


def test_requests_to_link_are_taken_by_import_without_time_and_insert_id(server: Server, original: Project) -> None:
    requests = [
        linking(original, "$identify", **{"$identified_id": "u", "$anon_id": ANON}),
        linking(original, "$create_alias", distinct_id="u", alias="x"),
        linking(original, "$merge", **{"$distinct_ids": ["u", "v"]}),
    ]
    import_all(server, original, requests)
    assert asked_of(server, original) == [(IDENTIFY, ANON, "u"), (ALIAS, "x", "u"), (MERGE, "v", "u")]
    assert all(link.insert_id for link in links_of(server, original))


def test_merge_of_an_import_that_is_not_strict_is_answered_as_sdks_expect(server: Server, original: Project) -> None:
    merge = linking(original, "$merge", **{"$distinct_ids": ["u", "v"]})
    assert ask(server, merge, "/import?strict=0", basic(original.secret)).body == b"1"
    verbose = ask(server, merge, "/import?strict=0&verbose=1", basic(original.secret))
    assert verbose.body == b'{"code":200,"error":null,"num_records_imported":1,"status":1}'


@pytest.mark.parametrize("mode", ["simplified", "original"])
@pytest.mark.parametrize(
    ("name", "ids", "reason"),
    [
        ("$identify", {"$anon_id": ANON}, "$identified_id, missing or empty"),
        ("$identify", {"distinct_id": "u"}, "$anon_id, missing or empty"),
        ("$create_alias", {"distinct_id": "u", "alias": ""}, "alias, missing or empty"),
        ("$create_alias", {"alias": "x"}, "distinct_id, missing or empty"),
        ("$merge", {"$distinct_ids": ["a", "b"]}, "'event' is invalid: $merge must be sent to /import"),
    ],
)
def test_a_request_that_lacks_an_id_is_rejected_with_the_reason(
    server: Server, mode: str, name: str, ids: dict[str, Any], reason: str
) -> None:
    project = server.create_project(identity_mode=mode)
    refused = ask(server, linking(project, name, **ids), "/track?verbose=1")
    assert (refused.status, json.loads(refused.body)) == (200, {"error": reason, "status": 0})
    assert ask(server, linking(project, name, **ids)).body == b"0"
    assert links_of(server, project) == []


def test_a_bad_merge_names_its_field_and_the_good_one_beside_it_is_imported(server: Server, original: Project) -> None:
    both = [linking(original, "$merge", **{"$distinct_ids": ids}) for ids in (["u"], ["u", "v"])]
    reply = import_strict(server, original, both)
    assert reply.status == 400
    told = json.loads(reply.body)
    [failure] = told["failed_records"]
    assert (failure["index"], failure["field"], told["num_records_imported"]) == (0, "properties.$distinct_ids", 1)
    assert failure["message"] == "'properties.$distinct_ids' is invalid: must be a list of two distinct_ids"
    assert asked_of(server, original) == [(MERGE, "v", "u")]
