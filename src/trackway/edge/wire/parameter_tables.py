"""The parameters that an endpoint knows: one table each, from which docs/parameters.md is generated.

Honoured parameters do what Mixpanel's documents say. Refused ones are known from its documents or clients and not
supported here: they would choose other rows, so a request with one is a 400. Ignored ones are known and change no row.
A name in none of the three is ignored too, because clients and proxies add names of their own, and counted.
"""

from collections.abc import Mapping
from typing import NamedTuple

from trackway.domain.errors import RequestError
from trackway.telemetry import metrics


class Table(NamedTuple):
    """The parameters of an endpoint. `name` is what metrics and the documentation call it.

    `is_open`: no credentials are needed, so metrics do not show the names that a request invents.
    """

    name: str
    honoured: tuple[str, ...]
    refused: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    is_open: bool = False

    def check(self, parameters: Mapping[str, str]) -> None:
        """Raise RequestError 400 for a parameter that is refused; an empty value is none. Count unknown names."""
        for name in self.refused:
            if parameters.get(name):
                raise RequestError(400, f"{name} is not supported")
        self.count_unknown(parameters)

    def count_unknown(self, parameters: Mapping[str, str]) -> None:
        """Count the names that are in none of the three."""
        if not parameters:
            return
        for name in parameters.keys() - _NAMES[self.name]:
            metrics.unknown_parameter(self.name, "" if self.is_open else name)


_SENT_BY_CLIENTS = ("workspace_id", "query_origin", "callback", "api_key", "expire", "sig")
"""Parameters that clients add to any query: data views, their own name, JSONP, and signatures of an older API."""
_SENT_BY_SDKS = ("_", "test", "lib", "v", "mp_lib", "$lib_version", "api_key", "api_secret", "token")

