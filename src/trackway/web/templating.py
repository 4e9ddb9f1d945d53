"""Templates become HTML here, and nowhere else. Every value is escaped, and a missing value is an error.

Templates see the functions `site_url(path)`, a link below `/app`, and `static_url(name)`, an asset. They see the
filters `local` (milliseconds since the epoch as a time in the project's zone), `grouped` (a number, its digits in
groups of three), `percent` (a part of 1), `duration` (seconds), `seen` (the text of `$last_seen`) and `labelled` (the
rows of a table, each cell with the head of its column).
"""

import re
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from trackway.edge.routes import PAGES_PATH
from trackway.query.sql.days import UTC_DAYS, Days
from trackway.settings.table import Settings
from trackway.web import assets
from trackway.web.limits import EVENT_CSV_COLUMNS_MAX, EVENT_CSV_EVENTS_MAX, EVENT_TABLE_EVENTS_MAX

_days: Final = ContextVar("_days", default=UTC_DAYS)
"""The days of the page that is being drawn. It is a context variable, since imported macros see no values of a page."""


def local(time_ms: float) -> str:
    """`2026-11-23 13:49:36`, in the page's time zone."""
    try:
        return f"{_days.get().local(int(time_ms)):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):  # an expiry in the last days of the calendar, beyond the rules of time zones
        return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def utc_machine(time_ms: float) -> str:
    """A time for `<time datetime>`, in UTC with milliseconds."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seen(text: str) -> str:
    """`$last_seen` of a profile. It is a time in UTC, unless the client has set another value."""
    try:
        return local(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return text


def grouped(number: float) -> str:
    """`1 234 567`, with spaces that do not break."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def duration(seconds: int) -> str:
    """`45 s`, `64 min`, `3 h`, `2 d`: in the largest unit that gives at least two, rounded up."""
    for unit, length_s in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length_s:
            return f"{-(-seconds // length_s)} {unit}"
    return f"{seconds} s"


def percent(part: float) -> str:
    """`12.3 %` of a part of 1."""
    return f"{100 * part:.1f}\N{NARROW NO-BREAK SPACE}%"


def capitalize_first(text: str) -> str:
    """An error's text as a sentence of a page."""
    return text[:1].upper() + text[1:]


_ROW: Final = re.compile("(<tr[ >])")
_CELL: Final = re.compile("<(t[dh])(?=[ >])")


def labelled(rows: Markup, heads: Sequence[str]) -> Markup:
    """Rows of a table, each cell with the head of its column. A narrow screen shows a row as a card, with the head
    beside each cell. Values are escaped already, so all cell tags are those of the template."""
    parts = []
    for row in _ROW.split(str(rows)):
        left = iter(heads)
        parts.append(_CELL.sub(lambda cell, left=left: f'<{cell[1]} data-head="{escape(next(left, ""))}"', row))
    return Markup("".join(parts))  # noqa: S704  # our own markup, with a head escaped


_environment: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_environment.filters.update(
    local=local,
    utc_machine=utc_machine,
    grouped=grouped,
    duration=duration,
    percent=percent,
    capitalize_first=capitalize_first,
    labelled=labelled,
    query_fields=partial(parse_qsl, keep_blank_values=True),
    seen=seen,
)
_environment.globals.update(
    event_table_max=EVENT_TABLE_EVENTS_MAX,
    event_csv_max=EVENT_CSV_EVENTS_MAX,
    event_csv_columns_max=EVENT_CSV_COLUMNS_MAX,
)


def draw(template: str, settings: Settings, status: int = 200, days: Days = UTC_DAYS, /, **values: Any) -> HTMLResponse:
    """A template as a response, with times in the zone of `days`. Templates that extend `base.html` need `visitor`,
    `csrf`, `page` (or None) and `title`."""
    above = settings.path_prefix + PAGES_PATH
    text = _rendered(
        template,
        days,
        site_url=partial(_below, above),
        static_url=lambda name: above + assets.versioned(name),
        region=settings.region,
        **values,
    )
    return HTMLResponse(text, status)


def fragment(template: str, days: Days, /, **values: Any) -> str:
    """A part of a page, which a script inserts."""
    return _rendered(template, days, **values)


def _rendered(template: str, days: Days, /, **values: Any) -> str:
    before = _days.set(days)
    try:
        return _environment.get_template(template).render(**values)
    finally:
        _days.reset(before)


def _below(above: str, path: str) -> str:
    return above + path
