"""Which links an event asks for, however its ids are spelled and whichever way it is ingested (protocol §6)."""

from typing import Any

import pytest

from tests.support.ingest.bodies import (
    ALPHA,
    GAMMA,
    IMPORT,
    STRICT,
    TRACK,
    KnownProject,
    arrival,
    dumps,
    outcomes,
    record,
    send,
)
from tests.support.ingest.stored_events import StoredEvent
from trackway.domain.endpoint import Endpoint
from trackway.domain.entry import decode_entries
from trackway.domain.link import Link, LinkKind
from trackway.ingest.arrival import Arrival
from trackway.ingest.coalesce import Singles, ingest_singles
from trackway.ingest.fast_path.events import LearnedReaders

DEVICE, IDENTIFY, ALIAS, MERGE = LinkKind.DEVICE, LinkKind.IDENTIFY, LinkKind.ALIAS, LinkKind.MERGE
ANON = "0b9f4c4e-6b0e-4c5e-9b0e-3f6d1f2a7c11"
IMPORT_ORIGINAL = arrival(Endpoint.IMPORT, project=GAMMA)

SPELLINGS = {
    "documented, and the PHP SDK": {"$identified_id": "u", "$anon_id": ANON},
    "documented, with the distinct_id after it": {"$identified_id": "u", "$anon_id": ANON, "distinct_id": "u"},
    "SDKs that know no device": {"distinct_id": "u", "$anon_distinct_id": ANON},
    "an empty field before the one that counts": {"$identified_id": "", "distinct_id": "u", "$anon_id": ANON},
    "only a user id": {"$user_id": "u", "$anon_id": ANON},
}
OF_DEVICE = {
    "browser, Android, Swift": {
        "distinct_id": "u",
        "$anon_distinct_id": f"$device:{ANON}",
        "$user_id": "u",
        "$device_id": ANON,
    },
    "documented fields with a prefix": {"$identified_id": "u", "$anon_id": f"$device:{ANON}"},
}


def event(ids: dict[str, Any], name: str = "$identify", project: KnownProject = ALPHA) -> dict[str, Any]:
    return record({"token": project.token} | ids, *({"distinct_id"} - ids.keys()), name=name)


def asked(value: dict[str, Any], to: Arrival = TRACK) -> list[tuple[LinkKind, str, str]]:
    """The links of an accepted event, the same in every form of a body, `(kind, id, to)`; and that they name it."""
    found = outcomes(value, to)
    links = []
    for each in found:
        assert isinstance(each, StoredEvent), each
        assert {link.insert_id for link in each.links} <= {"", each.insert_id}
        links.append([(link.kind, link.id, link.to) for link in each.links])
    assert links == [links[0]] * len(links)
    return links[0]


def refused(value: dict[str, Any], to: Arrival = TRACK) -> tuple[str, str]:
    (found,) = {each for each in outcomes(value, to) if isinstance(each, tuple)}
    return found


@pytest.mark.parametrize("to", [TRACK, IMPORT, STRICT])
def test_an_event_with_device_and_user_asks_to_link_them(to: Arrival) -> None:
    assert asked(event({"$device_id": "d", "$user_id": "u"}, "a"), to) == [(DEVICE, "$device:d", "u")]
    given = event({"distinct_id": "$device:d", "$user_id": "u"}, "a")
    assert asked(given, to) == [(DEVICE, "$device:d", "u")]


def test_an_event_with_one_of_both_asks_for_nothing() -> None:
    alone = [{"$device_id": "d"}, {"$user_id": "u"}, {"distinct_id": "u"}, {"$device_id": "d", "$user_id": ""}]
    assert [asked(event(ids, "a")) for ids in alone] == [[]] * len(alone)


def test_a_device_is_not_linked_to_a_device() -> None:
    assert asked(event({"$device_id": "d", "$user_id": "$device:e"}, "a")) == []
    assert asked(event({"$identified_id": "$device:e", "$anon_id": "d"})) == []


