"""How events are counted, and the reply of reports by key and bucket."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

from tests.support.report_model.clock import Buckets
from tests.support.report_model.project_events import NO_PERSON, Event, users

Points = dict[str, Any]
"""A value for each bucket, by its key."""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def measured(events: Iterable[Event], type: str) -> Any:
    """`general`: events. `unique`: different users. `average`: events for each user, 0 without any; they are events of
    users (`counted`)."""
    events = list(events)
    if type == "general":
        return len(events)
    found = users(events)
    if type == "unique":
        return len(found)
    return len(events) / len(found) if found else 0


def grouped(events: Iterable[Event], keys: Callable[[Event], Iterable[_Key]]) -> dict[_Key, list[Event]]:
    """Events by key; an event with several keys is under each."""
    groups: dict[_Key, list[Event]] = {}
    for event in events:
        for key in keys(event):
            groups.setdefault(key, []).append(event)
    return groups


def counted(events: Iterable[Event], buckets: Buckets, type: str) -> list[Event]:
    """The events that are in a bucket; where users are counted, those of users."""
    found = [event for event in events if buckets.key(event.time_ms) is not None]
    return found if type == "general" else [event for event in found if event.person != NO_PERSON]


def by_bucket(events: Iterable[Event], buckets: Buckets, measure: Callable[[list[Event]], _Value]) -> dict[str, _Value]:
    """A measure of the events of each bucket, of all buckets there are."""
    found = grouped(events, lambda event: [key] if (key := buckets.key(event.time_ms)) is not None else [])
    return {key: measure(found.get(key, [])) for key in buckets.keys}


def points(events: Iterable[Event], buckets: Buckets, type: str) -> Points:
    """The measure of each bucket."""
    return by_bucket(events, buckets, lambda each: measured(each, type))


def points_by_key(groups: Mapping[str, Iterable[Event]], buckets: Buckets, type: str) -> dict[str, Points]:
    """The points of each group, those with the highest totals of points first, equal ones by name."""
    found = {key: points(events, buckets, type) for key, events in groups.items()}
    return dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))


def first(found: Mapping[str, _Value], limit: int) -> dict[str, _Value]:
    return dict(islice(found.items(), limit))


def series(found: Mapping[str, Points], buckets: Buckets) -> dict[str, Any]:
    """The reply of reports by key and bucket."""
    return {"data": {"series": buckets.keys, "values": dict(found)}, "legend_size": len(found)}
