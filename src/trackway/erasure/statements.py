"""The statements of an erasure. Ids are in the table `erasure_ids`, never in a text: the engine keeps the texts of
deletions for a while."""

from typing import Final, NamedTuple

from trackway.query.sql.segments import TABLES
from trackway.query.sql.tables import PROJECT, rows_in
from trackway.store.mutations import checked_partition

ERASED_IDS: Final = f"SELECT id {rows_in('erasure_ids')}"
_OF_IDS: Final = f"IN ({ERASED_IDS})"
_LINKING_FIELDS: Final = (
    "'alias'",
    "'$anon_id'",
    "'$anon_distinct_id'",
    "'$identified_id'",
    "'$distinct_ids', 1",
    "'$distinct_ids', 2",
)
LINKING: Final = (
    "event IN ('$create_alias', '$identify', '$merge') AND user_id = '' AND ("
    + " OR ".join(f"JSONExtractString(properties, {field}) {_OF_IDS}" for field in _LINKING_FIELDS)
    + ")"
)
"""Events of others that asked for a link with an erased id. Those that name their user stay, as all events of a device
that do."""


class Target(NamedTuple):
    """A table, and which of a project's rows go. `final`: rows of one key count once before the erasure."""

    table: str
    condition: str
    final: bool = True


EVENTS: Final = Target("events", f"(distinct_id {_OF_IDS} OR {LINKING})")
TARGETS: Final = (
    Target("profiles", f"group_key = '' AND profile_id {_OF_IDS}"),
    Target("profile_pages", f"JSONExtractString(line, '$distinct_id') {_OF_IDS}", final=False),
    EVENTS,
    Target("identity_refusals", f"(id {_OF_IDS} OR other {_OF_IDS})"),
    Target("identity_links", f"(canonical_id {_OF_IDS} OR applied > 0 AND id {_OF_IDS})"),
)
"""In the order of deletion. Links are last: they say whose the rest is. That another user claimed a device of the
person, too, stays: it is as if the person had never had the device."""
OF_PROJECT: Final = tuple(
    Target(table, "1", final=False)
    for table in (
        "profiles",
        "profile_pages",
        "events",
        "rejected_records",
        "replays",
        "lookup_rows",
        "lookup_table_versions",
        "identity_refusals",
        "identity_links",
        *TABLES,
    )
)
"""All that a project has in the store, but for how many records came when: the loader's cursor is among these."""
REJECTED: Final = "rejected_records"

REJECTED_RECORDS: Final = f"""
SELECT _partition_id, toString(toUnixTimestamp64Micro(received)), toString(position), `index`, hex(original)
{rows_in(REJECTED)}"""
DELETE_REJECTED: Final = (
    f"DELETE IN PARTITION ID '%s' WHERE {PROJECT}"
    " AND has({keys:Array(Tuple(Int64, UInt64, UInt32))}, (toUnixTimestamp64Micro(received), position, `index`))"
)
LINKING_EVENTS: Final = f"SELECT count() {rows_in('events', LINKING)}"


def count_of(target: Target, *, final: bool) -> str:
    """How many rows a target has. `final`: of rows with one key only the newest counts, and none that says that there
    is nothing."""
    return f"SELECT count() {rows_in(target.table, target.condition, final=final and target.final)}"


def partitions_of(target: Target) -> str:
    """The partitions that have rows of a target."""
    return f"SELECT DISTINCT _partition_id {rows_in(target.table, target.condition)}"


def delete_in(target: Target, partition: str) -> str:
    """What deletes a target's rows of a partition, a name of the engine, from the table that ALTER TABLE names."""
    return f"DELETE IN PARTITION ID '{checked_partition(partition)}' WHERE {PROJECT} AND {target.condition}"
