"""Pages of a profile query over a real store: what is on each, and that nothing that happens to profiles moves it."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.query.profile_pages import PRINT, later, pieces_of
from tests.support.query.profiles import insert_profiles
from tests.support.store.process import RunningStore, migrated_store
from tests.support.store.tables import emptied, merge_all
from trackway.domain.limits import PROFILE_SESSION_S, PROFILES_PER_PAGE
from trackway.query.expressions import ExpressionError, parse
from trackway.query.limits import PROFILE_PAGE_BYTES_HELD_MAX
from trackway.query.profile_pages import Session, UnknownSession, read_session
from trackway.query.profile_query import ProfileQuery
from trackway.store.client import Store

MINE, OTHER = 1, 2
ALL = ProfileQuery(MINE)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStore]:
    with migrated_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def store(running: RunningStore) -> Iterator[Store]:
    with closing(Store(running.url)) as client:
        yield client
        emptied(client, "profiles")
        emptied(client, "profile_pages")


def fill(store: Store, count: int, project_id: int = MINE, **properties: Any) -> None:
    rows = ((project_id, "", f"u-{number:05}", {"n": number} | properties) for number in range(count))
    insert_profiles(store, *rows)


def read(pieces: Iterable[bytes]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(b"".join(pieces))
    assert list(answer) == ["page", "page_size", "session_id", "status", "total", "results"]
    assert (answer["page_size"], answer["status"]) == (PROFILES_PER_PAGE, "ok")
    return answer


def first(store: Store, query: ProfileQuery = ALL) -> dict[str, Any]:
    answer = read(pieces_of(store, query))
    assert answer["page"] == 0
    return answer


def numbers(answer: dict[str, Any]) -> list[int]:
    return [each["$properties"]["n"] for each in answer["results"]]


def session_of(answer: dict[str, Any]) -> Session:
    return read_session(answer["session_id"], PRINT)


def rest(store: Store, answer: dict[str, Any], pages: int) -> list[int]:
    """The numbers on the pages behind the first."""
    found: list[int] = []
    for page in range(1, pages + 1):
        answered = read(later(store, MINE, session_of(answer), page))
        assert (answered["page"], answered["total"], answered["session_id"]) == (
            page,
            answer["total"],
            answer["session_id"],
        )
        found += numbers(answered)
    return found


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2000, 2500])
def test_pages_hold_all_profiles_once_and_in_order(store: Store, count: int) -> None:
    fill(store, count)
    answer = first(store)
    assert answer["total"] == count
    assert numbers(answer) == list(range(min(count, 1000)))
    assert numbers(answer) + rest(store, answer, 3) == list(range(count))


def test_a_single_page_leaves_nothing_in_the_store(store: Store) -> None:
    fill(store, 1000)
    first(store)
    assert store.query("SELECT count() FROM profile_pages") == [(0,)]


def test_pages_stay_while_profiles_change_come_and_go(store: Store) -> None:
    fill(store, 2500, v="before")
    answer = first(store)
    rows = [(MINE, "", f"u-{number:05}", {"n": -1}) for number in range(0, 2500, 2)]
    insert_profiles(store, *rows, position=2)
    insert_profiles(store, *((MINE, "", f"u-{number:05}", {}) for number in range(1, 2500, 4)), position=2, deleted=1)
    insert_profiles(store, *((MINE, "", f"u-{number:05}x", {"n": -2}) for number in range(2500)))
    merge_all(store, "profiles")
    answers = [read(later(store, MINE, session_of(answer), page)) for page in range(4)]
    assert answers[0] == answer
    assert [number for each in answers for number in numbers(each)] == list(range(2500))
    assert {each["$properties"]["v"] for answer in answers for each in answer["results"]} == {"before"}


def test_pages_outlive_the_store_process(tmp_path: Path) -> None:
    with migrated_store(tmp_path / "store") as running, closing(Store(running.url)) as store:
        fill(store, 1500)
        answer = first(store)
        running.kill()
        running.start()
        assert rest(store, answer, 1) == list(range(1000, 1500))


def test_a_session_is_of_one_project(store: Store) -> None:
    fill(store, 1500)
    fill(store, 1500, OTHER)
    answer = first(store)
    for page in (0, 1):
        with pytest.raises(UnknownSession):
            read(later(store, OTHER, session_of(answer), page))
    assert read(later(store, OTHER, session_of(answer), 2))["results"] == [], "behind the end there is nothing"


def test_sessions_of_one_project_are_apart(store: Store) -> None:
    fill(store, 2500)
    every = first(store)
    some = first(store, ALL._replace(where=parse('properties["n"] % 2 == 1'), output_properties=["n"]))
    assert (every["total"], some["total"]) == (2500, 1250)
    assert rest(store, some, 2) == list(range(2001, 2500, 2))
    assert rest(store, every, 2) == list(range(1000, 2500))


def test_a_session_never_given_out_is_unknown(store: Store) -> None:
    fill(store, 1500)
    session = session_of(first(store))
    for unknown in (session._replace(key=PRINT + "0" * 16), session._replace(total=9_999_999_999)):
        page = 1 if unknown.total == session.total else 9_999_998
        with pytest.raises(UnknownSession):
            read(later(store, MINE, unknown, page))


NOW = int(time.time())
GOOD = f"{NOW}-1500-{PRINT}{'0' * 16}"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "1234567890-EXAMPL",
        GOOD[:-1],
        GOOD + "0",
        GOOD.replace(PRINT, "0" * 16),
        GOOD.upper(),
        GOOD.replace("-1500", "--1500"),
        GOOD.replace("1500", "١٥٠٠"),
        GOOD.replace(str(NOW), str(NOW - PROFILE_SESSION_S - 1)),
        GOOD.replace(str(NOW), str(NOW + 3600)),
        GOOD.replace("1500", "9" * 400),
        f"{GOOD}-0",
        f"{GOOD}-1001",
        f"{GOOD}-",
    ],
    ids=[
        *("no session", "example", "short", "long", "another print", "upper case", "negative", "other digits"),
        *("ended", "to come", "huge", "empty pages", "large pages", "no page size"),
    ],
)
def test_a_text_that_is_no_session_is_refused(text: str) -> None:
    assert read_session(GOOD, PRINT) == Session(NOW, 1500, PRINT + "0" * 16)
    assert read_session(f"{GOOD}-250", PRINT) == Session(NOW, 1500, PRINT + "0" * 16, 250)
    with pytest.raises(UnknownSession):
        read_session(text, PRINT)


def test_a_page_too_large_to_be_held_is_kept_and_streamed(store: Store) -> None:
    text = "ä" * 10_000
    fill(store, 400, text=text)
    pieces = pieces_of(store, ALL)
    assert len(pieces) > 3, "not in one piece"
    answer = read(pieces)
    assert (answer["total"], numbers(answer)) == (400, list(range(400)))
    assert sum(map(len, pieces)) > PROFILE_PAGE_BYTES_HELD_MAX
    assert {each["$properties"]["text"] for each in answer["results"]} == {text}


def test_blanks_in_a_profile_are_not_taken_for_the_end_of_it(store: Store) -> None:
    columns = ["project_id", "group_key", "profile_id", "position", "deleted", "updated", "properties"]
    rows = [json.dumps([MINE, "", each, 1, 0, 0, '{"n":\n[1,\n2]}']) for each in ("a", "b")]
    store.insert_rows("profiles", columns, "\n".join(rows).encode(), "JSONCompactEachRow")
    answer = first(store)
    assert answer["total"] == 2
    assert [each["$properties"] for each in answer["results"]] == [{"n": [1, 2]}] * 2


def test_an_expression_at_fault_is_told_before_anything_is_kept(store: Store) -> None:
    fill(store, 1500)
    with pytest.raises(ExpressionError, match="expected a boolean at character 1"):
        pieces_of(store, ALL._replace(where=parse('properties["n"] and true')))
    assert store.query("SELECT count() FROM profile_pages") == [(0,)]


def test_rows_outlive_their_session_and_are_dropped_in_the_end(store: Store) -> None:
    columns, now_s = ["project_id", "session", "made", "row", "line"], int(time.time())
    for age_s in (0, PROFILE_SESSION_S + 60, 3 * PROFILE_SESSION_S):
        row = json.dumps([MINE, f"session {age_s}", now_s - age_s, 0, "{}"]).encode()
        store.insert_rows("profile_pages", columns, row, "JSONCompactEachRow")
    merge_all(store, "profile_pages")
    left = store.query("SELECT session FROM profile_pages ORDER BY made DESC")
    assert left == [("session 0",), (f"session {PROFILE_SESSION_S + 60}",)]
