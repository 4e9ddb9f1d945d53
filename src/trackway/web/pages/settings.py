"""A project's settings on one page: keys, service accounts, limits, where its data lives, how ids are linked.

The page is drawn here, alone or with what came of one of its forms, which are in modules of their own: a form that
was refused is the page again, with the reason. Keys and accounts are those of the database at that moment: what another
edge process has just changed is there.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from trackway.errors import RequestError
from trackway.limits import WEB_ROWS_MAX
from trackway.projects.account import Account
from trackway.projects.project import PROJECT_SETTINGS, OldKey
from trackway.projects.roles import ROLES, Right, Role
from trackway.settings import ROWS_BY_NAME
from trackway.web.page import Page, render

PATH: Final = "/settings"
OVERLAPS: Final = (("1h", "1 hour"), ("24h", "1 day"), ("7d", "7 days"), ("30d", "30 days"), ("0", "not at all"))
"""How long a key that is replaced stays valid, as `projects.rotation` reads it."""
DONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "token": "The token was replaced. Give the new one to what sends events before the old one ends.",
        "secret": "The secret was replaced. Give the new one to what imports and exports before the old one ends.",
        "limits": "The limits were changed.",
        "role": "The role was given.",
        "removed": "The account was taken out of this project.",
        "revoked": "The account was revoked: its secret opens nothing any more.",
    }
)
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "import_requests_per_hour": "Imports an hour",
        "export_requests_per_hour": "Exports and queries an hour",
        "export_concurrent_max": "Exports and queries at once",
        "ingest_records_per_minute": "Records a minute",
        "ingest_bytes_per_minute": "Bytes a minute",
        "lookup_replacements_per_day": "Replacements of lookup tables a day",
    }
)
"""Limits as people read them."""


class Member(NamedTuple):
    """A service account in this project, and what the visitor may do about it."""

    account: Account
    role: Role
    is_expired: bool
    is_visitor: bool
    may_change: bool
    may_revoke: bool


class Made(NamedTuple):
    """A new account with its secret, which is shown this once."""

    username: str
    secret: str


async def show(page: Page) -> Response:
    return await draw(page, done=DONE.get(page.request.query_params.get("done", ""), ""))


def done(page: Page, what: str) -> Response:
    """Back to the page, which says what was done: asked for anew, it does nothing again."""
    return RedirectResponse(page.url(PATH, done=what), 303)


async def refused(page: Page, error: RequestError) -> Response:
    """The page again, with the reason."""
    return await draw(page, status=error.status, problem=error.message)


async def draw(
    page: Page,
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    keys: Mapping[str, str] = MappingProxyType({}),
    made: Made | None = None,
) -> Response:
    """keys: those that are to be seen, by kind. made: an account that was just created."""
    await asyncio.to_thread(page.parts.directory.refresh)
    page = page._replace(project=page.parts.directory.by_id(page.project.project_id) or page.project)
    said = {"done": done, "problem": problem, "keys": keys, "made": made}
    return render(page, "settings.html", status=status, **said, **_shown(page))


def _shown(page: Page) -> dict[str, Any]:
    may_manage = page.may(Right.MANAGE)
    granted = page.visitor.grants(page.project.project_id)
    accounts = page.parts.directory.members(page.project.project_id)
    return {
        "may_manage": may_manage,
        "old_keys": _old_keys(page) if may_manage else [],
        "overlaps": OVERLAPS,
        "members": _members(page, accounts) if may_manage else [],
        "member_count": len(accounts),
        "grantable": [(role, role) for role in reversed(ROLES) if role in granted],
        "limits": page.parts.rates.uses(page.project),
        "rows": [(ROWS_BY_NAME[name], page.project.settings.get(name)) for name in PROJECT_SETTINGS],
        "names": NAMES,
        "settings": page.parts.settings,
    }


def _old_keys(page: Page) -> list[OldKey]:
    now_ms = time.time() * 1000
    return [each for each in page.project.old_keys if each.until_ms > now_ms]


def _members(page: Page, accounts: Sequence[Account]) -> list[Member]:
    now_ms, number, visitor = time.time() * 1000, page.project.project_id, page.visitor
    granted = visitor.grants(number)
    return [
        Member(
            account,
            account.roles[number],
            account.expired(now_ms),
            account.account_id == visitor.account_id,
            account.roles[number] in granted,
            all(role in visitor.grants(project_id) for project_id, role in account.roles.items()),
        )
        for account in accounts[:WEB_ROWS_MAX]
    ]
