"""What a field means, by table (protocol §13)."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.lookup.csv_values import json_value

STRINGS = [
    *(
        "Drake",
        " ",
        " 1",
        "1 ",
        "007",
        "02134",
        "+5",
        "1e5",
        "1E5",
        ".5",
        "5.",
        "1,5",
        "0x10",
        "--1",
        "-",
        "NaN",
        "Infinity",
    ),
    *("true ", "yes", "TRUES", "null", "None", "undefined", "2015-10-18", "22:00:00", "2015-10-18T22:00", "1" * 309),
    *(
        "2015-02-30T22:00:00Z",
        "2015-10-18T24:00:00Z",
        "2015-10-18T23:60:00Z",
        "2015-10-18T22:00:60Z",
        "2015-10-18T22:00:00z+1",
    ),
    *("2015-10-18T22:00:00+24:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "10000-01-01T00:00:00Z"),
    *(
        "[",
        "[1]",
        '["a",1]',
        '["a"',
        "[Pop]",
        '{"a":"b"}',
        '"a"',
        "é😀\u2028",
        'tab\tquote"back\\slash',
        "\x00\x1f",
        "１２",
    ),
]


@pytest.mark.parametrize("text", STRINGS)
def test_anything_else_is_a_string(text: str) -> None:
    assert json.loads(json_value(text)) == text


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("", b""),
        ("0", b"0"),
        ("-0", b"-0"),
        ("1700000000", b"1700000000"),
        ("-12.50", b"-12.50"),
        ("123456789012345678901234567890.123456789012345678901234567890", None),
        ("9" * 308, None),
        ("true", b"true"),
        ("TRUE", b"true"),
        ("False", b"false"),
        ("2021-08-21T05:36:01Z", b'"2021-08-21T05:36:01"'),
        ("2015-10-18T22:00:00", b'"2015-10-18T22:00:00"'),
        ("2015-10-18t22:00:00z", b'"2015-10-18T22:00:00"'),
        ("2015-10-18 22:00:00+02:00", b'"2015-10-18T20:00:00"'),
        ("2015-10-18T22:00:00.1200-02:30", b'"2015-10-19T00:30:00.12"'),
        ("2015-10-18T22:00:00.000Z", b'"2015-10-18T22:00:00"'),
        ("0001-01-01T00:00:00Z", b'"0001-01-01T00:00:00"'),
        ("[]", b"[]"),
        ('["Free","Paid"]', b'["Free","Paid"]'),
        (' ["Free"]', b'" [\\"Free\\"]"'),
        ('[ "a" , "\\u00e9" ]', '["a","é"]'.encode()),
    ],
)
def test_value_of(text: str, raw: bytes | None) -> None:
    assert json_value(text) == (text.encode() if raw is None else raw)


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False).map(lambda number: f"{number:f}"))
def test_numbers_keep_their_digits(number: Any) -> None:
    text = str(number)
    raw = json_value(text)
    assert raw == text.encode() or json.loads(raw) == text
    assert json.loads(raw) == text or math.isfinite(json.loads(raw))


ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES))
def test_times_are_told_in_utc(moment: datetime) -> None:
    told = datetime.fromisoformat(json.loads(json_value(moment.isoformat())))
    assert told.replace(tzinfo=UTC) == moment


@given(st.lists(st.text()))
def test_lists_of_strings_come_back(strings: list[str]) -> None:
    assert json.loads(json_value(json.dumps(strings))) == strings


@given(st.text())
def test_any_text_is_one_json_value_or_none(text: str) -> None:
    raw = json_value(text)
    assert (raw == b"") == (text == "")
    if raw:
        json.loads(raw)


def test_what_is_not_utf8_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        json_value("a\udcff")
