"""Saved reports: `/api/app/projects/ID/bookmarks` as Mixpanel's query SDK reads it, and `funnels/list`
(openapi/query funnels-list-saved).

The definition of a report is kept as it came. A change replaces the fields that its body names.
"""

from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from trackway.edge.api.endpoint_shell import Asked
from trackway.edge.api.saved.bodies import Described, check_complete, described
from trackway.edge.api.saved.requests import creator_of, ids_of
from trackway.edge.api.service_account_requests import decode_body, moment
from trackway.projects.saved import Bookmark, check_bookmark_type, check_object

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_FUNNELS = "funnels"


class _Body(Described):
    """The body of a POST or PATCH, which cannot change the type. Fields for dashboards and icons are ignored: there are
    none."""

    type: str | msgspec.UnsetType = msgspec.UNSET
    params: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def every(saved: "Saved", asked: Asked) -> object:
    """All, or those that `type` and `ids` choose. With `v=2` in the envelope of that version."""
    wanted = asked.parameters.get("type", "")
    chosen = {"type": check_bookmark_type(wanted)} if wanted else {}
    shown = [_shown(each) for each in saved.all(Bookmark, asked.project.project_id, ids_of(asked.parameters), **chosen)]
    return {"results": shown} if asked.parameters.get("v") == "2" else shown


def create(saved: "Saved", asked: Asked) -> object:
    new = decode_body(asked.body, _Body)
    columns = {"description": "", **_columns(new)}
    if new.type is not msgspec.UNSET:
        columns["type"] = check_bookmark_type(new.type)
    check_complete(columns, ("name", "name"), ("type", "type"), ("params", "params"))
    return _shown(saved.create(Bookmark, asked.project.project_id, columns, creator_of(asked)))


def one(saved: "Saved", asked: Asked) -> object:
    return _shown(saved.one(Bookmark, asked.project.project_id, asked.request.ids["bookmark"]))


def change(saved: "Saved", asked: Asked) -> object:
    columns = _columns(decode_body(asked.body, _Body))
    return _shown(saved.change(Bookmark, asked.project.project_id, asked.request.ids["bookmark"], columns))


def remove(saved: "Saved", asked: Asked) -> object:
    saved.delete(Bookmark, asked.project.project_id, asked.request.ids["bookmark"])
    return {"id": asked.request.ids["bookmark"]}


def funnels(saved: "Saved", asked: Asked) -> object:
    """`funnels/list`: the saved reports of type funnels."""
    found = saved.all(Bookmark, asked.project.project_id, type=_FUNNELS)
    return [{"funnel_id": each.bookmark_id, "name": each.name} for each in found]


def _columns(body: _Body) -> dict[str, Any]:
    columns = described(body)
    if body.params is not msgspec.UNSET:
        columns["params"] = check_object("params", bytes(body.params).decode())
    return columns


def _shown(bookmark: Bookmark) -> dict[str, Any]:
    made = bookmark.made
    return {
        "id": bookmark.bookmark_id,
        "project_id": bookmark.project_id,
        "workspace_id": bookmark.project_id,
        "name": bookmark.name,
        "type": bookmark.type,
        "description": bookmark.description,
        "params": orjson.Fragment(bookmark.params),
        "created": moment(made.created_at_ms),
        "modified": moment(made.modified_at_ms),
        "creator_id": made.creator_id,
        "creator_name": made.creator_name,
    }
