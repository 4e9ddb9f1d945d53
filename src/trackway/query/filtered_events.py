"""A filter of events, with what the store must be asked first: the ids of its person, and what the project's identity
has."""

from typing import Any, NamedTuple

from trackway.query.expressions import Expression
from trackway.query.identity_lookup import ids_of, known, known_links
from trackway.query.sql.event_filter import EventFilter, filtered_events, properties_expression
from trackway.query.sql.events import Events
from trackway.query.sql.person import Known
from trackway.query.sql.scope import Rows, copies_of, needs_of
from trackway.store.reader import Reader


class FilteredEvents(NamedTuple):
    """Events, copies included, of those only the ones for which `where` is true."""

    events: Events
    where: Expression | None
    known: Known

    def having(self, *row: str, **parameters: Any) -> "FilteredEvents":
        """Those of them that meet further conditions on short columns."""
        return self._replace(events=self.events.having(row=row, **parameters))

    def rows(self) -> Rows:
        """Their rows. Raises ExpressionError for properties whose SQL is too large."""
        return copies_of(self.events, self.known, self.where)


async def find(reader: Reader, project_id: int, wanted: EventFilter) -> FilteredEvents:
    """The events that a filter chooses. Raises StoreError, and ExpressionError for properties whose names and values
    are too long together."""
    where = properties_expression(wanted)
    ids, _ = await ids_of(reader, project_id, wanted.distinct_id) if wanted.distinct_id else ([], False)
    needs, found = needs_of(where, wanted.lookups), Known(links=False)
    if needs.failures:
        found = await known(reader, project_id)
    elif needs.person:
        found = await known_links(reader, project_id)
    found = found._replace(lookups=wanted.lookups)
    return FilteredEvents(filtered_events(project_id, wanted, ids), where, found)
