"""Which ids of a project are one person in original mode, as a pure rule over links (protocol §6).

Takes the clusters of some ids, then one link after the other. Gives the moves of each link, or the reason of its
refusal. A link merges two clusters. The canonical id is the one of the side that the link points *to*: the identified
id, the distinct_id of an alias, the first id of a merge. Each member of the absorbed side gets a move of its own, so
one look-up resolves an id and no chain is followed.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from trackway.domain.limits import CLUSTER_IDS_MAX
from trackway.domain.link import Link, LinkKind

ALONE = ""
"""The canonical id in a move of an id that is a person of its own from now on."""

NOT_A_UUID = "anonymous id is not a UUID v4"
ALREADY_MERGED = "anonymous id is already merged with another id"
ALIAS_TAKEN = "alias already belongs to another user"
TOO_MANY_IDS = f"merged user would have more than {CLUSTER_IDS_MAX} ids"
"""Reasons of refused links; exports show them as `$failure_reason`."""

_UUID4 = re.compile(
    r"(\$device:)?[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE
)


class Move(NamedTuple):
    """From now on an id belongs to `canonical_id`, or is a person of its own (`ALONE`)."""

    id: str
    canonical_id: str


class Refusal(NamedTuple):
    """A link that changes nothing, with the reason."""

    reason: str


class Clusters:
    """The clusters of some ids at a position of the journal; each decided link changes them.

    `canonical`: id → canonical id, for each id that differs from its canonical id. It must cover the ids that links
    will name and all other ids of their clusters.
    """

    def __init__(self, canonical: Mapping[str, str] | None = None):
        self._canonical = dict(canonical or {})
        self._members: dict[str, set[str]] = {}
        for id, head in self._canonical.items():
            self._members.setdefault(head, {head}).add(id)

    def canonical_of(self, id: str) -> str:
        return self._canonical.get(id, id)

    def members_of(self, id: str) -> set[str]:
        """All ids of the cluster that an id is in."""
        head = self.canonical_of(id)
        return set(self._members.get(head, {head}))

    def decide(self, link: Link) -> list[Move] | Refusal:
        """The moves of a link that is not a DEVICE claim; none where its ids are one person already."""
        if link.kind is LinkKind.UNLINK:
            return self._unlink(link.id)
        kept = self.canonical_of(link.to)
        if kept == self.canonical_of(link.id):
            return []
        absorbed = self.members_of(link.id)
        leads = self.canonical_of(link.id) == link.id
        if reason := _reason_against(link, len(self.members_of(kept)), len(absorbed), leads=leads):
            return Refusal(reason)
        return [self._move(id, kept) for id in sorted(absorbed)]

    def _unlink(self, id: str) -> list[Move]:
        """Separate the id. If it was the canonical id of its cluster, another member replaces it: the first in order,
        with anonymous ids last."""
        others = sorted(self.members_of(id) - {id}, key=lambda each: (_UUID4.fullmatch(each) is not None, each))
        led = self.canonical_of(id) == id
        moves = [self._move(id, ALONE)]
        if others and led:
            moves.append(self._move(others[0], ALONE))
            moves += [self._move(each, others[0]) for each in others[1:]]
        return moves

    def _move(self, id: str, canonical_id: str) -> Move:
        before = self.canonical_of(id)
        if before in self._members:
            self._members[before].discard(id)
            if self._members[before] <= {before}:
                del self._members[before]
        if canonical_id == ALONE:
            self._canonical.pop(id, None)
        else:
            self._canonical[id] = canonical_id
            self._members.setdefault(canonical_id, {canonical_id}).add(id)
        return Move(id, canonical_id)


def _reason_against(link: Link, kept_ids: int, absorbed_ids: int, *, leads: bool) -> str | None:
    """Why a link must not merge two clusters, by the number of their ids; None if it may.

    `leads`: the id that would move is the canonical id of its cluster. Only such an id may become an alias: then a
    chain of aliases has the same result in every order.
    """
    if link.kind is LinkKind.IDENTIFY and not _UUID4.fullmatch(link.id):
        return NOT_A_UUID
    if link.kind is LinkKind.IDENTIFY and absorbed_ids > 1:
        return ALREADY_MERGED
    if link.kind is LinkKind.ALIAS and not leads:
        return ALIAS_TAKEN
    if kept_ids + absorbed_ids > CLUSTER_IDS_MAX:
        return TOO_MANY_IDS
    return None
