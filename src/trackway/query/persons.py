"""A person: the ids that are one, how they became so, and what it would be to make one of two.

An id comes in, what the store knows of it leaves as plain values. All of it is derived from the rows of links: of the
claims of an id the first counts, before claims its last change (`query.identity`). What is shown is bounded, and told
where it was cut.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from trackway.identity import ORIGINAL, IdentityMode
from trackway.ingest.clusters import Clusters, Refusal
from trackway.ingest.links import DEVICE_PREFIX
from trackway.journal.entry import Link, LinkKind
from trackway.limits import IDENTITY_COUNT_S_MAX, IDENTITY_SHOWN_MAX
from trackway.query.identity import CONFLICT, canonical_ids
from trackway.store.client import Store

NOT_A_DEVICE = "simplified mode links a device, $device: and its id, to a user, and nothing else"
UNLINKED = "id was unlinked, and stays so"

_PROJECT = "project_id = {project:UInt32}"
_GIVEN = "SELECT {id:String} AS id"
_MEMBERS = f"""
SELECT id, canonical_id FROM identity_links WHERE {_PROJECT} AND id IN (
    SELECT id FROM identity_links WHERE {_PROJECT} AND canonical_id = {{id:String}}
) ORDER BY id, rank DESC LIMIT 1 BY id"""  # noqa: S608  parameters only
_OF = f"SELECT id FROM ({_MEMBERS}) WHERE canonical_id = {{id:String}} ORDER BY id LIMIT {IDENTITY_SHOWN_MAX + 1}"  # noqa: S608
_IDS = "(SELECT arrayJoin(JSONExtract({ids:String}, 'Array(String)')))"
_HISTORY = f"""
SELECT sequence, kind, id, canonical_id, applied, made, reason FROM identity_links FINAL
WHERE {_PROJECT} AND (id IN {_IDS} OR canonical_id IN {_IDS}) ORDER BY sequence DESC, id LIMIT {IDENTITY_SHOWN_MAX}
"""  # noqa: S608
_FIRST_CLAIMS = f"""
SELECT id, argMax(canonical_id, rank) FROM identity_links
WHERE {_PROJECT} AND applied = 0 AND id IN (
    SELECT id FROM identity_links WHERE {_PROJECT} AND (id IN {_IDS} OR canonical_id IN {_IDS})
) GROUP BY id"""  # noqa: S608
_REFUSED = f"""
SELECT sequence, kind, id, other, made, reason FROM identity_refusals FINAL
WHERE {_PROJECT} AND (id IN {_IDS} OR other IN {_IDS}) ORDER BY sequence DESC LIMIT {IDENTITY_SHOWN_MAX}"""  # noqa: S608
_EVENTS = f"""
SELECT count() FROM events FINAL
WHERE {_PROJECT} AND if(user_id = '', distinct_id IN {_IDS}, user_id = {{id:String}})
SETTINGS max_execution_time = {IDENTITY_COUNT_S_MAX}"""  # noqa: S608
_PROFILES = f"SELECT count() FROM profiles FINAL WHERE {_PROJECT} AND group_key = '' AND profile_id IN {_IDS}"  # noqa: S608


class Step(NamedTuple):
    """Something that was asked of identity. `made` is the request's arrival; `outcome` is linked, unlinked or refused;
    `reason` says why it was refused, or why somebody unlinked."""

    made: datetime
    kind: LinkKind
    id: str
    to: str
    outcome: str
    reason: str


class Person(NamedTuple):
    """All `ids` of a person, at most IDENTITY_SHOWN_MAX, of which the canonical id is the first, and the latest steps
    that made or concerned it, in their order, as many at most. `is_cut`: there are more ids."""

    canonical_id: str
    ids: list[str]
    history: list[Step]
    is_cut: bool


class Side(NamedTuple):
    """What would become part of a merge: a person, its events of all time and its profiles."""

    person: Person
    events: int
    profiles: int


class Preview(NamedTuple):
    """What a merge would do: the canonical id of both, which ids would move to it; `refusal` is why not, or ''."""

    canonical_id: str
    moved: list[str]
    refusal: str
    sides: tuple[Side, Side]


def person_of(store: Store, project_id: int, id: str) -> Person:
    """The person that an id belongs to now; an id that was never heard of is a person alone. Raises StoreError."""
    ids, is_cut = ids_of(store, project_id, id)
    return Person(ids[0], ids, _history(store, project_id, [*ids, id]), is_cut)


def preview(store: Store, project_id: int, mode: IdentityMode, first: str, second: str) -> Preview:
    """What making one person of two ids would do; nothing is changed. Raises StoreError."""
    one, other = _side(store, project_id, first), _side(store, project_id, second)
    turned = mode != ORIGINAL and first.startswith(DEVICE_PREFIX)
    kept, absorbed, moving = (other, one, first) if turned else (one, other, second)
    if kept.person.canonical_id == absorbed.person.canonical_id:
        return Preview(kept.person.canonical_id, [], "", (one, other))
    refusal = _against(mode, kept.person, absorbed.person, moving)
    moved = [] if refusal else absorbed.person.ids
    return Preview(kept.person.canonical_id, moved, refusal, (one, other))


def _against(mode: IdentityMode, kept: Person, absorbed: Person, moving: str) -> str:
    """Why two persons may not become one, or ''; `moving` is the id that was given of the absorbed one."""
    if mode == ORIGINAL:
        clusters = Clusters({id: each.canonical_id for each in (kept, absorbed) for id in each.ids[1:]})
        decided = clusters.decide(Link(LinkKind.MERGE, absorbed.canonical_id, kept.canonical_id))
        return decided.reason if isinstance(decided, Refusal) else ""
    if not moving.startswith(DEVICE_PREFIX) or kept.canonical_id.startswith(DEVICE_PREFIX):
        return NOT_A_DEVICE
    if absorbed.canonical_id != moving:
        return CONFLICT
    was_unlinked = any(step.kind is LinkKind.UNLINK and step.id == moving for step in absorbed.history)
    return UNLINKED if was_unlinked else ""


def ids_of(store: Store, project_id: int, id: str) -> tuple[list[str], bool]:
    """All ids of the person, the canonical one first, and whether there are more."""
    heads = store.query(canonical_ids(_GIVEN), {"project": project_id, "id": id})
    head = str(heads[0][0]) if heads else id
    others = [str(row[0]) for row in store.query(_OF, {"project": project_id, "id": head})]
    return [head, *others[:IDENTITY_SHOWN_MAX]], len(others) > IDENTITY_SHOWN_MAX


def _side(store: Store, project_id: int, id: str) -> Side:
    person = person_of(store, project_id, id)
    parameters = {"project": project_id, "id": person.canonical_id, "ids": _json(person.ids)}
    ((events,),), ((profiles,),) = store.query(_EVENTS, parameters), store.query(_PROFILES, parameters)
    return Side(person, int(events), int(profiles))


def _history(store: Store, project_id: int, ids: Sequence[str]) -> list[Step]:
    parameters = {"project": project_id, "ids": _json(ids)}
    first = {str(id): str(to) for id, to in store.query(_FIRST_CLAIMS, parameters)}
    placed = [
        (sequence, _step(kind, id, to, applied, made, reason, first.get(id, "")))
        for sequence, kind, id, to, applied, made, reason in store.query(_HISTORY, parameters)
    ]
    placed += [
        (sequence, Step(made, LinkKind(kind), id, other, "refused", reason))
        for sequence, kind, id, other, made, reason in store.query(_REFUSED, parameters)
    ]
    placed.sort(key=lambda each: each[0])
    return [step for _, step in placed[-IDENTITY_SHOWN_MAX:]]


def _step(kind: int, id: str, to: str, applied: int, made: datetime, reason: str, winner: str) -> Step:
    """A claim that is not the device's first was refused; a change was granted, or it would be no row."""
    if applied == 0 and to != winner:
        return Step(made, LinkKind(kind), id, to, "refused", CONFLICT)
    return Step(made, LinkKind(kind), id, to, "linked" if to else "unlinked", reason)


def _json(ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(dict.fromkeys(ids))).decode()
