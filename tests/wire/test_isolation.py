"""No credentials of one project show or change anything of another, whatever is asked for.

Random requests to every endpoint, with every kind of credentials of project A, name project B wherever a request can
name one: ids, tokens, names, accounts. Everything of B carries a mark, which no answer may hold, and is the same at the
end as it was at the beginning.
"""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import MakeProjects
from tests.support.http.encodings import FORM, JSON
from tests.support.http.events import record
from tests.support.http.exchange import Request
from tests.support.lookup.requests import creating, replacing
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server, basic
from tests.support.service_accounts import ORGANIZATION, Credentials, accounts_of, new_account
from tests.support.store.questions import Tables
from trackway.lookup.versions import LookupTable
from trackway.projects.account import Account
from trackway.projects.roles import ROLES
from trackway.projects.saved import Annotation, Bookmark, Cohort, Creator, Dashboard, LookupMapping, ShareLink
from trackway.projects.saved_table import Saved
from trackway.projects.share_token import hash_of, new_token

MARK, DEVICE, EVENT, VALUE = "only-of-the-other-project", "their-device", "their-event", "their-value"
IDENTITY = ["", "/preview", "unlink"]
SAVED = {"bookmarks": Bookmark, "cohorts": Cohort, "annotations": Annotation}
MADE_BY_PAGES = (Dashboard, ShareLink)
OLD = 1_600_000_000
DATES = {"from_date": "2020-01-01", "to_date": "2030-01-01"}


@dataclass(frozen=True)
class Two:
    """Project A with credentials of every kind, and B with events of a person of two ids, a profile, a lookup table and
    accounts, to be left alone. Each has one table."""

    mine: Project
    theirs: Project
    my_table: str
    their_table: str
    callers: list[tuple[str, str]]
    my_accounts: list[int]
    their_accounts: list[Credentials]


@pytest.fixture(scope="module")
def two(profile_server: ProfileServer, make_profile_projects: MakeProjects) -> Two:
    server = profile_server.server
    mine, theirs = make_profile_projects(2)
    accounts = [new_account(server, {mine.project_id: role}) for role in ROLES]
    others = [new_account(server, {theirs.project_id: "owner"}), new_account(server, {theirs.project_id: "consumer"})]
    callers = [basic(mine.secret), basic(mine.token), *(account.basic for account in accounts)]
    event = record(theirs, MARK, distinct_id=MARK, insert_id=EVENT, time=OLD, secret=VALUE)
    link = record(
        theirs, MARK, distinct_id=MARK, insert_id="link", time=OLD, **{"$user_id": MARK, "$device_id": DEVICE}
    )
    profile = {"$token": theirs.token, "$distinct_id": MARK, "$set": {"mark": VALUE}}
    for path, body in (("/import?strict=1", [event, link]), ("/engage", [profile])):
        reply = server.ask(Request("POST", path, (JSON, basic(theirs.secret)), json.dumps(body).encode()))
        assert reply.status == 200
    saved = {
        "name": MARK,
        "type": "funnels",
        "params": {},
        "selector": "true",
        "date": "2026-11-29",
        "description": VALUE,
    }
    for kind in SAVED:
        path = f"/api/app/projects/{theirs.project_id}/{kind}"
        reply = server.ask(Request("POST", path, (JSON, basic(theirs.secret)), json.dumps(saved).encode()))
        assert reply.status == 201
    theirs_saved, maker = Saved(server.projects), Creator(None, "admin")
    board = {"name": MARK, "description": VALUE, "cards": [[1, True]]}
    link = {"target": "dashboard 1", "token_hash": hash_of(new_token()), "expires_at_ms": 5_000_000_000_000}
    theirs_saved.create(Dashboard, theirs.project_id, board, maker)
    theirs_saved.create(ShareLink, theirs.project_id, link, maker)
    profile_server.wait_loaded()
    my_table, their_table = (table_of(server, mine, "my"), table_of(server, theirs, MARK))
    mapped = json.dumps({"property": MARK, "table_id": their_table}).encode()
    path = f"/api/app/projects/{theirs.project_id}/lookup-mappings"
    assert server.ask(Request("PUT", path, (JSON, basic(theirs.secret)), mapped)).status == 200
    return Two(mine, theirs, my_table, their_table, callers, [account.account_id for account in accounts[1:]], others)


