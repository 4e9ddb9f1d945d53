"""The form that chooses events: a page's query string becomes a filter, and a filter a query string again.

What is empty does not count. Times are of the events, in UTC, as a browser's field for a moment writes them.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from starlette.datastructures import QueryParams

from trackway.errors import RequestError
from trackway.limits import EVENT_FILTER_PROPERTIES_MAX, FILTER_CHARACTERS_MAX
from trackway.query.event_filter import EventFilter

_YEARS = (1970, 2199)


class Chosen(NamedTuple):
    """The filter, and what its form shows. `properties` has one pair more than the filter, to be filled in."""

    wanted: EventFilter
    event: str
    distinct_id: str
    properties: list[tuple[str, str]]
    begin: str
    end: str

    @property
    def query(self) -> dict[str, str]:
        """The query string that means the same; empty when everything is wanted."""
        named = {"event": self.event, "distinct_id": self.distinct_id, "begin": self.begin, "end": self.end}
        for number, (name, value) in enumerate(self.wanted.properties, 1):
            named |= {f"property{number}": name, f"value{number}": value}
        return {name: value for name, value in named.items() if value}


def read_chosen(query: QueryParams) -> Chosen:
    """What is asked for. Raises RequestError 400, naming the field."""
    begin, end = _text(query, "begin"), _text(query, "end")
    pairs = [
        (name, _text(query, f"value{number}"))
        for number in range(1, EVENT_FILTER_PROPERTIES_MAX + 1)
        if (name := _text(query, f"property{number}"))
    ]
    wanted = EventFilter(
        _text(query, "event"), _text(query, "distinct_id"), pairs, _moment_ms(begin, "begin"), _moment_ms(end, "end")
    )
    shown = pairs if len(pairs) == EVENT_FILTER_PROPERTIES_MAX else [*pairs, ("", "")]
    return Chosen(wanted, wanted.event, wanted.distinct_id, shown, begin, end)


def _text(query: QueryParams, name: str) -> str:
    value = query.get(name, "")
    if len(value) > FILTER_CHARACTERS_MAX:
        raise RequestError(400, f"{name} must have at most {FILTER_CHARACTERS_MAX} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise RequestError(400, f"{name} must be valid utf8")
    return value


def _moment_ms(text: str, name: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise RequestError(400, f"{name} must be a time such as 2026-11-23T13:30, from {_YEARS[0]} to {_YEARS[1]}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)
