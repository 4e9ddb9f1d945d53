"""Times of a page are written in the zone that the page is drawn in, also by macros that its templates import."""

import pytest
from jinja2 import ChoiceLoader, DictLoader

from trackway.query.sql.days import UTC_DAYS, Days
from trackway.web import templating
from trackway.web.templating import local, seen

TIME_MS = 1_764_419_400_123
"""2025-11-29 12:30:00.123 UTC"""


def drawn(days: Days, text: str, **values: object) -> str:
    """A template of that text, drawn as those of files are."""
    files = templating._environment.loader
    assert files is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templating._environment, "loader", ChoiceLoader([DictLoader({text: text}), files]))
        return templating.fragment(text, days, **values)


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("UTC", "2025-11-29 12:30:00"),
        ("Asia/Kathmandu", "2025-11-29 18:15:00"),
        ("Pacific/Kiritimati", "2025-11-30 02:30:00"),
        ("Pacific/Pago_Pago", "2025-11-29 01:30:00"),
    ],
)
def test_macro_of_another_template_writes_times_in_the_pages_zone(zone: str, shown: str) -> None:
    text = '{% import "parts.html" as parts %}{{ parts.moment(at) }} {{ "2025-11-29T12:30:00"|seen }}'
    machine = '<time datetime="2025-11-29T12:30:00.123Z">'
    assert drawn(Days(zone), text, at=TIME_MS) == f"{machine}{shown}</time> {shown}"
    assert local(TIME_MS) == "2025-11-29 12:30:00", "the zone is that of one page"


def test_zone_does_not_outlive_a_page_that_fails() -> None:
    with pytest.raises(ZeroDivisionError):
        drawn(Days("Asia/Tokyo"), "{{ 1 / 0 }}")
    assert local(TIME_MS) == "2025-11-29 12:30:00"


@pytest.mark.parametrize("text", ["", "yesterday", "2025-11-29", "2025-13-29T12:30:00", "2025-11-29T12:30:00Z"])
def test_last_seen_that_is_no_time_is_shown_as_it_is(text: str) -> None:
    assert seen(text) == text


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_ends_of_the_calendar_have_a_time(zone: str) -> None:
    """An account may expire at any moment that RFC 3339 can say; `$last_seen` may be any text."""
    text = "{{ 253402300799000|local }} {{ '9999-12-31T23:59:59'|seen }} {{ '0001-01-01T00:00:00'|seen }} {{ 0|local }}"
    last, same, first, zero = drawn(Days(zone), text.replace(" {{", "|{{")).split("|")
    assert last == same == "9999-12-31 23:59:59 UTC"
    assert first.endswith("-01-01 00:00:00 UTC")
    assert zero[:4] in ("1969", "1970")


def test_page_of_no_project_is_in_utc() -> None:
    assert drawn(UTC_DAYS, "{{ 0|local }}") == "1970-01-01 00:00:00"
