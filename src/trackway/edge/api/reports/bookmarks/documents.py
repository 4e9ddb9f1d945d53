"""The form of a bookmark: its sections and clauses, as structs.

The fields are those that Mixpanel's SDK models. A field of type Any is about a page or was left behind by an older one;
it changes no number, and is not looked at.
"""

from typing import Any

import msgspec


class _Clause(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A part of a bookmark, in which every field is known."""


class Bucket(_Clause):
    """Ranges of a number."""

    bucketSize: float | None = None
    disabled: bool | None = None
    min: float | None = None
    max: float | None = None
    groups: list[float] | None = None
    offset: int | None = None
    unit: str | None = None


class Rolling(_Clause):
    rollingWindowSize: int | None = None


class MeasuredProperty(_Clause):
    name: str = ""
    resourceType: str = "events"
    type: Any = None
    defaultType: Any = None
    propertyType: Any = None
    propertyDefaultType: Any = None
    customPropertyId: int | None = None
    customProperty: dict[str, Any] | None = None
    dataset: Any = None
    dataGroupId: str | None = None
    id: Any = None
    value: Any = None
    label: Any = None


class Measurement(_Clause):
    math: str | None = None
    property: MeasuredProperty | None = None
    perUserAggregation: str | None = None
    percentile: float | None = None
    segmentMethod: str | None = None
    cumulative: bool | None = None
    rolling: Rolling | None = None
    multiAttribution: dict[str, Any] | None = None
    dataGroupId: str | None = None
    stepIndex: int | None = None
    actionMode: str | None = None
    actionStep: int | None = None
    retentionBucketIndex: int | None = None
    retentionCumulative: bool | None = None
    retentionSegmentationEvent: Any = None
    id: Any = None
    type: Any = None


class FilterClause(_Clause):
    """A condition on a property."""

    value: Any = None
    propertyName: str | None = None
    resourceType: str = "events"
    filterType: str | None = None
    filterOperator: str | None = None
    filterValue: Any = None
    filterDateUnit: str | None = None
    filterJoinType: str | None = None
    listQuantifier: str | None = None
    listItemFilters: list[dict[str, Any]] | None = None
    customPropertyId: int | None = None
    customProperty: dict[str, Any] | None = None
    behavior: dict[str, Any] | None = None
    dataGroupId: str | None = None
    determiner: Any = None
    defaultType: Any = None
    propertyType: Any = None
    propertyDefaultType: Any = None
    propertyObjectKey: Any = None
    joinPropertyType: Any = None
    profileType: Any = None
    dataset: Any = None
    search: Any = None
    isHidden: Any = None
    typeCast: Any = None
    unit: Any = None
    id: Any = None


class GroupClause(_Clause):
    """A level of a breakdown."""

    value: Any = None
    propertyName: str | None = None
    resourceType: str = "events"
    propertyType: str | None = None
    customBucket: Bucket | None = None
    customPropertyId: int | None = None
    customProperty: dict[str, Any] | None = None
    listItemGroup: dict[str, Any] | None = None
    behavior: dict[str, Any] | None = None
    cohorts: list[dict[str, Any]] | None = None
    dataGroupId: str | None = None
    typeCast: str | None = None
    unit: str | None = None
    propertyDefaultType: Any = None
    joinPropertyType: Any = None
    profileType: Any = None
    dataset: Any = None
    search: Any = None
    isHidden: Any = None
    id: Any = None


class StepRange(_Clause, rename={"from_": "from"}):
    from_: int | None = None
    to: int | None = None


class Exclusion(_Clause):
    event: str
    steps: StepRange | None = None


class HeldProperty(_Clause):
    value: str
    resourceType: str = "events"


class EventClause(_Clause):
    """One event of a behavior: a step of a funnel, an event of retention, one of several that count together."""

    name: str = ""
    type: str | None = None
    filters: list[FilterClause] | None = None
    filtersDeterminer: str | None = None
    funnelOrder: str | None = None
    renamed: str | None = None
    behaviors: list[Any] | None = None
    id: int | None = None
    resourceType: Any = None
    display: Any = None
    customEventSet: Any = None
    idx: Any = msgspec.field(default=None, name="_idx")


class Behavior(_Clause):
    """What persons did."""

    type: str | None = None
    name: str | None = None
    renamed: str | None = None
    resourceType: str = "events"
    filters: list[FilterClause] | None = None
    filtersDeterminer: str | None = None
    behaviors: list[EventClause] | None = None
    id: int | None = None
    raw_cohort: Any = None
    customBucket: Bucket | None = None
    conversionWindowDuration: int | None = None
    conversionWindowUnit: str | None = None
    funnelReentryMode: str | None = None
    funnelOrder: str | None = None
    exclusions: list[Exclusion] | None = None
    aggregateBy: list[HeldProperty] | None = None
    retentionType: str | None = None
    retentionAlignmentType: str | None = None
    retentionUnit: str | None = None
    retentionUnbounded: bool | None = None
    retentionUnboundedMode: str | None = None
    retentionCustomBucketSizes: list[int] | None = None
    segmentationEvent: str | None = None
    dataGroupId: str | None = None
    filter: Any = None
    unsavedId: Any = None
    search: Any = None
    profileType: Any = None
    dataset: Any = None
    datasetId: Any = None
    projectId: Any = None
    display: Any = None
    disableCohortize: Any = None
    customEventSet: Any = None
    hasUnsavedChanges: Any = None


class ShowClause(_Clause):
    """A metric, or a formula of metrics."""

    type: str | None = None
    name: str | None = None
    behavior: Behavior | None = None
    measurement: Measurement | None = None
    definition: str | None = None
    formula: Any = None
    referencedMetrics: list["ShowClause"] | None = None
    isHidden: bool | None = None
    id: int | None = None
    overrides: dict[str, Any] | None = None
    statsig: dict[str, Any] | None = None
    srm: Any = None
    comparisons: list[Any] | None = None
    userNamed: Any = None
    display: Any = None
    isExpanded: Any = None
    labelPrefix: Any = None
    formulaLabel: Any = None
    showClauseIndex: Any = None
    hasUnsavedChanges: Any = None
    goals: Any = None
    metric_id: Any = None
    idx: Any = msgspec.field(default=None, name="_idx")


class Window(_Clause):
    unit: str
    value: int


class TimeClause(_Clause):
    """The days, and the unit of values. Older bookmarks have a number of units as `value`, and no type."""

    dateRangeType: str | None = None
    unit: str = "day"
    value: Any = None
    window: Window | None = None


class Sections(_Clause):
    show: list[ShowClause]
    time: list[TimeClause]
    filter: list[FilterClause] | None = None
    group: list[GroupClause] | None = None
    formula: list[Any] | None = None
    cohorts: list[Any] | None = None
    group_by: list[Any] | None = None
    globalDataGroupId: str | None = None
    metricLevelDataGroups: bool | None = None
    dataGroupId: str | None = None


class DisplayOptions(_Clause):
    chartType: str
    analysis: str | None = None
    rollingWindowSize: int | None = None
    timeComparison: dict[str, Any] | None = None
    queryTimeSampling: bool | None = None
    statSigControl: Any = None
    plotStyle: Any = None
    value: Any = None
    timeUnit: Any = None
    primaryYAxisOptions: Any = None
    secondaryYAxisOptions: Any = None
    theme: Any = None
    xAxisOptions: Any = None
    annotationOptions: Any = None
    commentOptions: Any = None
    tableSummaryAggregation: Any = None
    funnelStepsSelectedTableColumns: Any = None
    axisAssignments: Any = None


class Bookmark(_Clause):
    """A question for insights, funnels or retention."""

    sections: Sections
    displayOptions: DisplayOptions
    timeComparison: dict[str, Any] | None = None
    liftComparison: Any = None
    forecastComparison: Any = None
    name: Any = None
    columnWidths: Any = None
    legend: Any = None
    sorting: Any = None
    versions: Any = None
    executedMigrations: Any = None
    alignment: Any = None
    anchor_position: Any = None
    anchorPosition: Any = None
    cardinality: Any = None
    cardinality_threshold: Any = None
    chart_type: Any = None
    chartType: Any = None
    count_type: Any = None
    date_range: Any = None
    error: Any = None
    exclusions: Any = None
    fields: Any = None
    filter_by_cohort: Any = None
    filter_by_event: Any = None
    global_access_type: Any = None
    graph_sort_priority: Any = None
    group_by: Any = None
    hidden_events: Any = None
    icon: Any = None
    id: Any = None
    isNewQBEnabled: Any = None
    modified: Any = None
    segments: Any = None
    smartHub: Any = None
    steps: Any = None
    title: Any = None
    trend_unit: Any = None
    trendType: Any = None
    ttcVizType: Any = None
    use_query_sampling: Any = None
    user: Any = None
    user_id: Any = None
