"""Whether a query may name columns of lookup tables, and which properties of its project are mapped to tables.

No process keeps mappings in memory. A query that may name a column reads them from the projects database, so that a
change counts for the next question at every process. Other queries do not wait for that.
"""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from trackway.projects.saved import LookupMapping
from trackway.query.expressions import Expression, event_properties, user_properties
from trackway.query.mapped_tables import Mapped
from trackway.query.sql.lookups import ARROW

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_SIGNS: Final = (ARROW.strip(), f"{ord(ARROW.strip()):x}")
"""The arrow as it is, and the digits of its escape in JSON."""


def may_name_columns(parameters: Mapping[str, str]) -> bool:
    """Whether a text of the request may name a column, in an expression or in a document."""
    return any(sign in text for text in parameters.values() for sign in _SIGNS)


def names_columns(where: Expression | None) -> bool:
    """Whether an expression may name a column."""
    return where is not None and any(ARROW in name for name in (*event_properties(where), *user_properties(where)))


def mapped_of(saved: "Saved", project_id: int) -> tuple[Mapped, ...]:
    """The mapped properties of a project."""
    return tuple(
        Mapped(each.property, each.of_user, uuid.UUID(each.table_id)) for each in saved.all(LookupMapping, project_id)
    )