def table_of(server: Server, project: Project, name: str) -> str:
    """The id of a new lookup table, which has a row."""
    [table] = json.loads(server.ask(creating(project, name)).body)["results"]
    assert server.ask(replacing(project, table["id"], b"id,a\n1,2\n")).status == 200
    return str(table["id"])


@dataclass(frozen=True)
class Everything:
    """What a project has."""

    events: list[dict[str, Any]]
    profiles: list[Any]
    person: dict[str, Any]
    tables: list[LookupTable]
    accounts: list[Account]
    saved: list[Any]
    rebuilds: int


def everything_of(running: ProfileServer, project: Project) -> Everything:
    running.wait_loaded()
    server, credentials = running.server, basic(project.secret)
    profiles = server.ask(Request("GET", "/api/2.0/engage", (credentials,)))
    person = server.ask(Request("GET", f"/api/app/identity?distinct_id={MARK}", (credentials,)))
    return Everything(
        server.export(project),
        json.loads(profiles.body)["results"],
        json.loads(person.body),
        Tables(running.store).all(project.project_id),
        [each for each in accounts_of(server).all() if project.project_id in each.roles],
        [Saved(server.projects).all(of, project.project_id) for of in (*SAVED.values(), *MADE_BY_PAGES, LookupMapping)],
        running.store.query(
            "SELECT count() FROM facts_rebuilds WHERE project_id = {id:UInt32}", {"id": project.project_id}
        )[0][0],
    )


