"""A profile query answered page by page, over a result that stays as it was (openapi/query engage-query).

A result of one page is read from the profiles and answered at once. A longer one is kept: the store writes it into
`profile_pages` by itself, row by row in the order of the ids, and every page, the first one too, is a range of its
rows. So profiles may change, come and go in between, and any edge process can answer any page, also after the store
was started again. What a later page needs to know stands in its `session_id`.
"""

import re
import secrets
import time
from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

from trackway.limits import PROFILE_PAGE_BYTES_HELD_MAX, PROFILE_SESSION_S, PROFILES_PER_PAGE
from trackway.query.profiles import SETTINGS, SMALL_BLOCK_PROFILES, ProfileQuery, check_where, in_blocks, profiles_sql
from trackway.store.client import Store
from trackway.store.request import READERS

_SEPARATOR = b"\x1e"
"""Before each profile that is read at once: a character that no JSON text holds, whatever blanks a client put in it."""
_AT_ONCE = f"SELECT concat(char(30), line) FROM (%s LIMIT {PROFILES_PER_PAGE + 1})"  # noqa: S608
_KEEP = """
INSERT INTO profile_pages (project_id, session, made, row, line)
SELECT {project:UInt32}, {session:String}, toDateTime({made:UInt32}, 'UTC'), rowNumberInAllBlocks(), line
FROM (%s)"""
_INSERT = ", max_insert_threads = 1, min_insert_block_size_rows = 65536, min_insert_block_size_bytes = 16777216"
_KEPT = "FROM profile_pages WHERE project_id = {project:UInt32} AND session = {session:String}"
_PAGE = (
    f"""
SELECT if(row = {{first:UInt64}}, line, concat(',', line)) {_KEPT}
AND row >= {{first:UInt64}} AND row < {{first:UInt64}} + {{count:UInt64}} ORDER BY row"""
    + SETTINGS % SMALL_BLOCK_PROFILES
)

_SESSION_ID = re.compile(r"([0-9]{1,10})-([0-9]{1,10})-([0-9a-f]{32})")
_HEAD = b'{"page":%d,"page_size":%d,"session_id":"%b","status":"ok","total":%d,"results":['
_TAIL = b"]}"


class UnknownSession(Exception):
    """A `session_id` that was never given out, not to this project, not for this query, or too long ago."""


class Session(NamedTuple):
    """A query's result: when it was made (seconds since the epoch), how many profiles it has, what its rows go by."""

    made_s: int
    total: int
    key: str

    @property
    def text(self) -> str:
        """The `session_id`."""
        return f"{self.made_s}-{self.total}-{self.key}"

    @property
    def is_kept(self) -> bool:
        """Whether its rows must be in the store; those of a single page need not be."""
        return self.total > PROFILES_PER_PAGE


def read_session(text: str, fingerprint: str) -> Session:
    """The session of a `session_id`. Raises UnknownSession when there can be none any more."""
    match = _SESSION_ID.fullmatch(text)
    if not match or not match[3].startswith(fingerprint):
        raise UnknownSession
    session = Session(int(match[1]), int(match[2]), match[3])
    if not 0 <= time.time() - session.made_s <= PROFILE_SESSION_S:
        raise UnknownSession
    return session


def first_page(store: Store, query: ProfileQuery, fingerprint: str) -> Generator[bytes]:
    """The reply with page 0, in pieces; `fingerprint`, 16 hexadecimal digits, is the same for the same query.

    All errors come with the first piece. Raises ExpressionError for a `where` that cannot be asked or is at fault in
    some profile.
    """
    check_where(store, query)
    profiles = _at_once(store, query)
    if profiles is None:
        yield from later_page(store, query.project_id, _keep(store, query, fingerprint), 0)
    else:
        session = _new_session(fingerprint, profiles.count(_SEPARATOR))
        yield _head(session, 0) + profiles[1:].replace(_SEPARATOR, b",") + _TAIL


def later_page(store: Store, project_id: int, session: Session, page: int) -> Generator[bytes]:
    """The reply with a page of a session, in pieces; behind the last page it is empty.

    Raises UnknownSession, with the first piece.
    """
    first = page * PROFILES_PER_PAGE
    if first >= session.total:
        yield _head(session, page) + _TAIL
        return
    parameters = _of(project_id, session) | {"first": first, "count": PROFILES_PER_PAGE}
    with closing(store.stream(_PAGE, parameters, "TSVRaw", {"quota_key": READERS})) as rows:
        piece = next(rows, b"")
        if not piece:
            raise UnknownSession
        yield _head(session, page) + piece
        yield from rows
    yield _TAIL


def _head(session: Session, page: int) -> bytes:
    return _HEAD % (page, PROFILES_PER_PAGE, session.text.encode(), session.total)


def _at_once(store: Store, query: ProfileQuery) -> bytes | None:
    """All profiles, each behind a separator; None when they are more than a page, or too large to be held here."""
    sql, parameters = profiles_sql(query)
    profiles = in_blocks(lambda settings: _held(store.stream(_AT_ONCE % sql + settings, parameters, "TSVRaw")))
    return profiles if profiles is not None and profiles.count(_SEPARATOR) <= PROFILES_PER_PAGE else None


def _held(stream: Generator[bytes]) -> bytes | None:
    held: list[bytes] = []
    size = 0
    with closing(stream) as pieces:
        for piece in pieces:
            size += len(piece)
            if size > PROFILE_PAGE_BYTES_HELD_MAX:
                return None
            held.append(piece)
    return b"".join(held)


def _keep(store: Store, query: ProfileQuery, fingerprint: str) -> Session:
    """The session, once all its rows are in the store."""
    sql, parameters = profiles_sql(query)

    def insert(settings: str) -> Session:
        session = _new_session(fingerprint)
        made = _of(query.project_id, session) | {"made": session.made_s}
        store.command(_KEEP % sql + settings + _INSERT, parameters | made)
        return session

    session = in_blocks(insert)  # one that broke off has left rows behind, but nobody knows its key
    [(total,)] = store.query(f"SELECT count() {_KEPT}", _of(query.project_id, session))
    return session._replace(total=int(total))


def _new_session(fingerprint: str, total: int = 0) -> Session:
    return Session(int(time.time()), total, fingerprint + secrets.token_hex(8))


def _of(project_id: int, session: Session) -> dict[str, Any]:
    return {"project": project_id, "session": session.key}
