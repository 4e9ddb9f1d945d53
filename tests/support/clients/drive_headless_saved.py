"""Runs in the clients' own environment: saves reports, cohorts and annotations by a `mixpanel_headless.Workspace`.

What each step gave leaves as JSON on standard output, by name.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from mixpanel_headless import (
    CohortCriteria,
    CohortDefinition,
    CreateAnnotationParams,
    CreateAnnotationTagParams,
    CreateCohortParams,
    Filter,
    UpdateAnnotationParams,
    UpdateBookmarkParams,
    UpdateCohortParams,
    Workspace,
)

workspace = Workspace()
client = workspace._require_api_client()
found: dict[str, Any] = {}


def shown(value: Any) -> Any:
    if isinstance(value, list):
        return [shown(each) for each in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    return value.to_dict() if hasattr(value, "to_dict") else value


def keep(name: str, value: Any) -> Any:
    found[name] = shown(value)
    return value


def refused(name: str, call: Callable[[], Any]) -> None:
    try:
        keep(name, call())
    except Exception as error:
        found[name] = {"raised": type(error).__name__, "text": str(error)}


keep("me", workspace.me())
keep("workspaces", workspace.list_workspaces())
keep("workspace", workspace.resolve_workspace_id())
keep("index", client.projects_metadata_index())

steps = {"steps": [{"event": "Sign up"}, {"event": "Page View"}]}
funnel = client.create_bookmark({"name": "Checkout", "type": "funnels", "params": steps, "description": "d"})
insights = client.create_bookmark({"name": "Views", "type": "insights", "params": {}})
keep("bookmark", workspace.get_bookmark(funnel["id"]))
keep("renamed", workspace.update_bookmark(funnel["id"], UpdateBookmarkParams(name="Purchase")))
keep("funnels", workspace.funnels())
keep("bookmarks", workspace.list_bookmarks())
keep("bookmarks of a type", workspace.list_bookmarks(bookmark_type="insights"))
keep("bookmarks v2", workspace.list_bookmarks_v2(bookmark_type="funnels"))
keep("bookmarks by id", workspace.list_bookmarks_v2(ids=[insights["id"]]))
workspace.delete_bookmark(insights["id"])
refused("deleted bookmark", lambda: workspace.get_bookmark(insights["id"]))

some = Filter.equals("$insert_id", [f"id-{number}" for number in range(10)])
between = CohortCriteria.did_event("Sign up", exactly=1, from_date="2023-11-01", to_date="2023-11-30", where=some)
definition = CohortDefinition.all_of(CohortCriteria.has_property("plan", "pro"), between)
first = workspace.create_cohort(CreateCohortParams(name="Pros", description="d", definition=definition.to_dict()))
keep("cohort", first)
nobody = CohortDefinition.any_of(
    CohortCriteria.did_event("Sign up", at_least=1, within_days=30), CohortCriteria.has_property("$name", "Nobody")
)
second = workspace.create_cohort(CreateCohortParams(name="Nobody", definition=nobody.to_dict()))
keep("changed cohort", workspace.update_cohort(second.id, UpdateCohortParams(description="never")))
keep("cohorts", workspace.cohorts())
keep("cohorts full", workspace.list_cohorts_full())
keep("one cohort", workspace.get_cohort(first.id))
profiles: dict[str, Any] = {"mode": "profiles", "limit": None}
keep("members", [each["distinct_id"] for each in workspace.query_user(cohort=first.id, **profiles).profiles])
inline = CohortDefinition(
    CohortCriteria.in_cohort(first.id), CohortCriteria.has_property("n", 1197, operator="less_than")
)
keep("members inline", [each["distinct_id"] for each in workspace.query_user(cohort=inline, **profiles).profiles])
workspace.delete_cohort(second.id)
refused("deleted cohort", lambda: workspace.get_cohort(second.id))
refused("no definition", lambda: workspace.create_cohort(CreateCohortParams(name="Empty")))

tag = workspace.create_annotation_tag(CreateAnnotationTagParams(name="releases"))
note = workspace.create_annotation(CreateAnnotationParams(date="2026-03-31 00:00:00", description="v2", tags=[tag.id]))
keep("annotation", note)
keep("changed annotation", workspace.update_annotation(note.id, UpdateAnnotationParams(description="v2.1")))
keep("annotations", workspace.list_annotations(from_date="2026-03-31", to_date="2026-03-31", tags=[tag.id]))
keep("annotations before", workspace.list_annotations(to_date="2026-03-30"))
keep("tags", workspace.list_annotation_tags())
workspace.delete_annotation(note.id)
refused("deleted annotation", lambda: workspace.get_annotation(note.id))

workspace.use(workspace=found["workspace"])
keep("bookmarks of the workspace", workspace.list_bookmarks_v2())
json.dump(found, sys.stdout, default=str)
