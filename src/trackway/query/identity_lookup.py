"""A person: the ids that belong to it, how they were linked, and what a merge of two persons would do.

An id comes in, what the store knows of it leaves as plain values. All of it is derived from the rows of links. The
first claim of an id counts, and its last change counts before all claims (`query.sql.person`). Lists are bounded, and
say where they were cut.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from trackway.domain.export_properties import CONFLICT
from trackway.domain.id_clusters import Clusters, Refusal
from trackway.domain.identity_mode import DEVICE_PREFIX, ORIGINAL, IdentityMode
from trackway.domain.link import Link, LinkKind
from trackway.query.limits import IDENTITY_COUNT_S_MAX, IDENTITY_SHOWN_MAX
from trackway.query.sql.events import project_events
from trackway.query.sql.person import KNOWN, KNOWN_LINKS, Known, canonical_ids, newest_links
from trackway.query.sql.tables import GIVEN_IDS, KEPT, rows_from, rows_in
from trackway.store.reader import Reader

NOT_A_DEVICE = "simplified mode links a device, $device: and its id, to a user, and nothing else"
UNLINKED = "id was unlinked, and stays so"

_GIVEN = "SELECT {id:String} AS id"
_LINKED_TO = f"SELECT id {rows_in('identity_links', 'canonical_id = {id:String}')}"
_OTHER_IDS = f"""
SELECT id {rows_from(newest_links(_LINKED_TO))} WHERE canonical_id = {{id:String}}
ORDER BY id LIMIT {IDENTITY_SHOWN_MAX + 1}"""
_CONCERNED = f"(id IN ({GIVEN_IDS}) OR canonical_id IN ({GIVEN_IDS}))"
_HISTORY = f"""
SELECT sequence, kind, id, canonical_id, applied, made, reason {rows_in("identity_links", _CONCERNED, final=True)}
ORDER BY sequence DESC, id LIMIT {IDENTITY_SHOWN_MAX}"""
_CLAIMED = f"id IN (SELECT id {rows_in('identity_links', _CONCERNED)})"
_FIRST_CLAIMS = f"""
SELECT id, argMax(canonical_id, rank) {rows_in("identity_links", "applied = 0", _CLAIMED)} GROUP BY id"""
_REFUSED_OF = f"(id IN ({GIVEN_IDS}) OR other IN ({GIVEN_IDS}))"
_REFUSED = f"""
SELECT sequence, kind, id, other, made, reason {rows_in("identity_refusals", _REFUSED_OF, final=True)}
ORDER BY sequence DESC LIMIT {IDENTITY_SHOWN_MAX}"""
_OWN_EVENTS = f"if(user_id = '', distinct_id IN ({GIVEN_IDS}), user_id = {{id:String}})"
_OWN_PROFILE = ("group_key = ''", "profile_id = {id:String}")
_SEEN = f"""
SELECT 1 {rows_in("profiles", *_OWN_PROFILE)}
UNION ALL SELECT 1 {rows_in("events", KEPT, "distinct_id = {id:String}")}
LIMIT 1 SETTINGS max_execution_time = {IDENTITY_COUNT_S_MAX}"""
_OWN_PROFILES = ("group_key = ''", f"profile_id IN ({GIVEN_IDS})")
_PROFILES = f"SELECT count() {rows_in('profiles', *_OWN_PROFILES, final=True)}"


class Step(NamedTuple):
    """A request to link or unlink ids. `made` is the request's arrival; `outcome` is linked, unlinked or refused;
    `reason` says why it was refused, or why an operator unlinked."""

    made: datetime
    kind: LinkKind
    id: str
    to: str
    outcome: str
    reason: str


class Person(NamedTuple):
    """A person's ids, the canonical one first, and the latest steps that concern it, in their order; of each at most
    IDENTITY_SHOWN_MAX. `is_cut`: there are more ids."""

    canonical_id: str
    ids: list[str]
    history: list[Step]
    is_cut: bool


class Side(NamedTuple):
    """One side of a merge: a person, and how many events and profiles it has."""

    person: Person
    events: int
    profiles: int


class Preview(NamedTuple):
    """What a merge would do: the canonical id of both, and which ids would move to it; `refusal` is why not, or ''."""

    canonical_id: str
    moved: list[str]
    refusal: str
    sides: tuple[Side, Side]


async def known(reader: Reader, project_id: int) -> Known:
    """What a project's identity has. Raises StoreError."""
    [(links, plain, refusals, conflicts)] = await reader.rows(project_id, KNOWN)
    return Known(bool(links), bool(plain), bool(refusals), bool(conflicts))


