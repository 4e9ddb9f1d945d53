"""From the links of the journal to rows of the store, and back to the canonical id at a place in the journal; pure.

A DEVICE link is a claim: its row is the same whatever came before, since of the claims of an id the first one counts.
All other links, in their order, are decided by `ingest.clusters` and become changes, which go before claims; the last
change of an id counts. So the state at any place is that of the rows whose sequence is smaller.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from trackway.ingest.clusters import Clusters, Refusal
from trackway.journal.columns import string
from trackway.journal.entry import Link, LinkKind
from trackway.loader.batch import Placed

LINK_COLUMNS = ("project_id", "id", "applied", "canonical_id", "rank", "sequence", "kind", "made", "reason")
REFUSAL_COLUMNS = ("project_id", "insert_id", "sequence", "kind", "id", "other", "reason", "made")

_MIDDLE = 1 << 63
"""The rank between claims, of which the first is the highest, and changes, of which the last is."""
_CLAIM = bytes(8)
_PLACE = struct.Struct("<QQBq")


class Asked(NamedTuple):
    """A link and its place: the position of its journal record plus its number among all links of that record."""

    project_id: int
    sequence: int
    made_us: int
    link: Link


class Id(NamedTuple):
    """An id of a project."""

    project_id: int
    id: str


def links_of(placed: Iterable[Placed]) -> Iterator[Asked]:
    """The links of entries in the order of the journal; entries of one record stand together."""
    record, sequence = -1, 0
    for position, entry in placed:
        if position != record:
            record = sequence = position
        for link in entry.links:
            yield Asked(entry.project_id, sequence, entry.received_us, link)
            sequence += 1


def claim_key(asked: Asked) -> bytes:
    """The key of a claim's row, equal for equal claims: the first four columns in RowBinary."""
    return _key(asked, asked.link.id, _CLAIM, asked.link.to)


def claim_rest(asked: Asked) -> bytes:
    """The columns behind the key."""
    return _PLACE.pack(_MIDDLE - asked.sequence, asked.sequence, asked.link.kind, asked.made_us) + b"\0"


def change_rows(asked: Asked, clusters: Clusters) -> bytes | Refusal:
    """Rows of identity_links for what a link changes, if it is not refused; the clusters are moved on."""
    decided = clusters.decide(asked.link)
    if isinstance(decided, Refusal):
        return decided
    applied = asked.sequence.to_bytes(8, "little")
    rest = _PLACE.pack(_MIDDLE + asked.sequence, asked.sequence, asked.link.kind, asked.made_us)
    rest += string(asked.link.reason.encode())
    return b"".join(_key(asked, move.id, applied, move.canonical_id) + rest for move in decided)


def refusal_row(asked: Asked, reason: str) -> bytes:
    """A row of identity_refusals in RowBinary."""
    link = asked.link
    texts = [string(each.encode()) for each in (link.insert_id, link.id, link.to, reason)]
    place = asked.sequence.to_bytes(8, "little") + bytes([link.kind])
    made = asked.made_us.to_bytes(8, "little", signed=True)
    return asked.project_id.to_bytes(4, "little") + texts[0] + place + b"".join(texts[1:]) + made


def _key(asked: Asked, id: str, applied: bytes, canonical_id: str) -> bytes:
    return asked.project_id.to_bytes(4, "little") + string(id.encode()) + applied + string(canonical_id.encode())


class Turns(NamedTuple):
    """When an id came to belong to whom: (sequence, canonical id) of its first claim and of its changes, in order."""

    claim: tuple[int, str] | None
    changes: list[tuple[int, str]]


def canonical_at(turns: Turns, id: str, position: int) -> str:
    """The canonical id of an id for a journal record at a position: links of earlier records count."""
    for sequence, canonical_id in reversed(turns.changes):
        if sequence < position:
            return canonical_id or id
    if turns.claim is not None and turns.claim[0] < position:
        return turns.claim[1]
    return id


def clusters_of(canonical: Mapping[Id, str], projects: Iterable[int]) -> dict[int, Clusters]:
    """The clusters of each of some projects."""
    apart: dict[int, dict[str, str]] = {project_id: {} for project_id in projects}
    for id, head in canonical.items():
        apart[id.project_id][id.id] = head
    return {project_id: Clusters(ids) for project_id, ids in apart.items()}


def is_claim(asked: Asked) -> bool:
    return asked.link.kind is LinkKind.DEVICE
