"""What an export's query string asks for (protocol §7, openapi/export): every parameter, good and bad."""

from datetime import date
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.edge.rate_limit_processes import a_project
from tests.support.examples import examples
from trackway.domain.errors import RequestError, StorageError
from trackway.edge.api.raw_export import read_query
from trackway.edge.wire.parameters import read_parameters
from trackway.edge.wire.streaming import accepts_gzip, refusal
from trackway.query.export import ExportQuery
from trackway.query.expressions import parse
from trackway.store.errors import StoreError

DATES = b"from_date=2026-01-31&to_date=2026-02-28"
BASE = ExportQuery(1, date(2026, 1, 31), date(2026, 2, 28), None, None, False, True)

# (query string after the dates, what differs)
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("", {}),
    ("&event=", {}),
    ("&event=[]", {}),
    ('&event=["a"]', {"events": ["a"]}),
    ('&event=["a","b c"]', {"events": ["a", "b c"]}),
    ("&event=" + quote('["ü","\\u00fc","\'\\"%"]'), {"events": ["ü", "ü", "'\"%"]}),
    ("&limit=1", {"limit": 1}),
    ("&limit=100000", {"limit": 100_000}),
    ("&limit=", {}),
    ("&time_in_ms=true", {"time_in_ms": True}),
    ("&time_in_ms=1", {"time_in_ms": True}),
    ("&time_in_ms=FALSE", {}),
    ("&deduplicate=false", {"deduplicated": False}),
    ("&deduplicate=0", {"deduplicated": False}),
    ("&deduplicate=True", {}),
    ("&project_id=1", {}),
    ("&where=", {}),
    ("&where=%20", {}),
    ("&unknown=1&_=2", {}),
]


@pytest.mark.parametrize(("text", "changes"), GOOD, ids=[row[0] or "dates alone" for row in GOOD])
def test_a_query_string_is_read(text: str, changes: dict[str, Any]) -> None:
    assert read_query(read_parameters(DATES + text.encode()), a_project()) == BASE._replace(**changes)


def test_a_single_day_is_a_range() -> None:
    query = read_query(read_parameters(b"from_date=2026-02-28&to_date=2026-02-28"), a_project())
    assert query.from_date == query.to_date == date(2026, 2, 28)


NO_DATES = "2026-1-1 20260101 2026-02-30 2026-W05-1 2026-01-01T x 1969-12-31 2200-01-01 2026/01/01 ２０２６-01-01"

# (query string, status, message)
BAD: list[tuple[bytes, int, str]] = [
    (b"", 400, "from_date is required, as yyyy-mm-dd"),
    (b"from_date=2026-01-01", 400, "to_date is required, as yyyy-mm-dd"),
    (b"to_date=2026-01-01", 400, "from_date is required, as yyyy-mm-dd"),
    *(
        (b"to_date=2026-01-01&from_date=" + text.encode(), 400, f"from_date must be a date as yyyy-mm-dd, not '{text}'")
        for text in NO_DATES.split()
    ),
    (b"from_date=2026-01-02&to_date=2026-01-01", 400, "from_date must not be after to_date"),
    *((DATES + b"&limit=" + text, 400, "limit must be a whole number from 1 to 100000")
      for text in (b"0", b"-1", b"100001", b"1.5", b"x", b"1e3", b"99999999999999999999", "٣".encode())),
    (DATES + b"&time_in_ms=yes", 400, "time_in_ms must be true or false"),
    (DATES + b"&deduplicate=2", 400, "deduplicate must be true or false"),
    (DATES + b"&where=(1", 400, "where: expected ')' at character 3, found end of text"),
    (DATES + b"&where=1 %26%26 2", 400, "where: unexpected character '&' at character 3"),
    (DATES + b"&where=" + b"1+" * 9000, 400, "where: longer than 8192 bytes"),
    (DATES + b"&event=%FF", 400, "query string must be valid utf8"),
    (b"a=1&" * 70, 400, "data, must not have more than 64 form fields"),
    (b"x" * 70_000, 413, "query string exceeds max limit of 65536 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "status", "message"), BAD, ids=[repr(row[0])[:60] for row in BAD])
def test_a_query_string_that_asks_for_nothing_possible_is_refused(text: bytes, status: int, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        read_query(read_parameters(text), a_project())
    assert (caught.value.status, caught.value.message) == (status, message)


@pytest.mark.parametrize("text", ["{}", "[1]", "[null]", '["a"', "[" * 1000, '["\\ud800"]'])
def test_event_must_be_an_array_of_strings(text: str) -> None:
    with pytest.raises(RequestError, match="event must be a JSON array of strings") as caught:
        read_query(read_parameters(DATES + b"&event=" + quote(text).encode()), a_project())
    assert caught.value.status == 400


@settings(max_examples=examples(200))
@given(st.binary(max_size=50), st.sampled_from([b"", DATES + b"&", b"event=", DATES + b"&event=["]))
def test_any_query_string_is_read_or_refused(text: bytes, head: bytes) -> None:
    try:
        read_query(read_parameters(head + text), a_project())
    except RequestError as error:
        assert error.status in (400, 401, 413)


# (Accept-Encoding, whether gzip is wanted)
ENCODINGS: list[tuple[bytes, bool]] = [
    (b"", False),
    (b"gzip", True),
    (b"GZIP", True),
    (b"x-gzip", True),
    (b"*", True),
    (b"deflate, gzip;q=0.5", True),
    (b"br", False),
    (b"identity", False),
    (b"gzip;q=0", False),
    (b"gzip; q=0.000", False),
    (b"gzip;q=0, *", False),
    (b"*;q=0, gzip", True),
    (b"*;q=0", False),
    (b"gzip;q=0.001", True),
    (b"gzip;q=1.0", True),
    (b"notgzip, gzippy", False),
]


@pytest.mark.parametrize(("header", "wanted"), ENCODINGS, ids=[row[0].decode() for row in ENCODINGS])
def test_gzip_is_used_only_where_it_is_wanted(header: bytes, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


WHERE = BASE._replace(where=parse('properties["a"] == 1'))
TEXT = "store: Code: 241. DB::Exception: (total) memory limit exceeded: would use 601 MiB: While executing SELECT"
UNREADABLE = (503, "the store cannot be read now")


@pytest.mark.parametrize(
    ("error", "query", "told"),
    [
        (
            StoreError(TEXT, 241),
            WHERE,
            (400, "where: needs too much memory, choose fewer days or a simpler expression"),
        ),
        (StoreError(TEXT, 159), WHERE, (400, "where: needs too much time, choose fewer days or a simpler expression")),
        (StoreError(TEXT, 160), WHERE, (400, "where: needs too much time, choose fewer days or a simpler expression")),
        (StoreError(TEXT, 241), BASE, UNREADABLE),
        (StoreError(TEXT, 202), WHERE, UNREADABLE),
        (StoreError(TEXT), WHERE, UNREADABLE),
        (StorageError(TEXT), WHERE, UNREADABLE),
    ],
)
def test_nothing_of_the_stores_own_text_is_told(error: StorageError, query: ExportQuery, told: tuple[int, str]) -> None:
    refused = refusal(error, "export", needy="where:" if query.where is not None else "")
    assert (refused.status, refused.message) == told
    assert (refused.retry_after_s is not None) == (refused.status == 503)
