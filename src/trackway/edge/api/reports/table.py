"""The table of all reports."""

from typing import Any, Final

from trackway.edge.api.reports.activity import STREAM_BOOKMARK_REPORT, STREAM_QUERY_REPORT
from trackway.edge.api.reports.bookmarked_retention import RETENTION_REPORT
from trackway.edge.api.reports.cohorts_list import COHORTS_LIST_REPORT
from trackway.edge.api.reports.events import EVENTS_NAMES_REPORT, EVENTS_REPORT, EVENTS_TOP_REPORT
from trackway.edge.api.reports.flows import FLOWS_REPORT
from trackway.edge.api.reports.funnels import FUNNELS_REPORT
from trackway.edge.api.reports.insights import INSIGHTS_REPORT
from trackway.edge.api.reports.jql import JQL_REPORT
from trackway.edge.api.reports.numbers import AVERAGE_REPORT, NUMERIC_REPORT, SUM_REPORT
from trackway.edge.api.reports.profile_reports import (
    PROFILE_PROPERTIES_REPORT,
    PROFILE_REVENUE_REPORT,
    PROFILE_STATS_REPORT,
)
from trackway.edge.api.reports.properties import PROPERTIES_REPORT, PROPERTIES_TOP_REPORT, PROPERTIES_VALUES_REPORT
from trackway.edge.api.reports.report import Report
from trackway.edge.api.reports.retention import ADDICTION_REPORT
from trackway.edge.api.reports.segmentation import MULTISEG_REPORT, SEGMENTATION_REPORT

REPORTS: Final[tuple[Report[Any], ...]] = (
    SEGMENTATION_REPORT,
    NUMERIC_REPORT,
    SUM_REPORT,
    AVERAGE_REPORT,
    MULTISEG_REPORT,
    EVENTS_REPORT,
    EVENTS_TOP_REPORT,
    EVENTS_NAMES_REPORT,
    PROPERTIES_REPORT,
    PROPERTIES_TOP_REPORT,
    PROPERTIES_VALUES_REPORT,
    FUNNELS_REPORT,
    FLOWS_REPORT,
    PROFILE_PROPERTIES_REPORT,
    PROFILE_STATS_REPORT,
    PROFILE_REVENUE_REPORT,
    RETENTION_REPORT,
    ADDICTION_REPORT,
    INSIGHTS_REPORT,
    STREAM_QUERY_REPORT,
    STREAM_BOOKMARK_REPORT,
    JQL_REPORT,
    COHORTS_LIST_REPORT,
)
