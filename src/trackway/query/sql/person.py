"""The person that an event belongs to at the time of the query, as SQL (protocol §6).

A query's rows come in with the id they were stored under. They leave with `person`, the canonical id of that id now.
Nothing is written when two ids become one person, so a link holds at once for all that was stored before it. An event
that names its user belongs to that user, whatever its device is linked to.

The store holds the links of a project in memory while rows pass: 16 bytes for the two hashes of an id, and the
canonical id. A join on the ids themselves takes three times as long. Two ids with both hashes equal, 128 bits, count as
one id, as two events with equal keys do in deduplication. A client that could make such ids gains nothing, because it
may send events under any id anyway. The text that a line of an export shows for a link is made once for each link, not
for each event.
"""

from typing import Final, NamedTuple

from trackway.domain.export_properties import ID_BEFORE
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.domain.link import LinkKind
from trackway.query.sql.lookups import Lookups
from trackway.query.sql.segments import Facts
from trackway.query.sql.tables import GIVEN_IDS, rows_from, rows_in

JOIN_SETTINGS: Final = (
    " SETTINGS query_plan_convert_outer_join_to_inner_join = 0, query_plan_convert_any_join_to_semi_or_anti_join = 0,"
    " query_plan_execute_functions_after_sorting = 0, join_algorithm = 'hash'"
)
"""The end of a statement with `person`. The embedded engine crashes on an ANY join that it rewrites for a condition on
its right side. All cores compute what links show before links are sorted. This join leaves the columns of whole events
in place; a join with a table for each core copies them."""
COUNT_JOIN_SETTINGS: Final = JOIN_SETTINGS.replace("'hash'", "'parallel_hash'")
"""The same for rows of ids alone that are counted: a table for each core takes less memory than one that grows."""

_LINKING_EVENTS = "event IN ('$identify', '$create_alias', '$merge')"
_HASHES = "cityHash64(joined) AS joined_hash, xxHash64(joined) AS joined_check"
_SHOWN = f"if(given = '' OR given = joined, '', concat(toJSONString(given), ',\"{ID_BEFORE}\":'))"
_EACH_LINK = f"SELECT id AS joined, rank, canonical_id AS given, {_SHOWN} AS before_own, {_HASHES}"
_LINKS = f"""
SELECT given, before_own, joined_hash, joined_check {rows_from(f"{_EACH_LINK} {rows_in('identity_links')}")}
ORDER BY joined, rank DESC LIMIT 1 BY joined"""
_EACH_REFUSAL = f"SELECT insert_id AS joined, sequence, reason AS given, {_HASHES}"
_REFUSALS = f"""
SELECT given, joined_hash, joined_check {rows_from(f"{_EACH_REFUSAL} {rows_in('identity_refusals')}")}
ORDER BY joined, sequence LIMIT 1 BY joined"""
_OF_DEVICES = f"kind = {LinkKind.DEVICE:d}"
# FINAL leaves one row for each claim, so all but the first row of a device belong to other users.
_LATER_CLAIMS = f"""
SELECT id, canonical_id {rows_in("identity_links", _OF_DEVICES, f"startsWith(id, '{DEVICE_PREFIX}')", final=True)}
ORDER BY id, rank DESC LIMIT 1, 4294967295 BY id"""
_UNLINKED = f"SELECT id {rows_in('identity_links', f'kind = {LinkKind.UNLINK:d}')}"
_CONFLICTS = f"""
SELECT substring(id, {len(DEVICE_PREFIX) + 1}), canonical_id {rows_from(_LATER_CLAIMS)} WHERE id NOT IN ({_UNLINKED})"""
# Bounds of the table's key, so that the links of a project's devices are not read.
_NO_DEVICE = f"(id < '{DEVICE_PREFIX}' OR id >= '{DEVICE_PREFIX[:-1]};')"


def _any_row(rows: str) -> str:
    return f"(SELECT count() {rows_from(f'SELECT 1 {rows} LIMIT 1')})"


KNOWN_LINKS: Final = (
    f"{_any_row(rows_in('identity_links'))}, {_any_row(rows_in('identity_links', _NO_DEVICE, _OF_DEVICES))}"
)
"""SQL of the first two fields of `Known`."""
KNOWN: Final = f"SELECT {KNOWN_LINKS}, {_any_row(rows_in('identity_refusals'))}, {_any_row(rows_from(_CONFLICTS))}"
"""A statement that gives all fields of `Known`. It costs more, because it compares claims."""


