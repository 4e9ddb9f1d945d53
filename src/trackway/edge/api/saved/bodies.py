"""What the bodies for saved reports and for cohorts share."""

from collections.abc import Container
from typing import Any

import msgspec

from trackway.domain.errors import RequestError
from trackway.projects.saved import check_description, check_saved_name


class Described(msgspec.Struct):
    """The body of a POST or PATCH: what it leaves out stays, or is nothing yet."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    deleted: bool = False


def described(body: Described) -> dict[str, Any]:
    """The columns that every body may have. Raises RequestError 400, and InvalidInput for what cannot be saved."""
    if body.deleted:
        raise RequestError(400, "deleted must not be true: send a DELETE instead")
    columns: dict[str, Any] = {}
    if body.name is not msgspec.UNSET:
        columns["name"] = check_saved_name(body.name)
    if body.description is not msgspec.UNSET:
        columns["description"] = check_description(body.description)
    return columns


def check_complete(columns: Container[str], *needed: tuple[str, str]) -> None:
    """Refuse a new one that lacks a column. `needed`: columns, each with the field of the body that gives it."""
    for column, field in needed:
        if column not in columns:
            raise RequestError(400, f"{field} is required")
