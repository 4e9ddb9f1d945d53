"""Whose event an export shows, once ids are linked: the worked tables of protocol §12, and what is refused."""

import json
import uuid
from typing import Any

import pytest

from tests.support.http.encodings import JSON
from tests.support.http.events import import_all, linking, record, track
from tests.support.http.exchange import Request
from tests.support.sdk.profile_operations import profiles_of
from tests.support.server import Project, Server

ANON = "0b9f4c4e-6b0e-4c5e-9b0e-3f6d1f2a7c11"
Shown = list[tuple[str, str | None]]


def shown(server: Server, project: Project) -> Shown:
    """Of each exported line, in the order of `n`: whose it is, and the id before, where that differs."""
    server.wait_loaded()
    lines = [line["properties"] for line in server.export(project)]
    lines.sort(key=lambda each: each["n"])
    return [(each["distinct_id"], each.get("$distinct_id_before_identity")) for each in lines]


def event(project: Project, n: int, **ids: str) -> dict[str, Any]:
    """Event number `n` of a story; `device=` and `user=` stand for `$device_id` and `$user_id`."""
    named: dict[str, Any] = {
        {"device": "$device_id", "user": "$user_id"}.get(key, key): value for key, value in ids.items()
    }
    return record(project, n=n, insert_id=uuid.uuid4().hex, **({"distinct_id": None} | named))


D1, D2, U1, U2 = {"device": "D1"}, {"device": "D2"}, {"user": "U1"}, {"user": "U2"}
OF_D1, OF_D2 = "$device:D1", "$device:D2"
STORIES: dict[str, tuple[list[dict[str, str]], Shown]] = {
    "sign-up": ([D1, D1, D1 | U1], [("U1", OF_D1), ("U1", OF_D1), ("U1", None)]),
    "before the log-in on a second device": (
        [D1, D1 | U1, D2, D2],
        [("U1", OF_D1), ("U1", None), (OF_D2, None), (OF_D2, None)],
    ),
    "a second device": (
        [D1, D1 | U1, D2, D2, D2 | U1],
        [("U1", OF_D1), ("U1", None), ("U1", OF_D2), ("U1", OF_D2), ("U1", None)],
    ),
    "two users, one device, id reset between": (
        [D1, D1 | U1, D2, D2 | U2],
        [("U1", OF_D1), ("U1", None), ("U2", OF_D2), ("U2", None)],
    ),
    "two users, one device, id not reset": (
        [D1, D1 | U1, D1, D1 | U2, D1],
        [("U1", OF_D1), ("U1", None), ("U1", OF_D1), ("U2", None), ("U1", OF_D1)],
    ),
}


@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "one by one"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_export_shows_the_worked_stories(
    server: Server, project: Project, story: tuple[list[dict[str, str]], Shown], apart: bool
) -> None:
    ids, expected = story
    events = [event(project, n, **each) for n, each in enumerate(ids)]
    for sent in events if apart else [events]:
        track(server, sent)
    assert shown(server, project) == expected


def test_a_link_is_seen_in_what_was_exported_before(server: Server, project: Project) -> None:
    track(server, event(project, 0, **D1))
    assert shown(server, project) == [(OF_D1, None)]
    track(server, event(project, 1, **D1, **U1))
    assert shown(server, project) == [("U1", OF_D1), ("U1", None)]


def test_the_second_user_of_a_device_is_told_so(server: Server, project: Project) -> None:
    track(server, [event(project, 0, **D1, **U1), event(project, 1, **D1, **U2)])
    server.wait_loaded()
    lines = {line["properties"]["n"]: line["properties"] for line in server.export(project)}
    assert "$identity_failure_reason" not in lines[0]
    assert lines[1]["$identity_failure_reason"] == "device is linked to another user"


@pytest.mark.parametrize(
    "ids",
    [
        {"$identified_id": "U2", "$anon_id": "D1"},
        {"distinct_id": "D1", "$identified_id": "U2", "$anon_id": OF_D1},
        {"distinct_id": "U2", "$anon_distinct_id": OF_D1},
        {"distinct_id": "U2", "$anon_distinct_id": OF_D1, "$user_id": "U2", "$device_id": "D1"},
    ],
    ids=["documented", "with a distinct_id of its own", "without ids", "as the SDKs send it"],
)
def test_a_refused_identify_shows_why_in_every_spelling(server: Server, project: Project, ids: dict[str, str]) -> None:
    track(server, [event(project, 0, **D1), event(project, 1, **D1, **U1)])
    track(server, linking(project, "$identify", n=2, **ids))
    assert shown(server, project) == [("U1", OF_D1), ("U1", None), ("U2", None)]
    reasons = {
        line["properties"]["n"]: line["properties"].get("$identity_failure_reason") for line in server.export(project)
    }
    assert reasons == {0: None, 1: None, 2: "device is linked to another user"}


