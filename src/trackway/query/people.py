"""A page of people: those that a profile query chooses, in its order, with some of their properties.

The query is that of the API. The store sorts ids and gives properties of one page only. A page of few people may still
be large, since a list in a profile has any length.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from trackway.query.profile_query import ProfileQuery, chosen_profiles, in_blocks, placed_sql
from trackway.query.profile_search import Shown, shown_value
from trackway.query.sql.tables import rows_from
from trackway.store.reader import Reader

_PIECE: Final = "SELECT place, line %s WHERE place >= {first:UInt64}"


class _Line(msgspec.Struct):
    id: str = msgspec.field(name="$distinct_id")
    properties: dict[str, msgspec.Raw] = msgspec.field(name="$properties")


_line_of = msgspec.json.Decoder(_Line).decode


class PersonRow(NamedTuple):
    """A person of a list, and those of the chosen properties that its profile has."""

    id: str
    values: Mapping[str, Shown]


async def people(reader: Reader, query: ProfileQuery, first: int, count: int) -> list[PersonRow]:
    """So many people from a place on, which is 0 for the first. Raises StoreError, and ExpressionError as the query."""
    sql, parameters = placed_sql(query, first + count)
    asked = _PIECE % rows_from(sql)
    end = query.settings

    async def ask(settings: str) -> list[tuple[Any, ...]]:
        return await reader.rows(query.project_id, asked + settings + end, parameters | {"first": first})

    found = [(int(place), _line_of(line)) for place, line in await in_blocks(ask)]
    return [_row(line) for _, line in sorted(found, key=lambda each: each[0])]


async def people_count(reader: Reader, query: ProfileQuery) -> int:
    """How many people the query chooses. Raises as `people`."""
    parameters: dict[str, Any] = {}
    sql = f"SELECT count() {chosen_profiles(query._replace(output_properties=None, order=None), parameters)}"
    end = query.settings
    [(number,)] = await in_blocks(lambda settings: reader.rows(query.project_id, sql + settings + end, parameters))
    return int(number)


def _row(line: _Line) -> PersonRow:
    return PersonRow(line.id, {name: shown_value(raw) for name, raw in line.properties.items()})