class Known(NamedTuple):
    """What a project has, so that queries leave out the tables and columns that it does not use.

    `plain`: links of ids that are no device's, so that a user may have the same id. `conflicts`: devices that several
    users claim. `facts`: those that may be read instead of events, if any. `lookups`: tables that properties are mapped
    to.
    """

    links: bool
    plain: bool = False
    refusals: bool = False
    conflicts: bool = False
    facts: Facts | None = None
    lookups: Lookups = Lookups()


def with_person(rows: str, known: Known, *, naming: bool = True) -> str:
    """A query's text that gives the rows of another, each with `person`. They have `distinct_id` and `user_id`.

    If there are links, each row also gets `before_own`, which stands before `distinct_id` as JSON in a line that shows
    both ids: the person as JSON and the name of the property with the stored id; '' where both ids are the same.
    Without `naming`, no row names its user or has `user_id`. The statement ends with JOIN_SETTINGS.
    """
    if not known.links:
        return f"SELECT *, distinct_id AS person {rows_from(rows)}"
    person = "if(given = '', distinct_id, given) AS person"
    return _joined(rows, "user_id = ''" if naming else "", "distinct_id", _LINKS, person)


def with_failures(rows: str, known: Known) -> str:
    """A query's text that gives the rows of another, each with `conflicting` and `failure_reason`.

    `conflicting`: the event's device belongs to another user. `failure_reason`: why the link that the event asked for
    was refused, or ''. The rows have `event`, `insert_id`, `device_id` and `user_id`.
    """
    conflicting = f"(device_id, user_id) IN ({_CONFLICTS})" if known.conflicts else "0"
    rows = f"SELECT *, {conflicting} AS conflicting {rows_from(rows)}"
    if not known.refusals:
        return f"SELECT *, '' AS failure_reason {rows_from(rows)}"
    return _joined(rows, _LINKING_EVENTS, "insert_id", _REFUSALS, "given AS failure_reason")


def newest_links(ids: str) -> str:
    """A query's text that gives `id` and `canonical_id` of those ids that have a link; `ids` is a query's text.

    The canonical id is '' for an id that was unlinked.
    """
    links = rows_in("identity_links", f"id IN ({ids})")
    return f"SELECT id, canonical_id {links} ORDER BY id, rank DESC LIMIT 1 BY id"


def canonical_ids(ids: str) -> str:
    """A query's text that gives, as `id`, the canonical ids of those ids that have one; `ids` is a query's text."""
    return f"SELECT canonical_id AS id {rows_from(newest_links(ids))} WHERE canonical_id != ''"


_HEADS: Final = f"""
{GIVEN_IDS} UNION ALL SELECT if(canonical_id = '', id, canonical_id) AS id {rows_from(newest_links(GIVEN_IDS))}"""
_LINKED_TO_HEADS: Final = f"SELECT id {rows_in('identity_links', f'canonical_id IN ({_HEADS})')}"
_LINKED_IDS: Final = f"SELECT id {rows_from(newest_links(_LINKED_TO_HEADS))} WHERE canonical_id IN ({_HEADS})"
ALL_IDS: Final = f"SELECT DISTINCT id {rows_from(f'{_HEADS} UNION ALL {_LINKED_IDS}')} LIMIT {{most:UInt64}}"
"""A query's text that gives all ids of the persons to whom the given ids belong now. It binds `ids` and `most`."""


def _joined(rows: str, condition: str, key: str, right: str, found: str) -> str:
    """The rows, each with what the right side gives for the two hashes of its key. A row that does not meet the
    condition has the hashes 0, and so gets nothing."""
    hash, check = f"cityHash64({key})", f"xxHash64({key})"
    if condition:
        hash, check = f"if({condition}, {hash}, 0)", f"if({condition}, {check}, 0)"
    hashed = f"SELECT *, {hash} AS key_hash, {check} AS key_check {rows_from(rows)}"
    return f"""
SELECT * EXCEPT (key_hash, key_check, given), {found} {rows_from(hashed, "entry")}
LEFT ANY JOIN ({right}) AS link ON entry.key_hash = link.joined_hash AND entry.key_check = link.joined_check"""
