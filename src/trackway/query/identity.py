"""Whose event is it: the SQL that gives each row the person it belongs to, when it is asked (protocol §6).

Rows come in with the id they were stored under; they leave with `person`, the canonical id of that id now. Nothing is
written when two ids become one, so a link holds at once for all that was stored before it. An event that names its
user belongs to that user, whatever became of its device.

The links of a project are held in memory while its rows pass by: 16 bytes of an id's two hashes, and the canonical id.
Joining on the ids themselves takes three times as long. Two ids with both hashes equal, 128 bits, are taken for one, as
two events with equal keys are in deduplication. Whoever could make such ids gains nothing: he may send events under
any id as it is. What a line of an export says of a link is written once a link, not once an event.
"""

import json
from collections.abc import Collection
from contextlib import closing
from typing import NamedTuple

from trackway.journal.entry import LinkKind
from trackway.store.client import Store
from trackway.store.request import READERS

SETTINGS = (
    " SETTINGS query_plan_convert_outer_join_to_inner_join = 0, query_plan_convert_any_join_to_semi_or_anti_join = 0,"
    " query_plan_execute_functions_after_sorting = 0, join_algorithm = 'hash'"
)
"""The end of a statement with `person`. The embedded engine dies of an ANY join that it rewrites for a condition on its
right side. What is made of links is made before they are in order, by all cores. Whole events keep their columns as
they are in this join; in one of several tables they are copied."""
COUNT_SETTINGS = SETTINGS.replace("'hash'", "'parallel_hash'")
"""The same for rows of ids alone that are counted: a table for each core takes less memory than one that grows."""
CONFLICT = "device is linked to another user"
"""`$identity_failure_reason` of an event whose device keeps the user it had before."""
_EVENTS = "('$identify', '$create_alias', '$merge')"

_PROJECT = "project_id = {project:UInt32}"
_HASHES = "cityHash64(joined) AS joined_hash, xxHash64(joined) AS joined_check"
_SHOWN = "if(given = '' OR given = joined, '', concat(toJSONString(given), ',\"$distinct_id_before_identity\":'))"
_LINKS = f"""
SELECT given, before_own, joined_hash, joined_check FROM (
    SELECT id AS joined, rank, canonical_id AS given, {_SHOWN} AS before_own, {_HASHES} FROM identity_links
    WHERE {_PROJECT}
) ORDER BY joined, rank DESC LIMIT 1 BY joined"""  # noqa: S608  parameters only
_PEOPLE = f"""
SELECT id, canonical_id FROM identity_links
WHERE {_PROJECT} AND id IN (SELECT arrayJoin(JSONExtract({{ids:String}}, 'Array(String)')))
ORDER BY id, rank DESC LIMIT 1 BY id"""  # noqa: S608
_REFUSALS = f"""
SELECT given, joined_hash, joined_check FROM (
    SELECT insert_id AS joined, sequence, reason AS given, {_HASHES} FROM identity_refusals WHERE {_PROJECT}
) ORDER BY joined, sequence LIMIT 1 BY joined"""  # noqa: S608
# FINAL leaves each claim once, so all but the first of a device are of other users.
_CONFLICTS = f"""
SELECT substring(id, 9), canonical_id FROM (
    SELECT id, canonical_id FROM identity_links FINAL
    WHERE {_PROJECT} AND kind = {LinkKind.DEVICE:d} AND startsWith(id, '$device:')
    ORDER BY id, rank DESC LIMIT 1, 4294967295 BY id
) WHERE id NOT IN (SELECT id FROM identity_links WHERE {_PROJECT} AND kind = {LinkKind.UNLINK:d})"""  # noqa: S608
_HAS_LINKS = "(SELECT count() FROM (SELECT 1 FROM identity_links WHERE {condition} LIMIT 1))"
# Bounds of the table's key, so that a project's devices are not read for it.
_HAS_PLAIN = f"""(SELECT count() FROM (
    SELECT 1 FROM identity_links
    WHERE {{condition}} AND (id < '$device:' OR id >= '$device;') AND kind = {LinkKind.DEVICE:d} LIMIT 1
))"""  # noqa: S608  parameters only
_HAS_REFUSALS = "(SELECT count() FROM (SELECT 1 FROM identity_refusals WHERE {condition} LIMIT 1))"
_HAS_CONFLICTS = f"(SELECT count() FROM ({_CONFLICTS} LIMIT 1))"  # noqa: S608
_KNOWN_LINKS = f"SELECT {_HAS_LINKS}, {_HAS_PLAIN}".replace("{condition}", _PROJECT)
_KNOWN = f"{_KNOWN_LINKS}, {_HAS_REFUSALS}, {_HAS_CONFLICTS}".replace("{condition}", _PROJECT)


