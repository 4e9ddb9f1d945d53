"""What people save in a project: reports (bookmarks), dashboards, links that share them, cohorts, annotations and their
tags, mappings of lookup tables.

The definition of a report or a cohort is JSON text, which only those parts read that answer from it. This module is
pure: it checks single values. `projects.saved_table` has the statements.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from trackway.domain.errors import InvalidInput, StateError
from trackway.domain.limits import PROPERTY_NAME_CHARACTERS_MAX
from trackway.projects.limits import (
    ANNOTATION_CHARACTERS_MAX,
    SAVED_DESCRIPTION_CHARACTERS_MAX,
    SAVED_JSON_BYTES_MAX,
    SAVED_NAME_CHARACTERS_MAX,
)

BOOKMARK_TYPES: Final = ("insights", "funnels", "retention", "flows", "user", "launch-analysis")
"""The types that Mixpanel's query SDK knows."""
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2})?")


class UnknownSaved(StateError):
    """The project has saved nothing under that id."""


@dataclass(frozen=True, slots=True)
class Creator:
    """Who saves something: a service account, or a key of the project, which has no id."""

    account_id: int | None
    name: str


@dataclass(frozen=True, slots=True)
class Made:
    """When something was saved and changed, in milliseconds since the epoch, and its creator."""

    created_at_ms: int
    modified_at_ms: int
    creator_id: int | None
    creator_name: str


@dataclass(frozen=True, slots=True)
class Bookmark:
    """A saved report. `params` is its definition, the JSON text of an object."""

    bookmark_id: int
    project_id: int
    name: str
    type: str
    description: str
    params: str
    made: Made


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Saved reports, arranged. `cards` are in the order of the page, as `projects.cards` reads and changes them."""

    dashboard_id: int
    project_id: int
    name: str
    description: str
    cards: Sequence[Sequence[Any]]
    made: Made


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link that shows a report or a dashboard to everybody who has it, until `expires_at_ms` (Unix time).

    `target` is what it shows, as `share_token.Target` writes it. `token_hash` is that of the link's token, which is
    stored nowhere.
    """

    link_id: int
    project_id: int
    target: str
    token_hash: str = field(repr=False)
    expires_at_ms: int
    made: Made


@dataclass(frozen=True, slots=True)
class Cohort:
    """A saved cohort. `definition` is the JSON text of an object."""

    cohort_id: int
    project_id: int
    name: str
    description: str
    is_visible: bool
    definition: str
    made: Made


@dataclass(frozen=True, slots=True)
class Annotation:
    """A note at a time that the project's clocks show, `2026-11-29 12:00:00`. `tags` are ids of tags."""

    annotation_id: int
    project_id: int
    date: str
    description: str
    tags: Sequence[int]
    made: Made


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of annotations. Its name is unique in the project."""

    tag_id: int
    project_id: int
    name: str
    made: Made


@dataclass(frozen=True, slots=True)
class LookupMapping:
    """A property whose values are the keys of a lookup table: of events, or of users' profiles. A project maps a
    property once. The table may have been deleted since."""

    mapping_id: int
    project_id: int
    property: str
    of_user: bool
    table_id: str
    made: Made


def check_mapped_property(name: str) -> str:
    """The name of a mapped property. Raises InvalidInput."""
    if not 1 <= len(name) <= PROPERTY_NAME_CHARACTERS_MAX or "\0" in name:
        raise InvalidInput(f"property must be 1 to {PROPERTY_NAME_CHARACTERS_MAX} characters, without NUL")
    return name


def check_saved_name(name: str) -> str:
    """The name of a report, a dashboard, a cohort or a tag. Raises InvalidInput."""
    if not 1 <= len(name) <= SAVED_NAME_CHARACTERS_MAX or not name.isprintable() or not name.strip():
        raise InvalidInput(f"name must be 1 to {SAVED_NAME_CHARACTERS_MAX} printable characters")
    return name


def check_description(text: str) -> str:
    """The description of a report, a dashboard or a cohort. Raises InvalidInput."""
    if len(text) > SAVED_DESCRIPTION_CHARACTERS_MAX or "\0" in text:
        raise InvalidInput(f"description must be at most {SAVED_DESCRIPTION_CHARACTERS_MAX} characters, without NUL")
    return text


def check_annotation_text(text: str) -> str:
    """The description of an annotation. Raises InvalidInput."""
    if not 1 <= len(text) <= ANNOTATION_CHARACTERS_MAX or "\0" in text:
        raise InvalidInput(f"description must be 1 to {ANNOTATION_CHARACTERS_MAX} characters, without NUL")
    return text


def check_bookmark_type(text: str) -> str:
    """The type of a report. Raises InvalidInput."""
    if text not in BOOKMARK_TYPES:
        raise InvalidInput(f"type must be one of {', '.join(BOOKMARK_TYPES)}, not '{text[:40]}'")
    return text


def check_object(name: str, text: str) -> str:
    """A definition as JSON text. Raises InvalidInput when it is no object or too large."""
    if not text.startswith("{"):
        raise InvalidInput(f"{name} must be a JSON object")
    if len(text.encode()) > SAVED_JSON_BYTES_MAX:
        raise InvalidInput(f"{name} must not be larger than {SAVED_JSON_BYTES_MAX} bytes")
    return text


def check_time(name: str, text: str) -> str:
    """A time of an annotation, as it is stored. A date is its midnight. Raises InvalidInput."""
    try:
        if _TIME.fullmatch(text):
            return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}".rjust(19, "0")
    except ValueError:
        pass  # such as February 30
    raise InvalidInput(f"{name} must be a time as 2026-11-29 12:00:00, not '{text[:40]}'")


def check_tags(tags: Sequence[int], known: Collection[int]) -> list[int]:
    """The ids of an annotation's tags. Raises InvalidInput."""
    unknown = next((tag for tag in tags if tag not in known), None)
    if unknown is not None:
        raise InvalidInput(f"tags must be ids of the project's tags, which {unknown} is not")
    return sorted(set(tags))