async def known_links(reader: Reader, project_id: int) -> Known:
    """The same for a query that needs persons and no failures. It is cheaper. Raises StoreError."""
    [(links, plain)] = await reader.rows(project_id, f"SELECT {KNOWN_LINKS}")
    return Known(bool(links), bool(plain))


async def people_of(reader: Reader, project_id: int, ids: Collection[str]) -> dict[str, str]:
    """The canonical ids of those ids that have one of their own. Raises StoreError."""
    if not ids:
        return {}
    rows = await reader.rows(project_id, newest_links(GIVEN_IDS), {"ids": _json(ids)})
    return {str(id): str(canonical) for id, canonical in rows if canonical}


async def person_of(reader: Reader, project_id: int, id: str) -> Person:
    """The person that an id belongs to now. An unknown id is a person by itself. Raises StoreError."""
    ids, is_cut = await ids_of(reader, project_id, id)
    return Person(ids[0], ids, await _history(reader, project_id, [*ids, id]), is_cut)


async def is_known(reader: Reader, project_id: int, person: Person) -> bool:
    """Whether anything of the person is stored: a link, a profile or an event. Raises StoreError."""
    if len(person.ids) > 1 or person.history:
        return True
    return bool(await reader.rows(project_id, _SEEN, {"id": person.canonical_id}))


async def preview(reader: Reader, project_id: int, mode: IdentityMode, first: str, second: str) -> Preview:
    """What a merge of the persons of two ids would do. It changes nothing. Raises StoreError."""
    one, other = await _side(reader, project_id, first), await _side(reader, project_id, second)
    turned = mode != ORIGINAL and first.startswith(DEVICE_PREFIX)
    kept, absorbed, moving = (other, one, first) if turned else (one, other, second)
    if kept.person.canonical_id == absorbed.person.canonical_id:
        return Preview(kept.person.canonical_id, [], "", (one, other))
    refusal = _against(mode, kept.person, absorbed.person, moving)
    moved = [] if refusal else absorbed.person.ids
    return Preview(kept.person.canonical_id, moved, refusal, (one, other))


def _against(mode: IdentityMode, kept: Person, absorbed: Person, moving: str) -> str:
    """Why two persons may not be merged, or ''; `moving` is the id that the request names of the absorbed one."""
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


async def ids_of(reader: Reader, project_id: int, id: str) -> tuple[list[str], bool]:
    """All ids of the person, the canonical one first, and whether there are more."""
    heads = await reader.rows(project_id, canonical_ids(_GIVEN), {"id": id})
    head = str(heads[0][0]) if heads else id
    others = [str(row[0]) for row in await reader.rows(project_id, _OTHER_IDS, {"id": head})]
    return [head, *others[:IDENTITY_SHOWN_MAX]], len(others) > IDENTITY_SHOWN_MAX


async def _side(reader: Reader, project_id: int, id: str) -> Side:
    person = await person_of(reader, project_id, id)
    parameters = {"id": person.canonical_id, "ids": _json(person.ids)}
    events_sql = project_events(project_id).having(row=[_OWN_EVENTS]).select("count()", deduplicated=True)
    ((events,),) = await reader.rows(project_id, events_sql, parameters, time_s=IDENTITY_COUNT_S_MAX)
    ((profiles,),) = await reader.rows(project_id, _PROFILES, parameters)
    return Side(person, int(events), int(profiles))


async def _history(reader: Reader, project_id: int, ids: Sequence[str]) -> list[Step]:
    parameters = {"ids": _json(ids)}
    first = {str(id): str(to) for id, to in await reader.rows(project_id, _FIRST_CLAIMS, parameters)}
    placed = [
        (sequence, _step(kind, id, to, applied, made, reason, first.get(id, "")))
        for sequence, kind, id, to, applied, made, reason in await reader.rows(project_id, _HISTORY, parameters)
    ]
    placed += [
        (sequence, Step(_time(made), LinkKind(kind), id, other, "refused", reason))
        for sequence, kind, id, other, made, reason in await reader.rows(project_id, _REFUSED, parameters)
    ]
    placed.sort(key=lambda each: each[0])
    return [step for _, step in placed[-IDENTITY_SHOWN_MAX:]]


def _step(kind: int, id: str, to: str, applied: int, made: str, reason: str, winner: str) -> Step:
    """A claim that is not the device's first was refused. Only changes that were granted have a row."""
    if applied == 0 and to != winner:
        return Step(_time(made), LinkKind(kind), id, to, "refused", CONFLICT)
    return Step(_time(made), LinkKind(kind), id, to, "linked" if to else "unlinked", reason)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _json(ids: Iterable[str]) -> str:
    return msgspec.json.encode(list(dict.fromkeys(ids))).decode()
