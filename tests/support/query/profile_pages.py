"""Pages of a profile query."""

from tests.support.store import questions as asking
from tests.support.store.questions import readers_of
from trackway.query.profile_pages import Session, first_page, later_page
from trackway.query.profile_query import ProfileQuery
from trackway.store.client import Store

PRINT = "0123456789abcdef"


def pieces_of(store: Store, query: ProfileQuery) -> list[bytes]:
    readers = readers_of(store)
    return asking.pieces(first_page(readers.api, readers.exports, query, PRINT))


def later(store: Store, project_id: int, session: Session, page: int) -> list[bytes]:
    return asking.pieces(later_page(readers_of(store).exports, project_id, session, page))
