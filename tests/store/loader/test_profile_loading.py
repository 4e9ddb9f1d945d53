"""Profiles with a real journal and a real store: every update counts exactly once, whoever is killed when."""

import json
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.loader.expected import SECOND_US, Sending, payload
from tests.support.loader.profile_requests import LOGINS, NOW_US, STORY, USER, entry_of, request, update
from tests.support.loader.story import FailingStore, Killed, Place, unguarded
from tests.support.store.tables import emptied, merge_all
from trackway.domain.entry import Update, decode_entries, encode_entries
from trackway.journal.segments.reader import Reader
from trackway.loader import profile_loading
from trackway.loader.batch import NOT_STORABLE
from trackway.loader.fold import NOT_A_LIST, fold, properties_text, read_properties
from trackway.loader.limits import PROFILE_ROWS_BYTES_MAX
from trackway.loader.placed import Placed
from trackway.loader.profile_loading import UNKNOWN, Change, ProfileKey, State, folded_row, insert_profiles
from trackway.store.client import Store
from trackway.store.errors import StoreError

ODD_IDS = ["a", "A", "ü", "'", '"', "\\", "\\'", "\\n", "\n", "\t", "\x00", "{keys:String}", "%s", " ", "💶" * 255, "0"]


def test_updates_are_loaded_once(place: Place) -> None:
    place.append_payloads([*STORY])
    place.load()
    place.check()
    assert place.profiles()[ProfileKey(7, USER, "ann")]["logins"] == 4


def test_updates_are_loaded_once_between_events(place: Place) -> None:
    for number, each in enumerate(STORY):
        place.append_payloads([each])
        place.append(Sending(number * SECOND_US, [number, None, -1]))
    place.load()
    place.check()


def test_updates_in_small_batches_give_the_same(place: Place, tiny_batches: None) -> None:
    place.append_payloads([*STORY])
    place.load()
    place.check()
    assert len(place.ask("SELECT DISTINCT to_position FROM loads")) > 2


def test_profiles_are_changed_by_what_comes_after_a_restart(place: Place) -> None:
    for each in STORY:
        place.append_payloads([each])
        place.load()
        place.check()


def test_loading_updates_again_from_the_beginning_changes_nothing(place: Place, tiny_batches: None) -> None:
    place.append_payloads([*STORY])
    place.load()
    with closing(Store(place.url)) as store:
        emptied(store, "loads")
    place.load()
    place.check()


@pytest.fixture
def tiny_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of about two of the story's requests."""
    monkeypatch.setattr("trackway.loader.loop.LOAD_BATCH_BYTES_MAX", 200)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(4))
def test_a_loader_killed_at_any_insert_applies_no_update_twice(
    place: Place, tiny_batches: None, at: int, after: bool
) -> None:
    place.append_payloads([*STORY])
    store = FailingStore(place.url, at, after=after, error=Killed())
    with pytest.raises(Killed):
        place.load(store)
    assert store.failed
    place.load()
    place.check()


def test_updates_of_a_device_go_to_its_user_once_it_has_one(place: Place) -> None:
    place.append_payloads([*LOGINS])
    place.load()
    place.check()
    seen = {key.profile_id: profile.get("seen") for key, profile in place.profiles().items() if not key.group_key}
    assert seen == {"$device:d": [1, 7], "ann": [2, 3, 4, 6], "eve": [5], "anna": [8]}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(0, 12, 2))
def test_a_loader_killed_at_any_insert_updates_the_same_persons(
    place: Place, tiny_batches: None, at: int, after: bool
) -> None:
    place.append_payloads([*LOGINS])
    store = FailingStore(place.url, at, after=after, error=Killed())
    with pytest.raises(Killed):
        place.load(store)
    place.load()
    place.check()


@pytest.mark.parametrize(("at", "after"), [(0, True), (1, False), (1, True)])
def test_a_failed_insert_is_tried_again_with_later_updates_too(place: Place, at: int, after: bool) -> None:
    place.append_payloads([*STORY[:4]])

    class GrowingStore(FailingStore):
        """While the loader is in trouble, the journal grows."""

        def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
            if self.failed and len(place.payloads) == 4:
                place.append_payloads([*STORY[4:]])
            return super().query(sql, parameters)

    store = GrowingStore(place.url, at, after=after, error=StoreError("store: connection failed"))
    place.load(store)
    assert store.failed
    place.check()


