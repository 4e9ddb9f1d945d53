"""The page of one user, with properties, ids and events; and groups: a search by id or property, and the page of one.

A user is a person: the page of each linked id shows all of them. An id without a profile has a page, too, since it may
have events.
"""

import time
from datetime import date
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from trackway.domain.limits import PEOPLE_PER_PAGE, PERSON_PROFILES_SHOWN_MAX, STRING_CHARACTERS_MAX
from trackway.query import profile_search
from trackway.query.identity_lookup import person_of
from trackway.query.limits import PERSON_EVENTS_SHOWN_MAX
from trackway.query.profile_search import Activity, Search
from trackway.web.chart import Chart, chart
from trackway.web.limits import PERSON_CHARTED_NAMES
from trackway.web.page import Page, render
from trackway.web.store_errors import in_time
from trackway.web.timeline import sessions_of

USER_PATH: Final = "/users/one"
GROUPS_PATH: Final = "/groups"
GROUP_PATH: Final = "/groups/one"


async def groups(page: Page) -> Response:
    """Groups of the requested group key, else of the first one."""
    keys = await profile_search.group_keys(page.reader, page.project.project_id)
    asked = _search(page)
    if not asked.group_key and keys:
        asked = asked._replace(group_key=keys[0][0])
    found = await _found(page, asked) if asked.group_key else []
    return _list(page, asked, found, keys)


async def user(page: Page) -> Response:
    shown = await _user(page, _named(page, "id"))
    return render(page, "user.html", **shown)


async def group(page: Page) -> Response:
    shown = await _group(page, _named(page, "key"), _named(page, "id"))
    return render(page, "group.html", **shown)


def _search(page: Page) -> Search:
    given = {name: page.request.query_params.get(name, "")[:STRING_CHARACTERS_MAX] for name in Search._fields}
    return Search(**given)


async def _found(page: Page, asked: Search) -> list[profile_search.Found] | None:
    return await in_time(profile_search.search(page.reader, page.project.project_id, asked))


def _list(page: Page, asked: Search, found: list[profile_search.Found] | None, keys: list[tuple[str, int]]) -> Response:
    shown = (found or [])[:PEOPLE_PER_PAGE]
    given = {name: value for name, value in asked._asdict().items() if value and name != "after"}
    older = page.url(GROUPS_PATH, **given, after=shown[-1].profile_id) if len(found or ()) > PEOPLE_PER_PAGE else ""
    first = page.url(GROUPS_PATH, **given) if asked.after else ""
    return render(
        page,
        "groups.html",
        asked=asked,
        found=shown,
        took_too_long=found is None,
        older=older,
        first=first,
        keys=keys,
    )


async def _user(page: Page, id: str) -> dict[str, Any]:
    reader, of = page.reader, page.project.project_id
    person = await person_of(reader, of, id)
    ids = list(dict.fromkeys([*person.ids, id]))
    activity = await in_time(profile_search.activity_of_person(reader, of, person.ids, _today(page), page.days))
    profiles = await profile_search.profiles(reader, of, "", ids[:PERSON_PROFILES_SHOWN_MAX])
    shown = {
        "sessions": sessions_of(activity.latest, page.days) if activity else [],
        "latest_max": PERSON_EVENTS_SHOWN_MAX,
    }
    return {"id": id, "person": person, "profiles": profiles, **shown, **await _shown(activity)}


async def _group(page: Page, key: str, id: str) -> dict[str, Any]:
    reader, of = page.reader, page.project.project_id
    activity = await in_time(profile_search.activity_of_group(reader, of, key, id, _today(page), page.days))
    profiles = await profile_search.profiles(reader, of, key, [id])
    return {"key": key, "id": id, "profiles": profiles, **await _shown(activity)}


def _today(page: Page) -> date:
    return page.days.day_of(time.time_ns() // 1_000_000)


async def _shown(activity: Activity | None) -> dict[str, Any]:
    return {"activity": activity, "picture": await _picture(activity) if activity and activity.counts else None}


async def _picture(activity: Activity) -> Chart:
    """The most frequent events, each in a color, and all others in one."""
    names = list(activity.counts)
    series = {name: activity.counts[name] for name in names[:PERSON_CHARTED_NAMES]}
    if rest := [activity.counts[name] for name in names[PERSON_CHARTED_NAMES:]]:
        series["all others"] = [sum(figures) for figures in zip(*rest, strict=True)]
    return await chart("Events a day", [f"{day.day} {day:%b}" for day in activity.days], series)


def _named(page: Page, name: str) -> str:
    value = page.request.query_params.get(name, "")
    if not 1 <= len(value) <= STRING_CHARACTERS_MAX:
        raise HTTPException(404)
    return value