EXPORT = Table(
    "/api/2.0/export",
    honoured=(
        "project_id", "from_date", "to_date", "event", "where", "limit", "time_in_ms", "deduplicate", "format",
    ),
    ignored=_SENT_BY_CLIENTS,
)  # fmt: skip
PROFILE_QUERY = Table(
    "/api/2.0/engage",
    honoured=(
        "project_id", "distinct_id", "distinct_ids", "data_group_id", "where", "output_properties", "session_id",
        "page", "page_size", "limit", "sort_key", "sort_order", "search",
        "filter_by_cohort", "include_all_users", "format",
    ),
    refused=("behaviors", "as_of_timestamp", "selector", "segment_by_cohorts", "action"),
    ignored=_SENT_BY_CLIENTS,
)  # fmt: skip
_SHARED_BY_REPORTS = ("project_id", "format", "explain")
SEGMENTATION = Table(
    "/api/query/segmentation",
    honoured=(
        *_SHARED_BY_REPORTS, "event", "from_date", "to_date", "on", "where", "unit", "interval", "limit", "type",
        "action",
    ),
    ignored=("buckets", "allow_more_buckets", *_SENT_BY_CLIENTS),
)  # fmt: skip
_OF_NUMBERS = (*_SHARED_BY_REPORTS, "event", "from_date", "to_date", "on", "where", "unit")
SEGMENTATION_NUMERIC = Table(
    "/api/query/segmentation/numeric",
    honoured=(*_OF_NUMBERS, "type", "buckets"),
    ignored=("allow_more_buckets", "allow_fewer_buckets", *_SENT_BY_CLIENTS),
)
SEGMENTATION_SUM = Table("/api/query/segmentation/sum", honoured=_OF_NUMBERS, ignored=_SENT_BY_CLIENTS)
SEGMENTATION_AVERAGE = Table("/api/query/segmentation/average", honoured=_OF_NUMBERS, ignored=_SENT_BY_CLIENTS)
MULTISEG = Table(
    "/api/query/segmentation/multiseg",
    honoured=(
        *_SHARED_BY_REPORTS, "event", "from_date", "to_date", "outer", "inner", "where", "unit", "interval", "limit",
        "type", "action", "buckets",
    ),
    ignored=("allow_more_buckets", *_SENT_BY_CLIENTS),
)  # fmt: skip
_RECENT = (*_SHARED_BY_REPORTS, "from_date", "to_date", "where")
EVENTS = Table("/api/query/events", honoured=(*_RECENT, "event", "type", "unit", "interval"), ignored=_SENT_BY_CLIENTS)
EVENTS_TOP = Table("/api/query/events/top", honoured=(*_SHARED_BY_REPORTS, "type", "limit"), ignored=_SENT_BY_CLIENTS)
EVENTS_NAMES = Table("/api/query/events/names", honoured=(*_RECENT, "type", "limit"), ignored=_SENT_BY_CLIENTS)
PROPERTIES = Table(
    "/api/query/events/properties",
    honoured=(*_RECENT, "event", "name", "values", "type", "unit", "interval", "limit"),
    ignored=("bucket", *_SENT_BY_CLIENTS),
)
PROPERTIES_TOP = Table(
    "/api/query/events/properties/top", honoured=(*_RECENT, "event", "limit"), ignored=_SENT_BY_CLIENTS
)
PROPERTIES_VALUES = Table(
    "/api/query/events/properties/values",
    honoured=(*_RECENT, "event", "name", "limit"),
    ignored=("bucket", *_SENT_BY_CLIENTS),
)
PROFILE_PROPERTIES = Table(
    "/api/query/engage/properties",
    honoured=(*_SHARED_BY_REPORTS, "where", "limit", "data_group_id"),
    refused=("filter_by_cohort", "behaviors"),
    ignored=_SENT_BY_CLIENTS,
)
PROFILE_STATS = Table(
    "/api/query/engage/stats",
    honoured=(
        *_SHARED_BY_REPORTS, "action", "selector", "data_group_id", "filter_by_cohort", "include_all_users",
        "segment_by_cohorts",
    ),
    refused=("as_of_timestamp", "behaviors"),
    ignored=_SENT_BY_CLIENTS,
)  # fmt: skip
PROFILE_REVENUE = Table(
    "/api/query/engage/revenue",
    honoured=(*_SHARED_BY_REPORTS, "from_date", "to_date", "unit", "where", "data_group_id"),
    ignored=_SENT_BY_CLIENTS,
)
_COUNTS = (
    SEGMENTATION, SEGMENTATION_NUMERIC, SEGMENTATION_SUM, SEGMENTATION_AVERAGE, MULTISEG, EVENTS, EVENTS_TOP,
    EVENTS_NAMES, PROPERTIES, PROPERTIES_TOP, PROPERTIES_VALUES, PROFILE_PROPERTIES, PROFILE_STATS, PROFILE_REVENUE,
)  # fmt: skip
SQL = Table(
    "/api/query/sql", honoured=("project_id", "query", "from_date", "to_date", "format"), ignored=_SENT_BY_CLIENTS
)
STREAM_QUERY = Table(
    "/api/query/stream/query",
    honoured=(*_SHARED_BY_REPORTS, "distinct_ids", "from_date", "to_date"),
    ignored=_SENT_BY_CLIENTS,
)
STREAM_BOOKMARK = Table(
    "/api/query/stream/bookmark",
    honoured=(
        *_SHARED_BY_REPORTS, "bookmark", "distinct_ids", "mode", "limit", "include_events", "exclude_events",
        "sentinel_event", "paging_window", "search", "search_properties",
    ),
    ignored=("use_custom_events", *_SENT_BY_CLIENTS),
)  # fmt: skip
INSIGHTS = Table(
    "/api/query/insights",
    honoured=(*_SHARED_BY_REPORTS, "bookmark", "bookmark_id", "queryLimits"),
    ignored=_SENT_BY_CLIENTS,
)
JQL = Table("/api/query/jql", honoured=("project_id",), ignored=("script", "params", "format", *_SENT_BY_CLIENTS))
FUNNELS = Table(
    "/api/query/funnels",
    honoured=(
        *_SHARED_BY_REPORTS, "funnel_id", "events", "from_date", "to_date", "length", "length_unit", "interval", "unit",
        "on", "where", "limit", "count_type", "order", "reentry", "exclusions", "hold_constant",
    ),
    ignored=_SENT_BY_CLIENTS,
)  # fmt: skip
ARB_FUNNELS = Table(
    "/api/query/arb_funnels",
    honoured=(*_SHARED_BY_REPORTS, "bookmark", "bookmark_id", "query_type"),
    ignored=_SENT_BY_CLIENTS,
)
RETENTION = Table(
    "/api/query/retention",
    honoured=(
        *_SHARED_BY_REPORTS, "from_date", "to_date", "retention_type", "born_event", "event", "born_where", "where",
        "interval", "interval_count", "unit", "unbounded_retention", "on", "limit", "retention_window", "brackets",
        "bookmark_id",
    ),
    ignored=_SENT_BY_CLIENTS,
)  # fmt: skip
ADDICTION = Table(
    "/api/query/retention/addiction",
    honoured=(
        *_SHARED_BY_REPORTS, "from_date", "to_date", "unit", "addiction_unit", "event", "where", "on", "limit",
    ),
    ignored=_SENT_BY_CLIENTS,
)  # fmt: skip
IDENTITY = Table("/api/app/identity", honoured=("project_id", "distinct_id"))
IDENTITY_PREVIEW = Table("/api/app/identity/preview", honoured=("project_id", "ids"))
IDENTITY_UNLINK = Table("/api/app/identity/unlink", honoured=("project_id",))
_OF_PERSONS = ("token", "project_id")
DELETIONS = Table("/api/app/data-deletions/v3.0", honoured=_OF_PERSONS)
DELETIONS_PREVIEW = Table("/api/app/data-deletions/v3.0/preview", honoured=_OF_PERSONS)
DELETION = Table("/api/app/data-deletions/v3.0/ID", honoured=_OF_PERSONS)
RETRIEVALS = Table("/api/app/data-retrievals/v3.0", honoured=_OF_PERSONS)
RETRIEVAL = Table("/api/app/data-retrievals/v3.0/ID", honoured=_OF_PERSONS)
RETRIEVAL_FILE = Table("/api/app/data-retrievals/v3.0/ID/file", honoured=(*_OF_PERSONS, "format", "table"))
LOOKUP_TABLES = Table("/lookup-tables", honoured=("project_id",), ignored=("workspace_id", "query_origin"))
LOOKUP_TABLES_CREATE = Table("POST /lookup-tables", honoured=("project_id", "name"))
ACCOUNTS = Table("/api/app/…/service-accounts", honoured=())
PROJECT = Table("/api/app/projects/…", honoured=())
_SENT_TO_PATHS = ("project_id", "workspace_id", "query_origin")
"""What clients send although the path names the project."""
BOOKMARKS = Table("/api/app/projects/…/bookmarks", honoured=("v", "type", "ids"), ignored=_SENT_TO_PATHS)
BOOKMARK = Table("/api/app/projects/…/bookmarks/ID", honoured=(), ignored=("v", *_SENT_TO_PATHS))
FUNNELS_LIST = Table("/api/query/funnels/list", honoured=("project_id",), ignored=("format", *_SENT_BY_CLIENTS))
COHORTS = Table("/api/app/projects/…/cohorts", honoured=("ids",), ignored=_SENT_TO_PATHS)
COHORT = Table("/api/app/projects/…/cohorts/ID", honoured=(), ignored=_SENT_TO_PATHS)
COHORTS_LIST = Table("/api/query/cohorts/list", honoured=_SHARED_BY_REPORTS, ignored=_SENT_BY_CLIENTS)
ANNOTATIONS = Table("/api/app/projects/…/annotations", honoured=("fromDate", "toDate", "tags"), ignored=_SENT_TO_PATHS)
ANNOTATION = Table("/api/app/projects/…/annotations/ID", honoured=(), ignored=_SENT_TO_PATHS)
OLDER_ANNOTATIONS = Table(
    "/api/2.0/annotations", honoured=("project_id", "from_date", "to_date"), ignored=("format", *_SENT_BY_CLIENTS)
)
OLDER_CHANGES = Table(
    "/api/2.0/annotations/…",
    honoured=("project_id", "id", "date", "description"),
    ignored=("format", *_SENT_BY_CLIENTS),
)
LOOKUP_MAPPINGS = Table("/api/app/projects/…/lookup-mappings", honoured=(), ignored=_SENT_TO_PATHS)
ME = Table("/api/app/me", honoured=(), ignored=_SENT_TO_PATHS)
WORKSPACES = Table("/api/app/projects/…/workspaces/public", honoured=(), ignored=_SENT_TO_PATHS)
_SAVED = (
    BOOKMARKS,
    BOOKMARK,
    FUNNELS_LIST,
    COHORTS,
    COHORT,
    COHORTS_LIST,
    ANNOTATIONS,
    ANNOTATION,
    OLDER_ANNOTATIONS,
    OLDER_CHANGES,
    LOOKUP_MAPPINGS,
    ME,
    WORKSPACES,
)
FACTS = Table("/api/app/facts", honoured=("project_id",))
FACTS_REBUILD = Table("/api/app/facts/rebuild", honoured=("project_id",))
FACTS_STEPS = Table("/api/app/facts/steps", honoured=("project_id",))
FACTS_COMPARE = Table("/api/app/facts/compare", honoured=("project_id", "from_date", "to_date", "piece", "pieces"))
STORE = Table("/api/app/store", honoured=("project_id",))
STORE_PART = Table("/api/app/store/part", honoured=("project_id", "table", "part"))
STORE_EVENTS = Table("/api/app/store/events", honoured=("project_id",))
_LOADED = ("project_id", "from_position", "before_position", "event")
LOADED_DAYS = Table("/api/app/loaded-events/days", honoured=_LOADED)
LOADED_EVENTS = Table("/api/app/loaded-events", honoured=(*_LOADED, "day", "format"))
RETENTION_PREVIEW = Table("/api/app/retention", honoured=("project_id", "event_retention", "profile_retention"))
RATE_LIMITS = Table("/api/app/rate-limits", honoured=("project_id",))
_FLAGS = ("data", "verbose", "strict", "ip", "img", "callback", "redirect")
TRACK = Table("/track", honoured=_FLAGS, ignored=("project_id", *_SENT_BY_SDKS), is_open=True)
IMPORT = Table("/import", honoured=(*_FLAGS, "project_id"), ignored=_SENT_BY_SDKS, is_open=True)
ENGAGE = Table("/engage", honoured=_FLAGS, ignored=("project_id", *_SENT_BY_SDKS), is_open=True)
GROUPS = Table("/groups", honoured=_FLAGS, ignored=("project_id", *_SENT_BY_SDKS), is_open=True)

TABLES = (
    TRACK, IMPORT, ENGAGE, GROUPS, EXPORT, PROFILE_QUERY, *_COUNTS, FUNNELS, ARB_FUNNELS, RETENTION, ADDICTION,
    INSIGHTS, SQL, STREAM_QUERY, STREAM_BOOKMARK, JQL, LOOKUP_TABLES, LOOKUP_TABLES_CREATE, IDENTITY, IDENTITY_PREVIEW,
    IDENTITY_UNLINK, DELETIONS, DELETIONS_PREVIEW, DELETION, RETRIEVALS, RETRIEVAL, RETRIEVAL_FILE, FACTS,
    FACTS_REBUILD, FACTS_STEPS, FACTS_COMPARE, STORE, STORE_PART, STORE_EVENTS, LOADED_EVENTS, LOADED_DAYS,
    RETENTION_PREVIEW, RATE_LIMITS, ACCOUNTS, PROJECT, *_SAVED,
)  # fmt: skip
RECORDS: Mapping[str, Table] = {table.name: table for table in (TRACK, IMPORT, ENGAGE, GROUPS)}
"""The endpoints that take records, by path."""
_NAMES = {table.name: frozenset((*table.honoured, *table.refused, *table.ignored)) for table in TABLES}
