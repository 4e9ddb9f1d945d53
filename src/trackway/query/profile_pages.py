"""A profile query answered page by page, over a result that stays as it was (openapi/query engage-query).

A result of one page is read from the profiles and answered at once. A longer result is kept: the store itself writes it
into `profile_pages`, row by row in order, and every page, the first one too, is a range of these rows. So profiles may
change, come and go between pages, and any edge process can answer any page, also after a restart of the store. A
`session_id` holds everything that a later page needs.
"""

import re
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from trackway.domain.limits import PROFILE_SESSION_S, PROFILES_PER_PAGE
from trackway.query.facts_state import known_of
from trackway.query.identity_lookup import known_links
from trackway.query.limits import PROFILE_PAGE_BYTES_HELD_MAX
from trackway.query.profile_query import (
    SETTINGS,
    SMALL_BLOCK_PROFILES,
    ProfileQuery,
    check_where,
    in_blocks,
    placed_sql,
)
from trackway.query.sql.cohort import Condition, members
from trackway.query.sql.tables import rows_in
from trackway.store.reader import Reader

_SEPARATOR = b"\x1e"
"""It stands before each profile of a result of one page: a character that no JSON text contains."""
_AT_ONCE = "SELECT concat(char(30), toString(place), ' ', line) FROM (%s)"
_KEEP = """
INSERT INTO profile_pages (project_id, session, made, row, line)
SELECT {project:UInt32}, {session:String}, toDateTime({made:UInt32}, 'UTC'), place, line
FROM (%s)"""
_INSERT = ", max_insert_threads = 1, min_insert_block_size_rows = %d, min_insert_block_size_bytes = %d"
_BLOCK = (65536, 16 * 1024 * 1024)
_SORTED_BLOCK = (262144, 64 * 1024 * 1024)
"""Rows and bytes of a part. Every part of a sorted result may have rows of every page, so fewer parts are better."""
_OF_SESSION = "session = {session:String}"
_OF_PAGE = "row >= {first:UInt64} AND row < {first:UInt64} + {count:UInt64}"
_PAGE = f"""
SELECT concat(',', line) {rows_in("profile_pages", _OF_SESSION, _OF_PAGE)}
ORDER BY row{SETTINGS % SMALL_BLOCK_PROFILES}"""
_TOTAL = f"SELECT if(count() = 0, 0, max(row) + 1) {rows_in('profile_pages', _OF_SESSION)}"
"""A profile that is deleted while the store sorts leaves its row empty."""

_SESSION_ID = re.compile(r"([0-9]{1,10})-([0-9]{1,10})-([0-9a-f]{32})(?:-([0-9]{1,3}))?")
_HEAD = b'{"page":%d,"page_size":%d,"session_id":"%b","status":"ok","total":%d,"results":['
_TAIL = b"]}"


class UnknownSession(Exception):
    """A `session_id` that was never given out, not to this project, not for this query, or too long ago."""


class Session(NamedTuple):
    """A query's result: when it was made (seconds since the epoch), how many profiles it has in all and on a page, and
    the key of its rows."""

    made_s: int
    total: int
    key: str
    page_size: int = PROFILES_PER_PAGE

    @property
    def text(self) -> str:
        """The `session_id`."""
        page_size = "" if self.page_size == PROFILES_PER_PAGE else f"-{self.page_size}"
        return f"{self.made_s}-{self.total}-{self.key}{page_size}"

    @property
    def is_kept(self) -> bool:
        """Whether its rows must be in the store. A result of one page has none there."""
        return self.total > self.page_size


def read_session(text: str, fingerprint: str) -> Session:
    """The session that a `session_id` spells. Raises UnknownSession if it cannot exist or is too old."""
    match = _SESSION_ID.fullmatch(text)
    if not match or not match[3].startswith(fingerprint):
        raise UnknownSession
    session = Session(int(match[1]), int(match[2]), match[3], int(match[4] or PROFILES_PER_PAGE))
    if not 1 <= session.page_size <= PROFILES_PER_PAGE or not 0 <= time.time() - session.made_s <= PROFILE_SESSION_S:
        raise UnknownSession
    return session


