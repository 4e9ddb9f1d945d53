"""A project's settings on one page: keys, people and programs with access, limits, residency, identity mode.

This module draws the page, alone or with the result of one of its forms. The forms have modules of their own. A refused
form draws the page again, with the reason. The page reads keys and accounts from the database, so it shows the latest
change of another edge process.
"""

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from starlette.responses import RedirectResponse, Response

from trackway.domain.data_age import in_days, retention_text
from trackway.domain.errors import RequestError
from trackway.domain.time_zone import WEEK_STARTS, time_zones
from trackway.edge.access.change_queue import Changes
from trackway.edge.access.project_refresh import FreshProjects
from trackway.edge.quotas.rate_limits import RateLimits
from trackway.projects.account import Account
from trackway.projects.personal_account import AccountLink
from trackway.projects.project import PROJECT_SETTINGS, RETENTIONS, OldKey
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import ROLES, Right, Role
from trackway.settings.table import ROWS_BY_NAME
from trackway.web.limits import WEB_ROWS_MAX
from trackway.web.page import Page, render

PATH: Final = "/settings"
OVERLAPS: Final = (("1h", "1 hour"), ("24h", "1 day"), ("7d", "7 days"), ("30d", "30 days"), ("0", "not at all"))
"""How long a replaced key stays valid, in the notation of `projects.key_rotation`."""
DONE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "token": "The token was replaced. Give the new one to what sends events before the old one ends.",
        "secret": "The secret was replaced. Give the new one to what imports and exports before the old one ends.",
        "limits": "The limits were changed.",
        "time_zone": "The time zone and the start of weeks were changed.",
        "retention": "How long data is kept was changed.",
        "described": "The name and the description were changed.",
        "archived": "The project is archived. It takes nothing any more.",
        "taken_up": "The project takes events again, with the keys that it had.",
        "role": "The role was given.",
        "removed": "The account was taken out of this project.",
        "revoked": "The account was revoked: its secret opens nothing any more.",
        "uninvited": "The invitation is revoked: its link opens nothing any more.",
        "signed_out": "All sessions of the account have ended.",
        "disabled": "The account is disabled: it opens nothing until it is enabled.",
        "enabled": "The account is enabled.",
        "factorless": "The second factor is gone: a sign-in asks for the password alone.",
    }
)
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "import_requests_per_hour": "Imports an hour",
        "export_requests_per_hour": "Exports and queries an hour",
        "export_concurrent_max": "Exports and queries at once",
        "report_requests_per_hour": "Reports an hour",
        "report_concurrent_max": "Reports at once",
        "ingest_records_per_minute": "Records a minute",
        "ingest_bytes_per_minute": "Bytes a minute",
        "lookup_replacements_per_day": "Replacements of lookup tables a day",
    }
)
"""The names of limits on the page."""


class Shown(NamedTuple):
    """The sources of the project's keys, accounts, invitations and limits."""

    directory: ProjectDirectory
    fresh_projects: FreshProjects
    rates: RateLimits
    changes: Changes


class Member(NamedTuple):
    """An account in this project, and the visitor's rights to it."""

    account: Account
    role: Role
    is_expired: bool
    is_visitor: bool
    may_change: bool
    may_revoke: bool


class Made(NamedTuple):
    """A new account with its secret, which is shown only once."""

    username: str
    secret: str


class MadeLink(NamedTuple):
    """A new link that opens an account, with its address, which is shown only once: "" for one that was mailed.
    `mailed`: whether it was, in words."""

    link: AccountLink
    address: str
    mailed: str


class Unconfirmed(NamedTuple):
    """A form that deletes data, to be sent again: its values, and the sentence that says what it deletes."""

    values: Mapping[str, str]
    sentence: str


async def show(page: Page, *, shown: Shown) -> Response:
    return await draw(page, shown, done=DONE.get(page.request.query_params.get("done", ""), ""))


