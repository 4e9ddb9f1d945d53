"""Links that show a saved report or a dashboard to everybody who has them: the list, and the forms that make and revoke
one. The address of a new link is shown once, since only the hash of its token is stored."""

import time
from typing import Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.routes import PAGES_PATH
from trackway.projects.limits import SHARE_LINKS_MAX
from trackway.projects.saved import Bookmark, Dashboard, ShareLink
from trackway.projects.share_token import Target, hash_of, new_token
from trackway.web import shared
from trackway.web.forms import text
from trackway.web.page import Page, render
from trackway.web.saved_report import creator_of, id_of
from trackway.web.share_rules import EXPIRIES, check_shareable, expiry_ms, is_expired

PATH: Final = "/shares"


class Shown(NamedTuple):
    """A link on the page. `name` is that of what it shows, "" where that was deleted."""

    link: ShareLink
    target: Target
    name: str
    is_expired: bool


class _Found(NamedTuple):
    links: list[ShareLink]
    names: dict[Target, str]
    is_full: bool


async def show(page: Page, *, changes: Changes) -> Response:
    """The links of the project, or with `target` those of one report or dashboard, and the form that makes one."""
    target = Target.of(page.request.query_params.get("target", ""))
    done = "The link is revoked." if "revoked" in page.request.query_params else ""
    return await _draw(page, changes, target, done=done)


async def create(page: Page, *, changes: Changes) -> Response:
    """The form that makes a link. It is shown with its address."""
    target, project_id, token = Target.of(text(page.form, "target")), page.project.project_id, new_token()
    if target is None:
        raise RequestError(400, "target must be a report or a dashboard")
    try:
        ends_ms = expiry_ms(text(page.form, "expires"), text(page.form, "until"), page.days, _now_ms())
        columns = {"target": str(target), "token_hash": hash_of(token), "expires_at_ms": ends_ms}
        creator = creator_of(page)

        def make(opened: Opened) -> ShareLink:
            if target.kind == "report":
                report = opened.saved.one(Bookmark, project_id, target.number)
                check_shareable(report.type, report.params)
            else:
                opened.saved.one(Dashboard, project_id, target.number)
            return opened.saved.create(ShareLink, project_id, columns, creator)

        await changes.run(make, page.author)
    except RequestError as error:
        if error.status != 400:
            raise
        return await _draw(page, changes, target, problem=error.message)
    address = f"{page.server_address}{PAGES_PATH}{shared.PATH}/{token}"
    return await _draw(page, changes, target, made=address)


async def revoke(page: Page, *, changes: Changes) -> Response:
    """The button that ends a link."""
    number, project_id = id_of(text(page.form, "link"), "link"), page.project.project_id
    await changes.run(lambda opened: opened.saved.delete(ShareLink, project_id, number), page.author)
    target = Target.of(text(page.form, "target"))
    query = {"target": str(target), "revoked": "1"} if target else {"revoked": "1"}
    return RedirectResponse(page.url(PATH, **query), 303)


async def _draw(
    page: Page, changes: Changes, target: Target | None, *, done: str = "", problem: str = "", made: str = ""
) -> Response:
    """Raises RequestError 404 for a target that the project does not have."""
    project_id = page.project.project_id

    def find(opened: Opened) -> _Found:
        names = {Target("report", each.bookmark_id): each.name for each in opened.saved.all(Bookmark, project_id)}
        names |= {Target("dashboard", each.dashboard_id): each.name for each in opened.saved.all(Dashboard, project_id)}
        saved = opened.saved
        every = saved.all(ShareLink, project_id)
        links = [each for each in every if target is None or each.target == str(target)]
        return _Found(links, names, len(every) >= SHARE_LINKS_MAX)

    found = await changes.run(find, page.author)
    if target is not None and target not in found.names:
        raise RequestError(404, f"this project has no such {target.kind}")
    return render(
        page,
        "shares.html",
        status=400 if problem else 200,
        links=[_shown(each, found.names) for each in reversed(found.links)],
        is_full=found.is_full,
        most=SHARE_LINKS_MAX,
        target=target,
        name=found.names[target] if target else "",
        expiries=list(EXPIRIES.items()),
        done=done,
        problem=problem,
        made=made,
    )


def _shown(link: ShareLink, names: dict[Target, str]) -> Shown:
    target = Target.of(link.target)
    assert target is not None, "links are stored with a target"
    return Shown(link, target, names.get(target, ""), is_expired(link, _now_ms()))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
