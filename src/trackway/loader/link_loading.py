"""Inserts the links of a batch into the store, before the profiles and events of the batch.

Claims of devices are inserted as they are. Links of the other kinds are decided from the clusters before the first of
them. Rows of later links in the store do not count. So every insert is idempotent, when a batch is loaded again and
when an insert arrives after its loader has died.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from trackway.domain.id_clusters import Clusters, Refusal
from trackway.loader.limits import CLAIMS_REMEMBERED_BYTES_MAX, LINK_ROWS_BYTES_MAX, LINKS_DECIDED_AT_ONCE_MAX
from trackway.loader.link_rows import (
    LINK_COLUMNS,
    REFUSAL_COLUMNS,
    Asked,
    Id,
    change_rows,
    claim_key,
    claim_rest,
    clusters_of,
    is_claim,
    links_of,
    refusal_row,
)
from trackway.loader.part_verification import Guard
from trackway.loader.placed import Placed
from trackway.store.client import Store

_HEADS = """
WITH asked AS (
    SELECT key.1, key.2 FROM (SELECT arrayJoin(JSONExtract({keys:String}, 'Array(Tuple(UInt32, String))')) AS key)
)
SELECT project_id, id, argMax(canonical_id, applied)
FROM identity_links
WHERE applied > 0 AND applied < {before:UInt64} AND (project_id, id) IN asked
GROUP BY project_id, id
"""
_MEMBERS = """
WITH asked AS (
    SELECT key.1, key.2 FROM (SELECT arrayJoin(JSONExtract({keys:String}, 'Array(Tuple(UInt32, String))')) AS key)
)
SELECT project_id, id, argMax(canonical_id, applied) AS head
FROM identity_links
WHERE applied > 0 AND applied < {before:UInt64} AND (project_id, id) IN (
    SELECT project_id, id FROM identity_links
    WHERE applied > 0 AND applied < {before:UInt64} AND (project_id, canonical_id) IN asked
)
GROUP BY project_id, id
HAVING (project_id, head) IN asked
"""
"""One JSON text holds all keys, as in `loader.profile_loading`."""

_KEY_BYTES = 100
"""Approximate memory of a remembered claim, beside its own bytes."""


class Links:
    """Inserts links, and remembers claims that are in the store: each event of a device may repeat its claim."""

    def __init__(self) -> None:
        self._remembered: set[bytes] = set()
        self._remembered_bytes = 0

    def insert(self, store: Store, placed: Iterable[Placed], guard: Guard) -> None:
        """Insert the links of these entries, and the changes that they cause. Raises StorageError."""
        claims: dict[bytes, bytes] = {}
        others: list[Asked] = []
        for asked in links_of(placed):
            if not is_claim(asked):
                others.append(asked)
            elif (key := claim_key(asked)) not in self._remembered and key not in claims:
                claims[key] = claim_rest(asked)
        if claims:
            _insert(store, "identity_links", LINK_COLUMNS, (key + rest for key, rest in claims.items()))
            self._remember(claims)
        rest = iter(others)
        while some := list(islice(rest, LINKS_DECIDED_AT_ONCE_MAX)):
            _decide(store, some, guard)

    def _remember(self, claims: Iterable[bytes]) -> None:
        """Remember claims that are in the store. A forgotten claim costs only a row, which replaces itself."""
        for key in claims:
            self._remembered_bytes += len(key) + _KEY_BYTES
            if self._remembered_bytes > CLAIMS_REMEMBERED_BYTES_MAX:
                self._remembered.clear()
                self._remembered_bytes = len(key) + _KEY_BYTES
            self._remembered.add(key)


def _decide(store: Store, some: list[Asked], guard: Guard) -> None:
    """Decide links one after the other, and insert their changes."""
    clusters = read_clusters(store, some, some[0].sequence)
    guard()
    rows: list[bytes] = []
    refusals: list[bytes] = []
    size = 0
    for asked in some:
        decided = change_rows(asked, clusters[asked.project_id])
        if isinstance(decided, Refusal):
            refusals.append(refusal_row(asked, decided.reason))
            continue
        rows.append(decided)
        size += len(decided)
        if size >= LINK_ROWS_BYTES_MAX:
            _insert(store, "identity_links", LINK_COLUMNS, rows)
            rows, size = [], 0
    if size:
        _insert(store, "identity_links", LINK_COLUMNS, rows)
    if refusals:
        _insert(store, "identity_refusals", REFUSAL_COLUMNS, refusals)


def _insert(store: Store, table: str, columns: tuple[str, ...], rows: Iterable[bytes]) -> None:
    store.insert_rows(table, columns, rows, settings={"optimize_on_insert": "0"})


def read_clusters(store: Store, some: Iterable[Asked], before: int) -> dict[int, Clusters]:
    """By project, the clusters of all ids that these links name, before a position in the journal."""
    ids = {Id(asked.project_id, id) for asked in some for id in (asked.link.id, asked.link.to) if id}
    heads = dict.fromkeys(ids, "")
    heads |= {id: head for id, head in _rows(store, _HEADS, ids, before) if head}
    asked_heads = {Id(id.project_id, head or id.id) for id, head in heads.items()}
    return clusters_of(dict(_rows(store, _MEMBERS, asked_heads, before)), {id.project_id for id in ids})


def _rows(store: Store, sql: str, ids: Iterable[Id], before: int) -> Iterator[tuple[Id, str]]:
    parameters = {"keys": msgspec.json.encode(list(ids)).decode(), "before": before}
    for project_id, id, head in store.query(sql, parameters):
        yield Id(project_id, id), head
