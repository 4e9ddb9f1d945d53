"""The form that filters events: a query string becomes a filter, and a filter a query string.

Empty fields do not count. Times are the events' own, in the project's time zone, in the form of a browser's
`datetime-local` field.
"""

from datetime import datetime
from typing import NamedTuple

from starlette.datastructures import QueryParams

from trackway.domain.errors import RequestError
from trackway.query.sql.days import Days
from trackway.query.sql.event_filter import EventFilter
from trackway.web.limits import EVENT_FILTER_PROPERTIES_MAX, FILTER_CHARACTERS_MAX

_YEARS = (1970, 2199)


class Chosen(NamedTuple):
    """The filter, and the fields of its form. `properties` has one more pair than the filter, which is empty."""

    wanted: EventFilter
    event: str
    distinct_id: str
    properties: list[tuple[str, str]]
    begin: str
    end: str

    @property
    def query(self) -> dict[str, str]:
        """The query string of this filter. Empty for the filter that all events match."""
        named = {"event": self.event, "distinct_id": self.distinct_id, "begin": self.begin, "end": self.end}
        for number, (name, value) in enumerate(self.wanted.properties, 1):
            named |= {f"property{number}": name, f"value{number}": value}
        return {name: value for name, value in named.items() if value}


def read_chosen(query: QueryParams, days: Days) -> Chosen:
    """The filter of a query string, its times in the zone of `days`. Raises RequestError 400, naming the field."""
    begin, end = _text(query, "begin"), _text(query, "end")
    pairs = [
        (_text(query, f"property{number}"), _text(query, f"value{number}"))
        for number in range(1, EVENT_FILTER_PROPERTIES_MAX + 1)
    ]
    pairs = [(name, value) for name, value in pairs if name or value]
    begins_ms, ends_ms = _moments_ms(begin, "begin", days), _moments_ms(end, "end", days)
    # An hour that the clocks show twice is included twice.
    from_ms, before_ms = begins_ms and begins_ms[0], ends_ms and ends_ms[1]
    if from_ms is not None and before_ms is not None and from_ms >= before_ms:
        raise RequestError(400, "begin must be earlier than end: no event is from then and before then")
    wanted = EventFilter(_text(query, "event"), _text(query, "distinct_id"), pairs, from_ms, before_ms)
    shown = pairs if len(pairs) == EVENT_FILTER_PROPERTIES_MAX else [*pairs, ("", "")]
    return Chosen(wanted, wanted.event, wanted.distinct_id, shown, begin, end)


def _text(query: QueryParams, name: str) -> str:
    value = query.get(name, "")
    if len(value) > FILTER_CHARACTERS_MAX:
        raise RequestError(400, f"{name} must have at most {FILTER_CHARACTERS_MAX} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise RequestError(400, f"{name} must be valid utf8")
    return value


def _moments_ms(text: str, name: str, days: Days) -> tuple[int, int] | None:
    """The first and the last instant at which the clocks show a time. None for no time."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise RequestError(400, f"{name} must be a time such as 2026-11-23T13:30, from {_YEARS[0]} to {_YEARS[1]}")
    if moment.tzinfo is None:
        return days.instants_ms(moment)
    return (int(moment.timestamp() * 1000),) * 2