def test_a_row_that_arrives_late_from_a_killed_loader_changes_nothing(place: Place) -> None:
    """The first loader's insert is on its way while the next one reads, folds and inserts."""
    late: list[tuple[str, tuple[str, ...], list[bytes]]] = []

    class LateStore(Store):
        def insert_rows(self, table: str, columns: Sequence[str], rows: Any, *rest: Any, **more: Any) -> int:
            if table == "profiles":
                late.append((table, tuple(columns), list(rows)))
                raise Killed
            return super().insert_rows(table, columns, rows, *rest, **more)

    place.append_payloads([*STORY[:5]])
    with closing(LateStore(place.url)) as killed, pytest.raises(Killed):
        place.load(killed)
    with closing(Store(place.url)) as store:
        place.load()
        store.insert_rows(*late[0])
        place.check()
        place.append_payloads([*STORY[5:]])
        place.load()
        store.insert_rows(*late[0])
        place.check()
        merge_all(store, "profiles")
        place.check()


def test_a_late_row_with_updates_not_yet_loaded_takes_none_of_them_twice(place: Place, tiny_batches: None) -> None:
    """The killed loader had folded more than its successor's first batch."""
    place.append_payloads([*STORY])
    with closing(Store(place.url)) as store:
        insert_profiles(
            store, [Placed(record.position, each, 1) for record, each in placed_entries(place)[:6]], unguarded
        )
    place.load()
    place.check()


def placed_entries(place: Place) -> list[Any]:
    reader = Reader(place.directory, 0)
    try:
        return [(record, each) for record in reader.read(1 << 20) for each in decode_entries(record.payload)]
    finally:
        reader.close()


def test_a_deleted_profile_is_gone_stays_gone_when_merged_and_may_come_back(place: Place) -> None:
    place.append_payloads([request(update("ann", {"$set": {"a": 1}})), request(update("ann", {"$delete": ""}))])
    place.load()
    assert place.profiles() == {}
    with closing(Store(place.url)) as store:
        merge_all(store, "profiles")
        assert place.profiles() == {}
        assert store.query("SELECT deleted, properties FROM profiles") == [(1, "{}")]
    place.append_payloads([request(update("ann", {"$set_once": {"b": 2}}))])
    place.load()
    assert place.profiles() == {ProfileKey(7, USER, "ann"): {"b": 2}}


def test_profiles_are_told_apart_by_project_group_key_and_any_id(place: Place, tiny_batches: None) -> None:
    for number, profile_id in enumerate(ODD_IDS):
        for group_key in (USER, "company", profile_id):
            place.append_payloads(
                [request(update(profile_id, {"$add": {"n": number}}, group_key), project_id=7 + number)]
            )
    place.load()
    place.append_payloads([request(*(update(each, {"$add": {"n": 1000}}, "company") for each in ODD_IDS))])
    place.load()
    place.check()
    assert len(place.profiles()) == 4 * len(ODD_IDS) - 1


def test_the_row_of_a_profile_names_position_and_arrival_of_its_last_update(place: Place) -> None:
    entries = [entry_of(update("ann", {"$add": {"n": 1}}), received_us=NOW_US + number) for number in range(3)]
    place.append_payloads([encode_entries([each]) for each in entries])
    place.load()
    last = placed_entries(place)[-1][0].position
    sql = "SELECT position, deleted, toUnixTimestamp64Micro(updated) FROM profiles"
    assert place.ask(sql) == [(last, 0, NOW_US + 2)]


def test_an_update_that_cannot_be_read_is_kept_as_rejected_and_holds_up_nothing(place: Place) -> None:
    broken = Update(USER, "bob", b'{"$increment": {"n": 1}}')
    good = update("ann", {"$add": {"n": 1}})
    place.append_payloads([STORY[0], request(good, broken, good), STORY[1]])
    place.load()
    assert place.profiles()[ProfileKey(7, USER, "ann")] == {
        "plan": "free",
        "$last_seen": "2026-01-01T00:00:00",
        "logins": 3,
        "n": 2,
    }
    assert Counter({(count.outcome, count.reason): number for count, number in place.counts().items()}) == {
        ("stored", ""): 6,
        ("rejected", NOT_STORABLE): 1,
    }
    assert place.ask("SELECT `index`, endpoint, original FROM rejected_records FINAL") == [
        (1, 3, '{"$increment": {"n": 1}}')
    ]


def test_a_record_with_an_update_that_cannot_be_read_is_not_both_stored_and_rejected(place: Place) -> None:
    (events,) = decode_entries(payload(Sending(0, [1, 2]), place.began_us))
    broken = Update(USER, "bob", b'{"$increment": {"n": 1}}')
    both = msgspec.structs.replace(events, updates=[update("ann", {"$add": {"n": 1}}), broken])
    place.append_payloads([encode_entries([both])])
    place.load()
    assert place.stored() == []
    assert Counter({count.outcome: number for count, number in place.counts().items()}) == {"stored": 1, "rejected": 3}
    assert place.profiles() == {ProfileKey(events.project_id, USER, "ann"): {"n": 1}}


