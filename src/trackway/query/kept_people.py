"""The users of a funnel, kept for an hour, so that their list has pages that neither move nor follow the funnel again.

They are rows of `profile_pages`, as results of profile queries are: by the key of a session, which the address of a
later page has. So any edge process can answer any page. A row holds a person's number and times. Ids and names are
looked up when a page is shown.
"""

import secrets
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from trackway.query.profile_pages import Session, UnknownSession
from trackway.query.reports.funnel_people import FunnelPeople, FunnelPerson
from trackway.query.sql.tables import rows_in
from trackway.store.reader import Reader

_TABLE: Final = "profile_pages"
_COLUMNS: Final = ("project_id", "session", "made", "row", "line")
_PAGE: Final = f"""
SELECT line {rows_in(_TABLE, "session = {session:String}", "row >= {first:UInt64}", "row < {before:UInt64}")}
ORDER BY row"""
_person: Final = msgspec.json.Decoder(FunnelPerson)


async def keep(reader: Reader, project_id: int, people: FunnelPeople, fingerprint: str) -> Session:
    """The session of a list, whose `total` is the number of all persons. `fingerprint`: 16 hexadecimal digits, the same
    for the same question. Raises StoreError."""
    session = Session(int(time.time()), people.number, fingerprint + secrets.token_hex(8))
    await reader.insert(project_id, _TABLE, _COLUMNS, _rows(project_id, session, people), "JSONEachRow")
    return session


async def kept(reader: Reader, project_id: int, session: Session, first: int, count: int) -> list[FunnelPerson]:
    """The persons of a list from a place on. Raises UnknownSession where there is none, and StoreError."""
    asked = {"session": session.key, "first": first, "before": first + count}
    found = await reader.rows(project_id, _PAGE, asked)
    if not found:
        raise UnknownSession
    return [_person.decode(line) for (line,) in found]


def _rows(project_id: int, session: Session, people: FunnelPeople) -> Iterator[bytes]:
    for place, person in enumerate(people.latest):
        line = msgspec.json.encode(person).decode()
        values = (project_id, session.key, session.made_s, place, line)
        yield msgspec.json.encode(dict(zip(_COLUMNS, values, strict=True))) + b"\n"