def requests_of(two: Two) -> st.SearchStrategy[Request]:
    ids = st.sampled_from([two.mine.project_id, two.theirs.project_id])
    named = st.sampled_from([str(two.theirs.project_id), str(two.mine.project_id), "", None])
    tokens = st.sampled_from([two.mine.token, str(two.theirs.project_id), two.theirs.token])
    accounts = st.sampled_from([*two.my_accounts, *(each.account_id for each in two.their_accounts)])
    roles = st.sampled_from(ROLES)
    callers = st.sampled_from(two.callers)
    names = st.sampled_from([None, json.dumps([MARK])])
    methods = st.sampled_from(["GET", "POST", "PUT", "DELETE"])
    wheres = st.sampled_from([None, f'"{MARK}" in properties["mark"]', 'defined(properties["secret"]) or true', "true"])

    def query(**parameters: Any) -> str:
        return urlencode({name: value for name, value in parameters.items() if value is not None})

    def imported(caller: Any, project: Any, token: Any, in_form: bool) -> Request:
        text = json.dumps([record(two.mine, "mine", token=token, project_id=token, insert_id="one", time=OLD)])
        if in_form:
            return Request("POST", "/import?strict=1", (FORM, caller), query(project_id=project, data=text).encode())
        return Request("POST", f"/import?{query(strict=1, project_id=project)}", (JSON, caller), text.encode())

    def exported(caller: Any, project: Any, event: Any, where: Any, again: Any) -> Request:
        text = query(**DATES, project_id=project, event=event, where=where)
        return Request("GET", f"/api/2.0/export?{text}&{query(project_id=again)}", (caller,))

    def profiles(caller: Any, project: Any, where: Any, one: Any, in_body: bool) -> Request:
        text = query(project_id=project, where=where, distinct_id=one)
        if in_body:
            return Request("POST", "/api/query/engage", (FORM, caller), text.encode())
        return Request("GET", f"/api/2.0/engage?{text}", (caller,))

    def asked_of_ids(caller: Any, project: Any, id: Any, kind: str) -> Request:
        parameters = {"project_id": project, "distinct_id": id, "ids": json.dumps([id, "somebody"])}
        if kind != "unlink":
            return Request("GET", f"/api/app/identity{kind}?{query(**parameters)}", (caller,))
        body = json.dumps({"id": id, "reason": "mine", "project_id": project}).encode()
        return Request("POST", f"/api/app/identity/unlink?{query(project_id=project)}", (JSON, caller), body)

    def tables(caller: Any, project: Any, method: str, table: str) -> Request:
        named = "" if method in ("GET", "POST") else f"/{table}"
        body = b"id,a\n1,3\n" if method == "PUT" else b""
        return Request(method, f"/lookup-tables{named}?{query(project_id=project, name='mine')}", (caller,), body)

    def mapped(caller: Any, project: Any, method: str, number: str, table: str) -> Request:
        """A DELETE names a mapping, a PUT a table."""
        path = f"/api/app/projects/{project}/lookup-mappings{number if method == 'DELETE' else ''}"
        body = json.dumps({"property": "mine", "table_id": table}).encode() if method == "PUT" else b""
        return Request(method, path, (JSON, caller), body)

    def column(caller: Any, project: Any) -> Request:
        dates = DATES | {"to_date": "2020-12-31"}
        text = query(project_id=project, event=MARK, on=f'properties["{MARK} → a"]', **dates)
        return Request("GET", f"/api/query/segmentation?{text}", (caller,))

    def facts(caller: Any, project: Any, path: str) -> Request:
        text = query(project_id=project, from_date="2026-01-01", to_date="2026-01-01")
        return Request(
            "GET", f"/api/app/facts{path}?{text if path == '/compare' else query(project_id=project)}", (caller,)
        )

    def loaded(caller: Any, project: Any, path: str, form: str) -> Request:
        day = {} if path else {"day": "2020-02-29", "before_position": str((1 << 63) - 1), "format": form}
        return Request("GET", f"/api/app/loaded-events{path}?{query(project_id=project, **day)}", (caller,))

    def rebuilt(caller: Any, project: Any) -> Request:
        return Request("POST", f"/api/app/facts/rebuild?{query(project_id=project)}", (JSON, caller), b"{}")

    def limits(caller: Any, project: Any) -> Request:
        return Request("GET", f"/api/app/rate-limits?{query(project_id=project)}", (caller,))

    def retention(caller: Any, project: Any) -> Request:
        text = query(project_id=project, event_retention="1", profile_retention="1")
        return Request("GET", f"/api/app/retention?{text}", (caller,))

    def saved(caller: Any, project: Any, kind: str, number: str, method: str) -> Request:
        own = {"name": "mine", "type": "funnels", "params": {}, "date": "2026-11-29", "description": "mine"}
        path = f"/api/app/{'projects' if number else 'workspaces'}/{project}/{kind}{number}"
        body = json.dumps({**own, "selector": {"property": "cohort", "value": 1, "operator": "in"}}).encode()
        return Request(method, path, (JSON, caller), body)

    def of_saved(caller: Any, project: Any, path: str, cohort: int) -> Request:
        named = query(project_id=project, filter_by_cohort=json.dumps({"id": cohort}))
        return Request("GET", f"/api/query/{path}?{named}", (caller,))

    def managed(caller: Any, method: str, path: str, body: Any) -> Request:
        return Request(method, f"/api/app{path}", (JSON, caller), json.dumps(body).encode())

    membership = st.fixed_dictionaries({"id": ids, "role": roles})
    memberships = st.lists(membership, min_size=1, max_size=2)
    leaving = st.fixed_dictionaries({"id": ids, "service_account_ids": st.lists(accounts, min_size=1, max_size=2)})
    bodies = st.one_of(
        st.fixed_dictionaries({"username": st.just("new"), "projects": memberships}),
        st.fixed_dictionaries({"projects": memberships, "service_account_ids": st.lists(accounts, max_size=2)}),
        st.fixed_dictionaries({"projects": st.lists(leaving, max_size=2)}),
    )
    organization = ORGANIZATION.removeprefix("/api/app")
    paths = st.one_of(
        st.sampled_from([organization, f"{organization}/add-to-project", f"{organization}/remove-from-project"]),
        accounts.map(lambda each: f"{organization}/{each}"),
        ids.map(lambda each: f"/projects/{each}/service-accounts"),
    )
    return st.one_of(
        st.builds(imported, callers, named, tokens, st.booleans()),
        st.builds(exported, callers, named, names, wheres, named),
        st.builds(profiles, callers, named, wheres, st.sampled_from([None, MARK]), st.booleans()),
        st.builds(asked_of_ids, callers, named, st.sampled_from([MARK, DEVICE]), st.sampled_from(IDENTITY)),
        st.builds(tables, callers, named, methods, st.sampled_from([two.my_table, two.their_table])),
        st.builds(
            mapped,
            callers,
            ids,
            st.sampled_from(["GET", "PUT", "DELETE"]),
            st.sampled_from(["/1", "/2"]),
            st.sampled_from([two.my_table, two.their_table]),
        ),
        st.builds(column, callers, named),
        st.builds(limits, callers, named),
        st.builds(retention, callers, named),
        st.builds(facts, callers, named, st.sampled_from(["", "/steps", "/compare"])),
        st.builds(loaded, callers, named, st.sampled_from(["", "/days"]), st.sampled_from(["lines", "rows"])),
        st.builds(rebuilt, callers, named),
        st.builds(
            saved,
            callers,
            ids,
            st.sampled_from([*SAVED]),
            st.sampled_from(["", "/1", "/2"]),
            st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
        ),
        st.builds(
            of_saved,
            callers,
            named,
            st.sampled_from(["funnels/list", "cohorts/list", "annotations", "engage"]),
            st.integers(1, 3),
        ),
        st.builds(
            managed,
            st.one_of(callers, st.sampled_from(two.callers[2:4])),
            st.sampled_from(["GET", "POST", "DELETE"]),
            paths,
            bodies,
        ),
    )


