"""The profile of an update: the canonical id of the update's id, as of the update's position in the journal.

The links of a batch are in the store before its profiles are read. So one query asks for the history of each id, and
the result holds at every position of the batch. Later links do not count, so a repeated load finds the same profile for
an update.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from trackway.loader.limits import LINKED_IDS_MIN, PROFILES_ASKED_AT_ONCE_BYTES_MAX
from trackway.loader.link_rows import Id, Turns, canonical_at
from trackway.loader.placed import Placed
from trackway.store.client import Store

_TURNS = """
SELECT
    project_id,
    id,
    argMaxIf((sequence, canonical_id), rank, applied = 0),
    argMaxIf((applied, canonical_id), applied, applied > 0 AND applied < {begin:UInt64}),
    arraySort(groupArrayIf((applied, canonical_id), applied >= {begin:UInt64}))
FROM identity_links
WHERE sequence < {end:UInt64} AND (project_id, id) IN (
    SELECT key.1, key.2 FROM (SELECT arrayJoin(JSONExtract({keys:String}, 'Array(Tuple(UInt32, String))')) AS key)
)
GROUP BY project_id, id
"""
"""The first claim, the last change before the batch, and the changes within it. (0, '') means none."""
_LINKED = "SELECT project_id FROM identity_links WHERE project_id IN {projects:Array(UInt32)} LIMIT 1 BY project_id"

"""It reads one number for each link of the projects, so it pays for many ids only."""


class CanonicalIds:
    """The canonical ids of users at the positions of a batch."""

    def __init__(self, turns: dict[Id, Turns]):
        self._turns = turns

    def at(self, project_id: int, id: str, position: int) -> str:
        """The canonical id of an id for the journal record at a position."""
        turns = self._turns.get(Id(project_id, id))
        return id if turns is None else canonical_at(turns, id, position)


AS_GIVEN = CanonicalIds({})
"""Every id is its own canonical id."""


def read_canonical_ids(store: Store, placed: Sequence[Placed]) -> CanonicalIds:
    """Query the store for all users that the updates of these entries name. Their links must be in the store."""
    asked = [each for each in placed if each.entry.updates]
    if sum(len(each.entry.updates) for each in asked) >= LINKED_IDS_MIN:
        linked = _linked(store, {each.entry.project_id for each in asked})
        asked = [each for each in asked if each.entry.project_id in linked]
    ids = {
        Id(each.entry.project_id, update.profile_id)
        for each in asked
        for update in each.entry.updates
        if not update.group_key and not update.as_given
    }
    if not ids:
        return AS_GIVEN
    begin, end = placed[0].position, placed[-1].position
    turns: dict[Id, Turns] = {}
    for some in _in_questions(ids):
        parameters = {"keys": msgspec.json.encode(some).decode(), "begin": begin, "end": end}
        turns |= {
            Id(project_id, id): Turns(claim if claim[1] else None, ([last] if last[0] else []) + changes)
            for project_id, id, claim, last, changes in store.query(_TURNS, parameters)
        }
    return CanonicalIds(turns)


def _linked(store: Store, projects: set[int]) -> set[int]:
    """Those of the projects that have links: in the others every id is its own canonical id."""
    return {int(project_id) for (project_id,) in store.query(_LINKED, {"projects": sorted(projects)})}


def _in_questions(ids: Iterable[Id]) -> Iterator[list[Id]]:
    """The ids in chunks of one query each."""
    asked: list[Id] = []
    size = 0
    for id in ids:
        asked.append(id)
        size += 16 + len(id.id)
        if size >= PROFILES_ASKED_AT_ONCE_BYTES_MAX:
            yield asked
            asked, size = [], 0
    if asked:
        yield asked
