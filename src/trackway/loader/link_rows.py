"""Links of the journal as rows of the store, and rows as the canonical id at a position. Pure.

A DEVICE link is a claim. Its row does not depend on earlier links, since the first claim of an id counts. All other
links are decided in order by `domain.id_clusters`, and become changes. A change outranks a claim, and the last change
of an id counts. So the state at a position is that of the rows with a smaller sequence.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from trackway.domain.id_clusters import Clusters, Refusal
from trackway.domain.link import Link, LinkKind
from trackway.domain.native import string
from trackway.domain.position import sub_position
from trackway.loader.placed import Placed

LINK_COLUMNS = ("project_id", "id", "applied", "canonical_id", "rank", "sequence", "kind", "made", "reason")
REFUSAL_COLUMNS = ("project_id", "insert_id", "sequence", "kind", "id", "other", "reason", "made")

_MIDDLE = 1 << 63
"""The rank between claims and changes. The first claim has the highest rank of claims, the last change that of
changes."""
_CLAIM = bytes(8)
_PLACE = struct.Struct("<QQBq")


class Asked(NamedTuple):
    """A link and its sequence: the sub-position in its journal record, by its number among that record's links."""

    project_id: int
    sequence: int
    made_us: int
    link: Link


class Id(NamedTuple):
    """An id of a project."""

    project_id: int
    id: str


def links_of(placed: Iterable[Placed]) -> Iterator[Asked]:
    """The links of entries in the order of the journal. Entries of one record must be adjacent."""
    record, number = -1, 0
    for position, entry, room in placed:
        if position != record:
            record, number = position, 0
        for link in entry.links:
            yield Asked(entry.project_id, sub_position(position, number, room), entry.received_us, link)
            number += 1


def claim_key(asked: Asked) -> bytes:
    """The key of a claim's row, equal for equal claims: the first four columns in RowBinary."""
    return _key(asked, asked.link.id, _CLAIM, asked.link.to)


def claim_rest(asked: Asked) -> bytes:
    """The columns after the key."""
    return _PLACE.pack(_MIDDLE - asked.sequence, asked.sequence, asked.link.kind, asked.made_us) + b"\0"


def change_rows(asked: Asked, clusters: Clusters) -> bytes | Refusal:
    """Rows of identity_links for the changes of a link, or its refusal. Applies the link to the clusters."""
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
    """The history of an id: (sequence, canonical id) of its first claim and of its changes, in order."""

    claim: tuple[int, str] | None
    changes: list[tuple[int, str]]


def canonical_at(turns: Turns, id: str, position: int) -> str:
    """The canonical id of an id for a journal record at a position. Links of earlier records count."""
    for sequence, canonical_id in reversed(turns.changes):
        if sequence < position:
            return canonical_id or id
    if turns.claim is not None and turns.claim[0] < position:
        return turns.claim[1]
    return id


def clusters_of(canonical: Mapping[Id, str], projects: Iterable[int]) -> dict[int, Clusters]:
    """The clusters of each of these projects."""
    apart: dict[int, dict[str, str]] = {project_id: {} for project_id in projects}
    for id, head in canonical.items():
        apart[id.project_id][id.id] = head
    return {project_id: Clusters(ids) for project_id, ids in apart.items()}


def is_claim(asked: Asked) -> bool:
    return asked.link.kind is LinkKind.DEVICE
