"""Users and groups: profiles searched by id or property; one of them with its properties, its ids and what it did.

A user is a person: all ids that are linked, whatever id it was asked for by. An id without a profile has a page, too,
since it may have events.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response

from trackway.limits import PEOPLE_PER_PAGE, PERSON_PROFILES_SHOWN_MAX, STRING_CHARACTERS_MAX
from trackway.query import people
from trackway.query.people import Activity, Search
from trackway.query.persons import person_of
from trackway.store.client import MEMORY_LIMIT_EXCEEDED, TIME_EXCEEDED_CODES, StoreError
from trackway.web.chart import bars, data_uri
from trackway.web.page import Page, render

USERS_PATH: Final = "/users"
USER_PATH: Final = "/users/one"
GROUPS_PATH: Final = "/groups"
GROUP_PATH: Final = "/groups/one"
_SERIES_MAX: Final = 6

Answer = TypeVar("Answer")


async def users(page: Page) -> Response:
    asked = _search(page)
    found = await asyncio.to_thread(_found, page, asked)
    return _list(page, asked, found, USERS_PATH, [])


async def groups(page: Page) -> Response:
    """Groups of the kind that is asked for, else of the first there is."""
    keys = await asyncio.to_thread(people.group_keys, page.parts.store, page.project.project_id)
    asked = _search(page)
    if not asked.group_key and keys:
        asked = asked._replace(group_key=keys[0][0])
    found = await asyncio.to_thread(_found, page, asked) if asked.group_key else []
    return _list(page, asked, found, GROUPS_PATH, keys)


async def user(page: Page) -> Response:
    shown = await asyncio.to_thread(_user, page, _named(page, "id"))
    return render(page, "user.html", **shown)


async def group(page: Page) -> Response:
    shown = await asyncio.to_thread(_group, page, _named(page, "key"), _named(page, "id"))
    return render(page, "group.html", **shown)


def _search(page: Page) -> Search:
    given = {name: page.request.query_params.get(name, "")[:STRING_CHARACTERS_MAX] for name in Search._fields}
    return Search(**given)


def _found(page: Page, asked: Search) -> list[people.Found] | None:
    return _in_time(lambda: people.search(page.parts.store, page.project.project_id, asked))


def _list(
    page: Page, asked: Search, found: list[people.Found] | None, path: str, keys: list[tuple[str, int]]
) -> Response:
    shown = (found or [])[:PEOPLE_PER_PAGE]
    given = {name: value for name, value in asked._asdict().items() if value and name != "after"}
    older = page.url(path, **given, after=shown[-1].profile_id) if len(found or ()) > PEOPLE_PER_PAGE else ""
    first = page.url(path, **given) if asked.after else ""
    return render(
        page,
        "people.html",
        asked=asked,
        found=shown,
        took_too_long=found is None,
        older=older,
        first=first,
        path=path,
        keys=keys,
    )


def _user(page: Page, id: str) -> dict[str, Any]:
    store, of = page.parts.store, page.project.project_id
    person = person_of(store, of, id)
    ids = list(dict.fromkeys([*person.ids, id]))
    activity = _in_time(lambda: people.activity_of_person(store, of, person.ids, _today()))
    profiles = people.profiles(store, of, "", ids[:PERSON_PROFILES_SHOWN_MAX])
    return {"id": id, "person": person, "profiles": profiles, **_shown(activity)}


def _group(page: Page, key: str, id: str) -> dict[str, Any]:
    store, of = page.parts.store, page.project.project_id
    activity = _in_time(lambda: people.activity_of_group(store, of, key, id, _today()))
    return {"key": key, "id": id, "profiles": people.profiles(store, of, key, [id]), **_shown(activity)}


def _in_time(ask: Callable[[], Answer]) -> Answer | None:
    """What the store finds; None where looking through everything takes more time or memory than a page may."""
    try:
        return ask()
    except StoreError as error:
        if error.code in TIME_EXCEEDED_CODES or error.code == MEMORY_LIMIT_EXCEEDED:
            return None
        raise


def _today() -> date:
    return datetime.now(UTC).date()


def _shown(activity: Activity | None) -> dict[str, Any]:
    return {"activity": activity, "picture": _picture(activity) if activity and activity.counts else ""}


def _picture(activity: Activity) -> str:
    """The most frequent events each in a color, all others in one."""
    names = list(activity.counts)
    series = {name: activity.counts[name] for name in names[:_SERIES_MAX]}
    if rest := [activity.counts[name] for name in names[_SERIES_MAX:]]:
        series["all others"] = [sum(figures) for figures in zip(*rest, strict=True)]
    return data_uri(bars("Events a day (UTC)", [f"{day:%d %b}" for day in activity.days], series))


def _named(page: Page, name: str) -> str:
    value = page.request.query_params.get(name, "")
    if not 1 <= len(value) <= STRING_CHARACTERS_MAX:
        raise HTTPException(404)
    return value