def test_the_documented_request_links_what_was_sent_with_the_bare_id(server: Server, project: Project) -> None:
    track(server, [event(project, 0, distinct_id=ANON), event(project, 1, device=ANON), event(project, 2, user="u")])
    track(server, linking(project, "$identify", n=3, **{"$identified_id": "u", "$anon_id": ANON}))
    assert shown(server, project) == [("u", ANON), ("u", f"$device:{ANON}"), ("u", None), ("u", None)]


def test_two_users_are_not_merged_by_identify_without_a_reset(server: Server, project: Project) -> None:
    track(server, [event(project, 0, **D1, **U1), event(project, 1, distinct_id="U1")])
    ids = {"distinct_id": "U2", "$anon_distinct_id": "U1", "$user_id": "U2", "$device_id": "D1"}
    track(server, linking(project, "$identify", n=2, **ids))
    assert shown(server, project) == [("U1", None), ("U1", None), ("U2", None)]


def test_original_story_of_two_devices(server: Server, original: Project) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    track(server, [event(original, 0, distinct_id=first), event(original, 1, distinct_id=second)])
    for n, anonymous in ((2, first), (3, second)):
        track(server, linking(original, "$identify", n=n, distinct_id="U1", **{"$anon_distinct_id": anonymous}))
    track(server, event(original, 4, distinct_id=first))
    assert shown(server, original) == [("U1", first), ("U1", second), ("U1", None), ("U1", None), ("U1", first)]


def test_original_identify_of_an_id_that_is_another_users_is_refused(server: Server, original: Project) -> None:
    anonymous = str(uuid.uuid4())
    for n, user in ((0, "U1"), (1, "U2")):
        track(server, linking(original, "$identify", n=n, distinct_id=user, **{"$anon_distinct_id": anonymous}))
    track(server, event(original, 2, distinct_id=anonymous))
    assert shown(server, original) == [("U1", None), ("U2", None), ("U1", anonymous)]
    lines = {line["properties"]["n"]: line["properties"] for line in server.export(original)}
    assert ["$failure_reason" in lines[n] for n in range(3)] == [False, True, False]


def test_original_alias_and_merge_make_chains_of_one_person(server: Server, original: Project) -> None:
    track(server, [event(original, n, distinct_id=id_) for n, id_ in enumerate("abc")])
    track(server, linking(original, "$create_alias", n=3, distinct_id="a", alias="b"))
    import_all(server, original, [linking(original, "$merge", n=4, **{"$distinct_ids": ["a", "c"]})])
    assert shown(server, original) == [("a", None), ("a", "b"), ("a", "c"), ("a", None), ("a", None)]


def update(server: Server, project: Project, distinct_id: str, **record: Any) -> None:
    """One `/engage` record, which must be taken."""
    named = {f"${key}": value for key, value in record.items()}
    body = json.dumps({"$token": project.token, "$distinct_id": distinct_id, **named}).encode()
    reply = server.ask(Request("POST", "/engage", (JSON,), body))
    assert (reply.status, reply.body) == (200, b"1")


def own_properties(server: Server, project: Project) -> dict[str, dict[str, Any]]:
    """What the clients put into each profile, by its id."""
    found = profiles_of(server, project)
    return {id_: {name: value for name, value in own.items() if len(name) == 1} for id_, own in found.items()}


def test_profile_operations_reach_the_canonical_profile_unless_told_otherwise(server: Server, project: Project) -> None:
    track(server, event(project, 0, **D1, **U1))
    update(server, project, OF_D1, set={"a": 1})
    update(server, project, "U1", add={"b": 2})
    update(server, project, OF_D1, ignore_alias=True, set={"c": 3})
    assert own_properties(server, project) == {"U1": {"a": 1, "b": 2}, OF_D1: {"c": 3}}


def test_a_profile_from_before_the_link_stays_under_its_own_id(server: Server, project: Project) -> None:
    update(server, project, OF_D1, set={"a": 1})
    track(server, event(project, 0, **D1, **U1))
    update(server, project, OF_D1, set={"b": 2})
    assert own_properties(server, project) == {OF_D1: {"a": 1}, "U1": {"b": 2}}


def test_links_through_import_are_of_any_age_and_order(server: Server, project: Project) -> None:
    """The later event comes first: the journal's order counts, not the events' times."""
    late = event(project, 0, **D1, **U1)
    late["properties"]["time"] = 1_700_000_000
    early = event(project, 1, **D1, **U2)
    early["properties"]["time"] = 1_600_000_000
    import_all(server, project, [late, early])
    track(server, event(project, 2, **D1))
    assert shown(server, project) == [("U1", None), ("U2", None), ("U1", OF_D1)]
