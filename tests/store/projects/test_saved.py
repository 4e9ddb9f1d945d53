"""Saved reports, cohorts, annotations, tags and mappings in the projects database, on SQLite and PostgreSQL alike."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from trackway.domain.errors import StateError
from trackway.projects import saved_table
from trackway.projects.audit import Author
from trackway.projects.database import ProjectsDatabase
from trackway.projects.saved import (
    Annotation,
    Bookmark,
    Cohort,
    Creator,
    Dashboard,
    LookupMapping,
    ShareLink,
    Tag,
    UnknownSaved,
)
from trackway.projects.saved_table import Saved
from trackway.projects.share_token import hash_of, new_token

ACCOUNT = Creator(7, "reports.3fa94c.mp-service-account")
SECRET = Creator(None, "project secret")
BOOKMARK: dict[str, Any] = {"name": "Sign-ups", "type": "insights", "description": "", "params": '{"a": 1.0}'}
COLUMNS: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (Bookmark, BOOKMARK, {"name": "☃ 'new'", "params": '{"b":"\\u0000"}'}),
    (
        Cohort,
        {"name": "Buyers", "description": "d", "is_visible": True, "definition": "{}"},
        {"is_visible": False, "definition": '{"selector":{}}'},
    ),
    (
        Dashboard,
        {"name": "Shop", "description": "", "cards": [[7, True], [8, False]]},
        {"name": "Sh\u00f6p", "cards": []},
    ),
    (Annotation, {"date": "2026-11-29 12:00:00", "description": "v2", "tags": [1, 2]}, {"tags": []}),
]


@pytest.fixture
def saved(database: ProjectsDatabase) -> Saved:
    for name in ("one", "two"):
        database.create(name, "us")
    return Saved(database.by(Author("somebody", "192.0.2.1")))


@pytest.mark.parametrize(("of", "columns", "change"), COLUMNS, ids=lambda each: getattr(each, "__name__", ""))
def test_each_kind_is_made_read_changed_and_deleted(
    saved: Saved, of: Any, columns: dict[str, Any], change: dict[str, Any]
) -> None:
    before_ms = time.time_ns() // 1_000_000
    made = saved.create(of, 1, columns, ACCOUNT)
    assert {name: getattr(made, name) for name in columns} == columns
    assert before_ms <= made.made.created_at_ms == made.made.modified_at_ms
    assert (made.made.creator_id, made.made.creator_name) == (7, ACCOUNT.name)
    other = saved.create(of, 1, columns, SECRET)
    assert (other.made.creator_id, other.made.creator_name) == (None, "project secret")
    ids = [made.__getattribute__(made.__slots__[0]), other.__getattribute__(other.__slots__[0])]
    assert saved.all(of, 1) == [made, other] == [saved.one(of, 1, each) for each in ids]
    assert saved.all(of, 1, ids=[ids[1], 99]) == [other]

    changed = saved.change(of, 1, ids[0], change)
    assert {name: getattr(changed, name) for name in columns} == columns | change
    assert changed.made.created_at_ms == made.made.created_at_ms <= changed.made.modified_at_ms
    assert saved.all(of, 1) == [changed, other]

    saved.delete(of, 1, ids[0])
    assert saved.all(of, 1) == [other]
    newest = saved.create(of, 1, columns, ACCOUNT)
    assert newest.__getattribute__(newest.__slots__[0]) > ids[1]


def test_a_change_may_depend_on_what_is_there(saved: Saved) -> None:
    made = saved.create(Dashboard, 1, {"name": "Shop", "description": "", "cards": [[7, True]]}, ACCOUNT)
    number = made.dashboard_id
    for report_id in (8, 9):
        saved.change(Dashboard, 1, number, lambda found: {"cards": [*found.cards, [report_id, False]]})  # noqa: B023
    assert saved.one(Dashboard, 1, number).cards == [[7, True], [8, False], [9, False]]

    def refuse(found: Dashboard) -> dict[str, Any]:
        raise StateError("no room")

    with pytest.raises(StateError, match="no room"):
        saved.change(Dashboard, 1, number, refuse)
    with pytest.raises(UnknownSaved):
        saved.change(Dashboard, 2, number, lambda found: {"cards": []})
    assert len(saved.one(Dashboard, 1, number).cards) == 3


def test_what_a_project_saved_does_not_exist_for_another(saved: Saved) -> None:
    mine = saved.create(Bookmark, 1, BOOKMARK, ACCOUNT).bookmark_id
    calls: list[Callable[[], object]] = [
        lambda: saved.one(Bookmark, 2, mine),
        lambda: saved.change(Bookmark, 2, mine, {"name": "theirs"}),
        lambda: saved.delete(Bookmark, 2, mine),
        lambda: saved.one(Bookmark, 1, mine + 1),
    ]
    for call in calls:
        with pytest.raises(UnknownSaved, match=r"^report [0-9]+ was not found$"):
            call()
    assert saved.all(Bookmark, 2) == saved.all(Bookmark, 2, ids=[mine]) == []
    assert saved.one(Bookmark, 1, mine).name == "Sign-ups"


def test_lists_are_chosen_by_a_column(saved: Saved) -> None:
    funnel = saved.create(Bookmark, 1, BOOKMARK | {"type": "funnels"}, ACCOUNT)
    saved.create(Bookmark, 1, BOOKMARK, ACCOUNT)
    assert saved.all(Bookmark, 1, type="funnels") == [funnel]


def test_a_project_has_no_more_of_a_kind_than_it_may(saved: Saved, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = saved_table._KINDS[Bookmark]._replace(count_max=2)
    monkeypatch.setattr(saved_table, "_KINDS", {**saved_table._KINDS, Bookmark: kind})
    for _ in range(2):
        saved.create(Bookmark, 1, BOOKMARK, ACCOUNT)
    with pytest.raises(StateError, match=r"^a project must not have more than 2 reports$"):
        saved.create(Bookmark, 1, BOOKMARK, ACCOUNT)
    assert len(saved.all(Bookmark, 1)) == 2
    assert saved.create(Bookmark, 2, BOOKMARK, ACCOUNT)


def test_the_name_of_a_tag_is_taken_once_in_a_project(saved: Saved) -> None:
    tags = [saved.create(Tag, project, {"name": "releases"}, ACCOUNT) for project in (1, 2)]
    with pytest.raises(StateError, match=r"^tag 'releases' is there already$"):
        saved.create(Tag, 1, {"name": "releases"}, ACCOUNT)
    assert saved.all(Tag, 1) == tags[:1]


def test_each_change_is_in_the_audit_and_no_edge_process_reads_projects_again(
    saved: Saved, database: ProjectsDatabase
) -> None:
    revision = database.revision()
    number = saved.create(Bookmark, 1, BOOKMARK, ACCOUNT).bookmark_id
    saved.change(Bookmark, 1, number, {"name": "Renamed"})
    saved.delete(Bookmark, 1, number)
    with pytest.raises(UnknownSaved):
        saved.delete(Bookmark, 1, number)
    entries = database.audit(10, project_id=1)[:3]
    assert [(each.name, each.address, each.action, each.subject) for each in reversed(entries)] == [
        ("somebody", "192.0.2.1", "report saved", f"{number} Sign-ups"),
        ("somebody", "192.0.2.1", "report changed", f"{number} Renamed"),
        ("somebody", "192.0.2.1", "report deleted", f"{number} Renamed"),
    ]
    assert database.revision() == revision


def test_a_link_is_found_by_the_hash_of_its_token_until_it_is_revoked(saved: Saved, database: ProjectsDatabase) -> None:
    token = new_token()
    columns = {"target": "report 7", "token_hash": hash_of(token), "expires_at_ms": 5_000_000_000_000}
    made = saved.create(ShareLink, 2, columns, ACCOUNT)
    assert saved.shared_by(hash_of(token)) == made == saved.one(ShareLink, 2, made.link_id)
    assert saved.all(ShareLink, 2, target="report 7") == [made]
    assert saved.shared_by(token) is saved.shared_by("") is None
    with pytest.raises(UnknownSaved):
        saved.delete(ShareLink, 1, made.link_id)
    saved.delete(ShareLink, 2, made.link_id)
    assert saved.shared_by(hash_of(token)) is None
    entries = [(each.action, each.subject) for each in database.audit(2, project_id=2)]
    assert entries == [("link revoked", f"{made.link_id} report 7"), ("link shared", f"{made.link_id} report 7")]
    assert token not in repr(made) and hash_of(token) not in repr(made)


def test_a_project_maps_a_property_once(saved: Saved) -> None:
    columns = {"property": "sku", "of_user": False, "table_id": "6f1c0b52-9c1e-4f0e-8a57-0d6a3c1f7e21"}
    made = saved.create(LookupMapping, 1, columns, ACCOUNT)
    assert (made.property, made.of_user, made.table_id) == tuple(columns.values())
    with pytest.raises(StateError, match="mapping 'sku' is there already"):
        saved.create(LookupMapping, 1, columns, ACCOUNT)
    of_user = saved.create(LookupMapping, 1, {**columns, "of_user": True}, ACCOUNT)
    other = saved.create(LookupMapping, 2, columns, ACCOUNT)
    assert saved.all(LookupMapping, 1) == [made, of_user]
    assert saved.change(LookupMapping, 1, made.mapping_id, {"table_id": "other"}).table_id == "other"
    with pytest.raises(UnknownSaved):
        saved.delete(LookupMapping, 1, other.mapping_id)
    saved.delete(LookupMapping, 1, made.mapping_id)
    assert saved.all(LookupMapping, 1) == [of_user]
