"""Annotations of charts: `/api/app/projects/ID/annotations` (openapi/annotations), and the older
`/api/2.0/annotations`, which has a path for each change.

The older one has no tags. Its published answers hold `"error":false`, which newer clients take for a failure, so that
key is left out.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.api.endpoint_shell import Asked
from trackway.edge.api.saved.requests import creator_of, ids_of
from trackway.edge.api.service_account_requests import decode_body
from trackway.edge.wire.parameters import whole_number
from trackway.projects.saved import Annotation, Tag, check_annotation_text, check_saved_name, check_tags, check_time

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_ID_MAX = 2**31 - 1


class _New(msgspec.Struct):
    """The body of a POST."""

    date: str
    description: str
    tags: list[int] = []


class _Change(msgspec.Struct):
    """The body of a PATCH. The time of an annotation does not change."""

    description: str | msgspec.UnsetType = msgspec.UNSET
    tags: list[int] | msgspec.UnsetType = msgspec.UNSET


class _NewTag(msgspec.Struct):
    name: str


def every(saved: "Saved", asked: Asked) -> object:
    """From `fromDate` to `toDate`, both included, and with one of `tags`."""
    wanted = ids_of(asked.parameters, "tags")
    found = _between(saved, asked, "fromDate", "toDate")
    names = _names(saved, asked)
    return [_shown(each, names) for each in found if wanted is None or not set(wanted).isdisjoint(each.tags)]


def create(saved: "Saved", asked: Asked) -> object:
    new = decode_body(asked.body, _New)
    names = _names(saved, asked)
    columns = {
        "date": check_time("date", new.date),
        "description": check_annotation_text(new.description),
        "tags": check_tags(new.tags, names),
    }
    return _shown(saved.create(Annotation, asked.project.project_id, columns, creator_of(asked)), names)


def one(saved: "Saved", asked: Asked) -> object:
    found = saved.one(Annotation, asked.project.project_id, asked.request.ids["annotation"])
    return _shown(found, _names(saved, asked))


def change(saved: "Saved", asked: Asked) -> object:
    wanted, names = decode_body(asked.body, _Change), _names(saved, asked)
    columns: dict[str, Any] = {}
    if wanted.description is not msgspec.UNSET:
        columns["description"] = check_annotation_text(wanted.description)
    if wanted.tags is not msgspec.UNSET:
        columns["tags"] = check_tags(wanted.tags, names)
    number = asked.request.ids["annotation"]
    return _shown(saved.change(Annotation, asked.project.project_id, number, columns), names)


def remove(saved: "Saved", asked: Asked) -> object:
    saved.delete(Annotation, asked.project.project_id, asked.request.ids["annotation"])
    return {"id": asked.request.ids["annotation"]}


def tags(saved: "Saved", asked: Asked) -> object:
    project_id = asked.project.project_id
    used = {tag for each in saved.all(Annotation, project_id) for tag in each.tags}
    return [_tag(each, used) for each in saved.all(Tag, project_id)]


def create_tag(saved: "Saved", asked: Asked) -> object:
    name = check_saved_name(decode_body(asked.body, _NewTag).name)
    return _tag(saved.create(Tag, asked.project.project_id, {"name": name}, creator_of(asked)), set())


def older_list(saved: "Saved", asked: Asked) -> object:
    return _older(_between(saved, asked, "from_date", "to_date"))


def older_create(saved: "Saved", asked: Asked) -> object:
    columns = {**_older_columns(asked), "tags": []}
    return _older([saved.create(Annotation, asked.project.project_id, columns, creator_of(asked))])


def older_update(saved: "Saved", asked: Asked) -> object:
    return _older([saved.change(Annotation, asked.project.project_id, _older_id(asked), _older_columns(asked))])


def older_delete(saved: "Saved", asked: Asked) -> object:
    saved.delete(Annotation, asked.project.project_id, _older_id(asked))
    return _older([])


def changing(work: Callable[["Saved", Asked], object]) -> Callable[["Saved", Asked], object]:
    """The same for the older paths, which clients GET to change something. A page of another origin may have a browser
    do that with the credentials that it remembers; a browser says so."""

    def run(saved: "Saved", asked: Asked) -> object:
        if asked.request.header(b"sec-fetch-site") not in (b"", b"same-origin", b"none"):
            raise RequestError(403, "a page of another site must not change annotations")
        return work(saved, asked)

    return run


def _between(saved: "Saved", asked: Asked, first: str, last: str) -> list[Annotation]:
    """In the order of their times. A date as `last` is its whole day."""
    begin, end = asked.parameters.get(first, ""), asked.parameters.get(last, "")
    begin = begin and check_time(first, begin)
    if end:
        end = check_time(last, end) if len(end) > len("2026-11-29") else f"{check_time(last, end)[:10]} 23:59:59"
    found = saved.between(Annotation, asked.project.project_id, "date", begin, end)
    return sorted(found, key=lambda each: (each.date, each.annotation_id))


def _names(saved: "Saved", asked: Asked) -> dict[int, str]:
    """The names of the project's tags, by id."""
    return {each.tag_id: each.name for each in saved.all(Tag, asked.project.project_id)}


def _older_id(asked: Asked) -> int:
    number = whole_number(asked.parameters, "id", 1, _ID_MAX)
    if number is None:
        raise RequestError(400, "id is required")
    return number


def _older_columns(asked: Asked) -> dict[str, Any]:
    return {
        "date": check_time("date", asked.parameters.get("date", "")),
        "description": check_annotation_text(asked.parameters.get("description", "")),
    }


def _older(found: list[Annotation]) -> dict[str, Any]:
    shown = [
        {"id": each.annotation_id, "date": each.date, "description": each.description, "project_id": each.project_id}
        for each in found
    ]
    return {"annotations": shown, "status": "ok"}


def _shown(annotation: Annotation, names: dict[int, str]) -> dict[str, Any]:
    made = annotation.made
    shown = {
        "id": annotation.annotation_id,
        "project_id": annotation.project_id,
        "date": annotation.date,
        "description": annotation.description,
        "tags": [{"id": tag, "name": names.get(tag, "")} for tag in annotation.tags],
    }
    if made.creator_id is None:  # the project's secret, which is nobody
        return shown
    return shown | {"user": {"id": made.creator_id, "first_name": made.creator_name, "last_name": ""}}


def _tag(tag: Tag, used: set[int]) -> dict[str, Any]:
    return {
        "id": tag.tag_id,
        "name": tag.name,
        "project_id": tag.project_id,
        "has_annotations": tag.tag_id in used,
    }