@pytest.mark.parametrize("ids", SPELLINGS.values(), ids=SPELLINGS)
def test_identify_links_the_device_and_the_bare_id_in_simplified_mode(ids: dict[str, Any]) -> None:
    for to in (TRACK, IMPORT, STRICT):
        assert asked(event(ids), to) == [(DEVICE, f"$device:{ANON}", "u"), (DEVICE, ANON, "u")]


@pytest.mark.parametrize("ids", OF_DEVICE.values(), ids=OF_DEVICE)
def test_identify_links_a_device_once_in_simplified_mode(ids: dict[str, Any]) -> None:
    assert asked(event(ids)) == [(DEVICE, f"$device:{ANON}", "u")]


def test_identify_after_another_user_without_a_reset_does_not_link_the_users() -> None:
    """As the browser SDK sends it: what it calls anonymous is the user before."""
    ids = {"distinct_id": "u2", "$anon_distinct_id": "u1", "$user_id": "u2", "$device_id": "d"}
    assert asked(event(ids)) == [(DEVICE, "$device:d", "u2")]


@pytest.mark.parametrize("ids", [*SPELLINGS.values(), *OF_DEVICE.values()], ids=[*SPELLINGS, *OF_DEVICE])
def test_identify_asks_to_link_the_ids_as_given_in_original_mode(ids: dict[str, Any]) -> None:
    anonymous = ids.get("$anon_id") or ids["$anon_distinct_id"]
    for value, to in [(event(ids, project=GAMMA), TRACK), (event(ids), IMPORT_ORIGINAL)]:
        assert asked(value, to) == [(IDENTIFY, anonymous, "u")]


def test_alias_and_merge_ask_in_original_mode() -> None:
    alias = {"distinct_id": "u", "alias": "x", "$device_id": "d", "$user_id": "u"}
    assert asked(event(alias, "$create_alias", GAMMA)) == [(ALIAS, "x", "u")]
    assert asked(event({"$distinct_ids": ["a", "b"]}, "$merge"), IMPORT_ORIGINAL) == [(MERGE, "b", "a")]


def test_alias_and_merge_are_stored_and_ask_for_nothing_in_simplified_mode() -> None:
    assert asked(event({"distinct_id": "u", "alias": "x"}, "$create_alias")) == []
    assert asked(event({"$distinct_ids": ["a", "b"]}, "$merge"), IMPORT) == []


def test_an_id_is_not_linked_to_itself() -> None:
    for project in (ALPHA, GAMMA):
        assert asked(event({"$identified_id": "u", "$anon_id": "u"}, project=project)) == []
        assert asked(event({"distinct_id": "u", "alias": "u"}, "$create_alias", project)) == []


def test_an_event_of_original_mode_belongs_to_the_id_given() -> None:
    ids = {"distinct_id": "$device:d", "$device_id": "d", "$user_id": "u"}
    for given, expected in [
        (ids, "$device:d"),
        (ids | {"distinct_id": "v"}, "v"),
        (ids | {"distinct_id": ""}, "u"),
        ({"$device_id": "d", "$user_id": "u"}, "u"),
        ({"$device_id": "d"}, "$device:d"),
    ]:
        for value, to in [(event(given, "a", GAMMA), TRACK), (event(given, "a"), IMPORT_ORIGINAL)]:
            for stored in outcomes(value, to):
                assert isinstance(stored, StoredEvent)
                assert (stored.distinct_id, stored.device_id, stored.user_id) == (expected, "", "")
                assert stored.links == ()


REFUSED = [
    ("$identify", {"$anon_id": "x"}, "$identified_id"),
    ("$identify", {"distinct_id": "u"}, "$anon_id"),
    ("$identify", {"distinct_id": "u", "$anon_distinct_id": ""}, "$anon_id"),
    ("$create_alias", {"alias": "x"}, "distinct_id"),
    ("$create_alias", {"distinct_id": "u"}, "alias"),
    ("$create_alias", {"distinct_id": "u", "alias": None}, "alias"),
]