class Known(NamedTuple):
    """Whether a project has links at all, links of ids that may be a user's as well (a user claims them, and they are
    no device's), refused requests for links, and devices that several users claim: what it has not need not be joined
    with, nor its columns be read."""

    links: bool
    plain: bool = False
    refusals: bool = False
    conflicts: bool = False


def known(store: Store, project_id: int) -> Known:
    """What there is of a project. Raises StoreError."""
    return _known(store, project_id, _KNOWN)


def known_links(store: Store, project_id: int) -> Known:
    """The same for who asks for persons alone: cheaper, since no claims are compared. Raises StoreError."""
    return _known(store, project_id, _KNOWN_LINKS)


def _known(store: Store, project_id: int, sql: str) -> Known:
    # By the connections of those who wait for the answer: all claims are compared on all cores, and no loader waits.
    with closing(store.stream(sql, {"project": project_id}, "TSV", {"quota_key": READERS})) as pieces:
        return Known(*(found != b"0" for found in b"".join(pieces).split()))


def with_person(rows: str, what: Known, *, naming: bool = True) -> str:
    """A query's text that gives the rows of another, which have `distinct_id` and `user_id`, and `person` with them.

    Where there are links also `before_own`, what stands before `distinct_id` as JSON in a line that shows both: the
    person as JSON and the name under which the stored id follows; '' where that is the person.
    Unless `naming`, no row names its user, nor has `user_id`. Both read the parameter `project`; their statement
    ends with SETTINGS.
    """
    if not what.links:
        return f"SELECT *, distinct_id AS person FROM ({rows})"  # noqa: S608  texts of ours
    person = "if(given = '', distinct_id, given) AS person"
    return _joined(rows, "user_id = ''" if naming else "", "distinct_id", _LINKS, person)


def with_failures(rows: str, what: Known) -> str:
    """The same with `conflicting`, whether the event's device belongs to another user, and `failure_reason`, why the
    link that the event asked for was refused, or ''. The rows have `event`, `insert_id`, `device_id`, `user_id`."""
    conflicting = f"(device_id, user_id) IN ({_CONFLICTS})" if what.conflicts else "0"
    rows = f"SELECT *, {conflicting} AS conflicting FROM ({rows})"  # noqa: S608
    if not what.refusals:
        return f"SELECT *, '' AS failure_reason FROM ({rows})"  # noqa: S608
    return _joined(rows, f"event IN {_EVENTS}", "insert_id", _REFUSALS, "given AS failure_reason")


def people_of(store: Store, project_id: int, ids: Collection[str]) -> dict[str, str]:
    """The canonical ids of those of some ids that have one of their own. Raises StoreError."""
    if not ids:
        return {}
    rows = store.query(_PEOPLE, {"project": project_id, "ids": json.dumps(list(ids))})
    return {str(id): str(canonical) for id, canonical in rows if canonical}


def canonical_ids(ids: str) -> str:
    """A query's text that gives `id`: the canonical ids of those that another gives as `id` and that have one."""
    return f"""
SELECT canonical_id AS id FROM (
    SELECT canonical_id FROM identity_links WHERE {_PROJECT} AND id IN ({ids}) ORDER BY id, rank DESC LIMIT 1 BY id
) WHERE canonical_id != ''"""  # noqa: S608  texts of ours


def _joined(rows: str, condition: str, key: str, right: str, found: str) -> str:
    """The rows, each with what the right side gives for the two hashes of its key; where there is a condition, a row
    that is not to be joined has the hashes 0."""
    hash, check = f"cityHash64({key})", f"xxHash64({key})"
    if condition:
        hash, check = f"if({condition}, {hash}, 0)", f"if({condition}, {check}, 0)"
    hashes = f"{hash} AS key_hash, {check} AS key_check"
    return f"""
SELECT * EXCEPT (key_hash, key_check, given), {found} FROM (SELECT *, {hashes} FROM ({rows})) AS entry
LEFT ANY JOIN ({right}) AS link ON entry.key_hash = link.joined_hash AND entry.key_check = link.joined_check"""  # noqa: S608
