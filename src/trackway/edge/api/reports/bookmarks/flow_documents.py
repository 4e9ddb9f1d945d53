"""The form of a bookmark for flows, as structs. It has no sections.

The fields are those that Mixpanel's SDK models. A field of type Any is about a page, or changes nothing here.
"""

from typing import Any

import msgspec

from trackway.edge.api.reports.bookmarks.documents import FilterClause
from trackway.edge.api.reports.bookmarks.flow_filters import StepFilter


class _Part(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A part of a bookmark, in which every field is known."""


class FlowStep(_Part):
    event: str | None = None
    step_label: str | None = None
    forward: int = 0
    reverse: int = 0
    bool_op: str = "and"
    property_filter_params_list: list[StepFilter] = []
    custom_event: int | None = None
    session_event: str | None = None
    event_id: Any = None


class FlowDays(_Part):
    """`from_date` is a date, or a number of units for a range that ends today."""

    type: str
    from_date: Any = None
    to_date: Any = None


class FlowWindow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    unit: str = "day"
    value: int = 7


class FlowFilters(_Part):
    operator: str = "and"
    children: list[FilterClause] = []


class FlowCohort(_Part):
    id: int | None = None
    raw_cohort: dict[str, Any] | None = None
    negated: bool = False
    name: Any = None


class FlowBookmark(_Part):
    """A question for flows."""

    steps: list[FlowStep]
    date_range: FlowDays
    count_type: str = "unique"
    cardinality_threshold: int = 10
    conversion_window: FlowWindow = FlowWindow()
    collapse_repeated: bool = False
    hidden_events: list[str] = []
    exclusions: list[str] | None = None
    filter_by_cohort: FlowCohort | None = None
    filter_by_event: FlowFilters | None = None
    segments: list[Any] | None = None
    group_by: list[Any] | None = None
    aggregate_by: list[Any] | None = None
    data_group_id: Any = None
    flows_merge_type: Any = None
    chartType: Any = None
    version: Any = None
    anchor_position: Any = None
    alignment: Any = None
    show_custom_events: Any = None
    time_percentiles_enabled: Any = None
    name: Any = None
    title: Any = None
    id: Any = None
    icon: Any = None
    modified: Any = None
    user: Any = None
    user_id: Any = None