@asynccontextmanager
async def first_page(
    questions: Reader, streams: Reader, query: ProfileQuery, fingerprint: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The reply with page 0, in pieces; `fingerprint`, 16 hexadecimal digits, is the same for the same query.

    Raises ExpressionError for a `where` that cannot be asked or is at fault in some profile.
    """
    await check_where(questions, query)
    lines = await _at_once(questions, query)
    if lines is None:
        session = await _keep(questions, query, fingerprint)
        async with later_page(streams, query.project_id, session, 0) as pieces:
            yield pieces
    else:
        session = _new_session(query, fingerprint, len(lines))
        yield _framed(_head(session, 0) + b",".join(lines))


async def in_cohort(questions: Reader, query: ProfileQuery, cohort: Condition) -> ProfileQuery:
    """The same query for members of a cohort. Raises StoreError, and ExpressionError for conditions whose SQL is too
    large."""
    if query.lists_all:  # facts do not have the ids of persons
        known = (await known_links(questions, query.project_id))._replace(lookups=query.lookups)
        return query._replace(cohort=members(query.project_id, cohort, known))
    known = (await known_of(questions, query.project_id))._replace(lookups=query.lookups)
    return query._replace(cohort=members(query.project_id, cohort, known, "who"))


@asynccontextmanager
async def later_page(
    streams: Reader, project_id: int, session: Session, page: int
) -> AsyncIterator[AsyncIterator[bytes]]:
    """The reply with a page of a session, in pieces; behind the last page it is empty. Raises UnknownSession."""
    first = page * session.page_size
    if first >= session.total:
        yield _framed(_head(session, page))
        return
    parameters = _of(session) | {"first": first, "count": session.page_size}
    async with streams.stream(project_id, _PAGE, parameters) as rows:
        piece = await anext(rows, b"")
        if not piece:
            raise UnknownSession
        yield _framed(_head(session, page) + piece[1:], rows)


async def _framed(begin: bytes, rest: AsyncIterator[bytes] | None = None) -> AsyncIterator[bytes]:
    if rest is None:
        yield begin + _TAIL
        return
    yield begin
    async for piece in rest:
        yield piece
    yield _TAIL


def _head(session: Session, page: int) -> bytes:
    return _HEAD % (page, session.page_size, session.text.encode(), session.total)


async def _at_once(reader: Reader, query: ProfileQuery) -> list[bytes] | None:
    """The lines of all profiles; None if they are more than a page, or too large to hold in memory."""
    rows_max = query.page_size + 1 if query.limit is None else min(query.limit, query.page_size + 1)
    sql, parameters = placed_sql(query, rows_max)
    end = query.settings
    found = await in_blocks(
        lambda settings: _held(reader, query.project_id, _AT_ONCE % sql + settings + end, parameters)
    )
    if found is None or found.count(_SEPARATOR) > query.page_size:
        return None
    placed = (line.partition(b" ") for line in found.split(_SEPARATOR)[1:])
    return [line for _, line in sorted((int(place), line) for place, _, line in placed)]


async def _held(reader: Reader, project_id: int, sql: str, parameters: dict[str, Any]) -> bytes | None:
    held: list[bytes] = []
    size = 0
    async with reader.stream(project_id, sql, parameters) as pieces:
        async for piece in pieces:
            size += len(piece)
            if size > PROFILE_PAGE_BYTES_HELD_MAX:
                return None
            held.append(piece)
    return b"".join(held)


async def _keep(reader: Reader, query: ProfileQuery, fingerprint: str) -> Session:
    """The session, once all its rows are in the store."""
    sql, parameters = placed_sql(query, query.limit)
    block = _INSERT % (_BLOCK if query.order is None else _SORTED_BLOCK)

    async def insert(settings: str) -> Session:
        session = _new_session(query, fingerprint)
        made = _of(session) | {"made": session.made_s}
        await reader.write(query.project_id, _KEEP % sql + settings + query.settings + block, parameters | made)
        return session

    session = await in_blocks(insert)  # a failed insert may leave rows behind; its key was given to nobody
    [(total,)] = await reader.rows(query.project_id, _TOTAL, _of(session))
    return session._replace(total=int(total))


def _new_session(query: ProfileQuery, fingerprint: str, total: int = 0) -> Session:
    return Session(int(time.time()), total, fingerprint + secrets.token_hex(8), query.page_size)


def _of(session: Session) -> dict[str, Any]:
    return {"session": session.key}