@pytest.mark.parametrize(("name", "ids", "field"), REFUSED)
def test_a_request_without_one_of_its_ids_is_rejected(name: str, ids: dict[str, Any], field: str) -> None:
    for project, to in [(ALPHA, TRACK), (GAMMA, TRACK)]:
        assert refused(event(ids, name, project), to) == (f"properties.{field}", f"{field}, missing or empty")
    for to in (IMPORT, STRICT, IMPORT_ORIGINAL):
        message = f"'properties.{field}' is invalid: must not be missing"
        assert refused(event(ids, name), to) == (f"properties.{field}", message)


def test_an_id_that_stands_for_no_one_is_rejected() -> None:
    for field in ("$anon_id", "$anon_distinct_id"):
        found = refused(event({"$identified_id": "u", field: "anonymous"}))
        message = f"'properties.{field}' is invalid: must not be 'anonymous', which stands for no one"
        assert found == (f"properties.{field}", message)


def test_merge_is_rejected_by_track() -> None:
    merge = event({"$distinct_ids": ["a", "b"]}, "$merge", GAMMA)
    assert refused(merge) == ("event", "'event' is invalid: $merge must be sent to /import")


@pytest.mark.parametrize(
    ("ids", "field", "why"),
    [
        (None, "", "must not be missing"),
        ("a", "", "must be a list of two distinct_ids"),
        (["a"], "", "must be a list of two distinct_ids"),
        (["a", "b", "c"], "", "must be a list of two distinct_ids"),
        (["a", "a"], "", "must be two different distinct_ids"),
        ([1, "1"], "", "must be two different distinct_ids"),
        (["a", ""], "[1]", "must not be empty"),
        ([{}, "b"], "[0]", "must be a string"),
        (["none", "b"], "[0]", "must not be 'none', which stands for no one"),
    ],
    ids=repr,
)
def test_merge_without_two_different_ids_is_rejected(ids: Any, field: str, why: str) -> None:
    name = f"properties.$distinct_ids{field}"
    assert refused(event({"$distinct_ids": ids}, "$merge"), IMPORT_ORIGINAL) == (name, f"'{name}' is invalid: {why}")


def test_links_of_a_request_stand_once_and_in_order() -> None:
    pairs = [("d1", "u"), ("d2", "u"), ("d1", "u"), ("d1", "v")]
    events = [event({"$device_id": device, "$user_id": user}, "a") for device, user in pairs]
    identify = event({"distinct_id": "u", "$anon_distinct_id": "$device:d2"})
    sent = send(dumps([identify, *events, identify]), TRACK)
    assert sent.links == {
        ALPHA.project_id: [
            Link(DEVICE, "$device:d2", "u"),
            Link(DEVICE, "$device:d1", "u"),
            Link(DEVICE, "$device:d1", "v"),
        ]
    }


def test_links_of_each_project_are_its_own() -> None:
    ids = {"$identified_id": "u", "$anon_id": f"$device:{ANON}"}
    sent = send(dumps([event(ids), event(ids, project=GAMMA)]), TRACK)
    assert sent.links == {
        ALPHA.project_id: [Link(DEVICE, f"$device:{ANON}", "u")],
        GAMMA.project_id: [Link(IDENTIFY, f"$device:{ANON}", "u", "insert-id-1")],
    }


def test_a_rejected_event_asks_for_nothing() -> None:
    bad = event({"$device_id": "d", "$user_id": "u", "time": "soon"}, "a")
    assert send(dumps([bad]), TRACK).links == {}
    assert send(dumps([event({"$identified_id": "u", "$anon_id": "x", "time": "soon"})]), TRACK).links == {}


def test_singles_taken_together_ask_for_what_each_asks() -> None:
    both = {"distinct_id": "u", "$device_id": "d", "$user_id": "u"}
    values = [event(both, "a"), event(both | {"$anon_id": "x"}), event(both, "a", GAMMA)]
    payload, left_out, _ = ingest_singles([Singles(TRACK, [dumps(value) for value in values])], LearnedReaders())
    assert left_out == [[]]
    links = {entry.project_id: entry.links for entry in decode_entries(payload)}
    of_request = [Link(DEVICE, "$device:x", "u"), Link(DEVICE, "x", "u")]
    assert links == {ALPHA.project_id: [Link(DEVICE, "$device:d", "u"), *of_request], GAMMA.project_id: []}