def test_credentials_of_one_project_show_and_change_nothing_of_another(profile_server: ProfileServer, two: Two) -> None:
    server = profile_server.server
    before = everything_of(profile_server, two.theirs)
    assert [len(each) for each in (before.events, before.profiles, before.tables, before.accounts)] == [2, 1, 1, 2]
    assert before.person["ids"] == [MARK, f"$device:{DEVICE}"]
    usernames = [each.username for each in two.their_accounts]
    hidden = [MARK, DEVICE, EVENT, VALUE, two.their_table, two.theirs.secret, *usernames]
    statuses: dict[str, set[int]] = {}

    @settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
    @given(request=requests_of(two))
    def ask(request: Request) -> None:
        reply = server.ask(request)
        assert reply.status < 500, (request, reply)
        text = reply.body.decode()
        family = re.sub("/[0-9a-f-]{36}|(organizations|projects|workspaces)/.*", "ID", request.target.split("?")[0])
        statuses.setdefault(family, set()).add(reply.status)
        named = unquote(request.target) + unquote(request.body.decode())  # what a request names itself may come back
        assert not [each for each in hidden if each in text and each not in named], (request, reply)

    ask()
    done = {200, 201, 409}  # 409 while facts are built anew
    answered_both = [seen & done and seen & {400, 401, 403, 404} for seen in statuses.values()]
    assert len(answered_both) == 22 and all(answered_both), statuses
    assert everything_of(profile_server, two.theirs) == before


def test_accounts_of_another_project_are_as_unknown_as_those_that_are_not(
    profile_server: ProfileServer, two: Two
) -> None:
    owner = two.callers[2]
    theirs, nobody = two.their_accounts[0].account_id, 2**31 - 1
    for method, path, body in (
        ("GET", "/{}", None),
        ("DELETE", "/{}", None),
        ("POST", "/add-to-project", {"projects": [{"id": two.mine.project_id, "role": "consumer"}]}),
    ):
        answers = []
        for account_id in (theirs, nobody):
            sent = json.dumps({**(body or {}), "service_account_ids": [account_id]}).encode()
            reply = profile_server.server.ask(
                Request(method, ORGANIZATION + path.format(account_id), (JSON, owner), sent)
            )
            answers.append((reply.status, reply.body.decode().replace(str(account_id), "N")))
        assert answers[0] == answers[1], (method, path)
        assert answers[0][0] == 404
