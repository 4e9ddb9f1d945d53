"""Which events a part of a report is about: those of a name, or every event, and of them those that meet a condition.

Events that ask for links (protocol §6) are nobody's activity, so they are no part of "every event". A report that names
one counts it.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.sql.events import Events, project_events

ANY_EVENT: Final = ("", "$any_event")
"""Names that stand for every event."""
LINKING_EVENTS: Final = ("$identify", "$create_alias", "$merge")
ACTIVITY: Final = f"event NOT IN {LINKING_EVENTS}"
"""SQL over the table of events: the event is part of "every event"."""


class Selector(NamedTuple):
    """Events of a name, or of every name if it is one of ANY_EVENT."""

    event: str = ""
    where: Expression | None = None

    @property
    def is_any(self) -> bool:
        return self.event in ANY_EVENT

    def overlaps(self, other: "Selector") -> bool:
        """Whether one event may be chosen by both; conditions are not compared."""
        return self.is_any or other.is_any or self.event == other.event


def named_by(project_id: int, selectors: Sequence[Selector]) -> Events:
    """A project's events that have a name which one of the selectors chooses."""
    events = project_events(project_id)
    names = list(dict.fromkeys(each.event for each in selectors if not each.is_any))
    if len(names) == len({each.event for each in selectors}):
        return events.named(names)
    return events if set(names).intersection(LINKING_EVENTS) else events.having(key=[ACTIVITY])