def test_many_profiles_of_one_kind_are_asked_for_by_themselves(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class WatchedStore(Store):
        def stream(self, sql: str, parameters: Any = None, format: str = "JSONEachRow", settings: Any = None) -> Any:
            given = (parameters or {}).items()
            asked.extend(len(json.loads(value)) for name, value in given if name in ("ids", "keys"))
            return super().stream(sql, parameters, format, settings)

    monkeypatch.setattr(profile_loading, "PROFILES_ASKED_ALONE_MIN", len(ODD_IDS))
    kinds = [(USER, ODD_IDS), ("company", ODD_IDS), ("'", ODD_IDS[:3]), ("\\n", ODD_IDS[3:5])]
    for _ in range(3):
        updates = [update(each, {"$add": {"n": 1}}, group_key) for group_key, ids in kinds for each in ids]
        place.append_payloads([request(*updates), request(update("a", {"$add": {"n": 1}}), project_id=8)])
        with closing(WatchedStore(place.url)) as store:
            place.load(store)
    place.check()
    assert asked == [len(ODD_IDS), len(ODD_IDS), 3 + 2 + 1] * 3


def test_profiles_are_asked_for_and_inserted_in_parts(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_loading, "PROFILES_ASKED_AT_ONCE_BYTES_MAX", 500)
    monkeypatch.setattr(profile_loading, "PROFILE_ROWS_BYTES_MAX", 300)
    for _ in range(2):
        place.append_payloads([request(*(update(f"user-{number}", {"$add": {"n": number}}) for number in range(100)))])
        place.load()
    place.check()


def test_a_store_short_of_memory_is_asked_for_fewer_profiles_at_once_and_what_is_left_alone_counts_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SmallStore(Store):
        """Cannot hold more than three states, and notices only after some pieces of the answer."""

        def stream(
            self,
            sql: str,
            parameters: Mapping[str, Any] | None = None,
            format: str = "JSONEachRow",
            settings: Mapping[str, str] | None = None,
        ) -> Generator[bytes]:
            yield from super().stream(sql, parameters, format, settings)
            if "ids" in (parameters or {}) and len(json.loads((parameters or {})["ids"])) > 3:
                raise StoreError("store: Code: 241. DB::Exception: memory limit exceeded", 241)

    for _ in range(2):
        place.append_payloads([request(*(update(f"user-{number}", {"$add": {"n": 1}}) for number in range(10)))])
        with closing(SmallStore(place.url)) as store:
            place.load(store)
    place.check()
    wrong = entry_of(*(update(f"user-{number}", {"$append": {"n": 1}}) for number in range(10)))
    for position, rows_bytes_max in ((1 << 40, PROFILE_ROWS_BYTES_MAX), (1 << 41, 60)):  # 60: some rows are inserted
        monkeypatch.setattr(profile_loading, "PROFILE_ROWS_BYTES_MAX", rows_bytes_max)
        with closing(SmallStore(place.url)) as store:
            assert insert_profiles(store, [Placed(position, wrong, 1)], unguarded) == {NOT_A_LIST: 10}


KEY = ProfileKey(7, USER, "ann")
OPERATIONS = st.sampled_from(
    [
        {"$add": {"n": 1}},
        {"$append": {"list": 1}},
        {"$set_once": {"n": 5}},
        {"$set": {"n": 2}, "$remove": {"list": 1}},
        {"$delete": ""},
    ]
)


def state_of(row: bytes | None, before: State) -> State:
    """The state that a row of `KEY` stands for."""
    if row is None:
        return before
    head = len(KEY.project_id.to_bytes(4)) + 1 + 1 + len(KEY.profile_id)
    position = int.from_bytes(row[head : head + 8], "little")
    deleted, text = row[head + 8], row[head + 17 :]
    text = text[text.index(b"{") :]
    return State(position, None if deleted else read_properties(text))


@given(
    st.lists(st.tuples(OPERATIONS, st.booleans()), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=5),
)
def test_any_runs_of_updates_loaded_again_and_again_apply_each_once(
    updates: list[tuple[Mapping[str, Any], bool]], runs: list[tuple[int, int]]
) -> None:
    changes: list[Change] = []
    for operations, same_request in updates:
        last = changes[-1].position if changes else 100
        position = last if same_request and changes else last + 10
        changes.append(Change(position, 0, update("ann", operations)))
    state, reached = UNKNOWN, 0
    for begin, length in [*runs, (0, len(changes))]:
        end = whole_request(changes, max(begin + length, reached))
        state = state_of(folded_row(KEY, state, changes[min(begin, reached) : end], Counter()), state)
        reached = max(reached, end)
    expected = fold(None, [each.update.operations for each in changes]).properties
    assert (state.properties is None) == (expected is None)
    assert properties_text(state.properties) == properties_text(expected)
    assert state.position == changes[-1].position


def whole_request(changes: Sequence[Change], end: int) -> int:
    """Where the request that the change before `end` is in ends: a batch never cuts one."""
    while 0 < end < len(changes) and changes[end].position == changes[end - 1].position:
        end += 1
    return min(end, len(changes))