def done(page: Page, what: str) -> Response:
    """A redirect to the page, which shows the result. A reload of it does not repeat the action."""
    return RedirectResponse(page.url(PATH, done=what), 303)


async def refused(page: Page, shown: Shown, error: RequestError) -> Response:
    """The page with the reason of the refusal."""
    return await draw(page, shown, status=error.status, problem=error.message)


async def draw(
    page: Page,
    shown: Shown,
    *,
    status: int = 200,
    done: str = "",
    problem: str = "",
    keys: Mapping[str, str] = MappingProxyType({}),
    made: Made | None = None,
    link: MadeLink | None = None,
    unconfirmed: Unconfirmed | None = None,
) -> Response:
    """The page. keys: the keys to show in clear, by kind. made: an account that was just created. link: a link
    that was just made. unconfirmed: a retention that asks for a typed word first."""
    await shown.fresh_projects.look()
    page = page._replace(project=shown.directory.by_id(page.project.project_id) or page.project)
    said = {"done": done, "problem": problem, "keys": keys, "made": made, "link": link, "unconfirmed": unconfirmed}
    invitations = await _invitations(page, shown)
    return render(page, "settings.html", status=status, **said, **_values(page, shown), invitations=invitations)


async def _invitations(page: Page, shown: Shown) -> list[AccountLink]:
    """Those to this project that may be used now, for a visitor who manages it."""
    number, by = page.project.project_id, page.visitor.account_id
    if not page.may(Right.MANAGE):
        return []
    return await shown.changes.run(lambda opened: opened.people.links(by, number), page.author)


def _values(page: Page, shown: Shown) -> dict[str, Any]:
    may_manage, sees_members = page.may(Right.MANAGE), page.visitor.may(page.project.project_id, Right.MANAGE)
    granted = page.visitor.grants(page.project.project_id) if may_manage else ()
    members = shown.directory.members(page.project.project_id)
    accounts = [each for each in members if not each.is_person]
    people = [each for each in members if each.is_person]
    return {
        "may_manage": may_manage,
        "may_end": page.may(Right.END),
        "kept": {name: _kept(getattr(page.project, name)) for name in RETENTIONS},
        "kept_events": in_days(page.project.kept_event_days(page.settings.event_retention)),
        "kept_profiles": in_days(page.project.kept_profile_days),
        "kept_by_default": in_days(page.settings.event_retention),
        "old_keys": _old_keys(page) if may_manage else [],
        "overlaps": OVERLAPS,
        "sees_members": sees_members,
        "members": _members(page, accounts) if sees_members else [],
        "member_count": len(accounts),
        "people": _members(page, people) if sees_members else [],
        "people_count": len(people),
        "grantable": [(role, role) for role in reversed(ROLES) if role in granted],
        "limits": shown.rates.uses(page.project),
        "rows": [(ROWS_BY_NAME[name], page.project.settings.get(name)) for name in PROJECT_SETTINGS],
        "names": NAMES,
        "time_zones": sorted(time_zones()) if may_manage else [],
        "week_starts": [(day, day.capitalize()) for day in WEEK_STARTS],
        "settings": page.settings,
    }


def _kept(days: int | None) -> str:
    return "" if days is None else retention_text(days)


def _old_keys(page: Page) -> list[OldKey]:
    now_ms = time.time() * 1000
    return [each for each in page.project.old_keys if each.until_ms > now_ms]


def _members(page: Page, accounts: Sequence[Account]) -> list[Member]:
    now_ms, number, visitor = time.time() * 1000, page.project.project_id, page.visitor
    granted = visitor.grants(number)
    may_change = page.may(Right.MANAGE)
    return [
        Member(
            account,
            account.roles[number],
            account.expired(now_ms),
            account.account_id == visitor.account_id,
            may_change and account.roles[number] in granted,
            all(role in visitor.grants(project_id) for project_id, role in account.roles.items()),
        )
        for account in accounts[:WEB_ROWS_MAX]
    ]
