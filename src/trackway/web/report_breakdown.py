"""The breakdown of a report by one property, in a form and in a bookmark."""

from typing import Any, NamedTuple

from starlette.datastructures import QueryParams

from trackway.web.report_fields import choice_of, text_of
from trackway.web.report_filter import RESOURCES, WHOSE


class Breakdown(NamedTuple):
    """A property, "" for no breakdown. `whose` is one of WHOSE."""

    name: str = ""
    whose: str = "event"

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups of a bookmark."""
        return [{"value": self.name, "resourceType": RESOURCES[self.whose]}] if self.name else []


def read_breakdown(query: QueryParams) -> Breakdown:
    """The breakdown in the fields `by` and `by_whose`. Raises RequestError 400."""
    name = text_of(query, "by")
    return Breakdown(name if name.strip() else "", choice_of(query, "by_whose", WHOSE, "event"))
