"""The table of all paths of this folder."""

from collections.abc import Mapping

from trackway.edge.api.paths_with_ids import ByMethod
from trackway.edge.api.reports.report import PREFIXES
from trackway.edge.api.saved import annotations, bookmarks, cohorts
from trackway.edge.api.saved.requests import SavedRequests
from trackway.edge.wire.asgi import Handler
from trackway.edge.wire.parameter_tables import (
    ANNOTATION,
    ANNOTATIONS,
    BOOKMARK,
    BOOKMARKS,
    COHORT,
    COHORTS,
    FUNNELS_LIST,
    OLDER_ANNOTATIONS,
    OLDER_CHANGES,
)
from trackway.projects.roles import Right

_OF_PROJECT = ("/projects/{project}", "/workspaces/{project}")
"""A project has one workspace, of the same number: clients ask below either."""


def paths_with_ids(requests: SavedRequests) -> dict[str, ByMethod]:
    """The handlers below /api/app, by path and method."""
    read, change = requests.read, requests.change
    of_project: Mapping[str, ByMethod] = {
        "/bookmarks": {"GET": read(BOOKMARKS, bookmarks.every), "POST": change(BOOKMARK, bookmarks.create, 201)},
        "/bookmarks/{bookmark}": {
            "GET": read(BOOKMARK, bookmarks.one),
            "PATCH": change(BOOKMARK, bookmarks.change),
            "DELETE": change(BOOKMARK, bookmarks.remove),
        },
        "/cohorts": {"GET": read(COHORTS, cohorts.every), "POST": change(COHORT, cohorts.create, 201)},
        "/cohorts/{cohort}": {
            "GET": read(COHORT, cohorts.one),
            "PATCH": change(COHORT, cohorts.change),
            "DELETE": change(COHORT, cohorts.remove),
        },
        "/annotations": {
            "GET": read(ANNOTATIONS, annotations.every),
            "POST": change(ANNOTATION, annotations.create, 201),
        },
        "/annotations/{annotation}": {
            "GET": read(ANNOTATION, annotations.one),
            "PATCH": change(ANNOTATION, annotations.change),
            "DELETE": change(ANNOTATION, annotations.remove),
        },
        "/annotations/tags": {
            "GET": requests.read(ANNOTATION, annotations.tags, plain=True),
            "POST": requests.change(ANNOTATION, annotations.create_tag, plain=True),
        },
    }
    return {above + path: by_method for path, by_method in of_project.items() for above in _OF_PROJECT}


def query_paths(requests: SavedRequests) -> dict[str, Handler]:
    """The handlers of the Query API, by path."""
    older = {
        "create": annotations.older_create,
        "update": annotations.older_update,
        "delete": annotations.older_delete,
    }
    by_path = {
        "funnels/list": requests.query(FUNNELS_LIST, bookmarks.funnels),
        "annotations": requests.query(OLDER_ANNOTATIONS, annotations.older_list),
        **{
            f"annotations/{name}": requests.query(OLDER_CHANGES, annotations.changing(work), Right.SAVE)
            for name, work in older.items()
        },
    }
    return {prefix + path: handler for path, handler in by_path.items() for prefix in PREFIXES}
