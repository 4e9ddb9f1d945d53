"""Addresses that ask the question of a page's address again, with other fields."""

from urllib.parse import urlencode

from starlette.datastructures import QueryParams


def with_fields(query: QueryParams, **fields: str | None) -> str:
    """The query string with these fields instead of its own of their names; None leaves a field out."""
    kept = [(name, value) for name, value in query.multi_items() if name not in fields]
    return urlencode([*kept, *((name, value) for name, value in fields.items() if value is not None)])
