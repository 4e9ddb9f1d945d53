"""Service accounts of a project, as its owners and admins change them.

The rules are those of the API (`projects.granting`), looked at within the transaction: what the page offers is only
what they would allow a moment ago.
"""

import time
from datetime import UTC, datetime

from starlette.responses import Response

from trackway.edge.changes import Opened
from trackway.errors import ConfigError, RequestError
from trackway.projects.granting import UnknownAccount
from trackway.projects.roles import Role, check_role
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def create(page: Page) -> Response:
    """The page with the new account's secret, which is nowhere else."""
    name, number, by = text(page.form, "name").strip(), page.project.project_id, page.visitor.account_id
    try:
        roles, expires_at_ms = {number: _role(page)}, _expiry_ms(text(page.form, "expires"))
        account, secret = await page.parts.changes.run(
            lambda opened: opened.accounts.create(name, roles, expires_at_ms, by)
        )
    except RequestError as error:
        return await settings.refused(page, error)
    return await settings.draw(page, made=settings.Made(account.username, secret))


async def give_role(page: Page) -> Response:
    """To an account by its user name: one of this project, or another that the visitor sees."""
    number, by = page.project.project_id, page.visitor.account_id

    def give(opened: Opened) -> None:
        opened.accounts.add([_account_id(opened, page)], {number: role}, by)

    try:
        role = _role(page)
        await page.parts.changes.run(give)
    except RequestError as error:
        return await settings.refused(page, error)
    return settings.done(page, "role")


async def remove(page: Page) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    try:
        await page.parts.changes.run(lambda opened: opened.accounts.remove({number: [_account_id(opened, page)]}, by))
    except RequestError as error:
        return await settings.refused(page, error)
    return settings.done(page, "removed")


async def revoke(page: Page) -> Response:
    by = page.visitor.account_id
    try:
        await page.parts.changes.run(lambda opened: opened.accounts.revoke(_account_id(opened, page), by))
    except RequestError as error:
        return await settings.refused(page, error)
    return settings.done(page, "revoked")


def _account_id(opened: Opened, page: Page) -> int:
    """The account of that user name, among those that the visitor sees."""
    username = text(page.form, "username").strip()
    for account in opened.accounts.all(page.visitor.account_id):
        if account.username == username:
            return account.account_id
    raise UnknownAccount(f"service account {username[:100]!r} was not found")


def _role(page: Page) -> Role:
    try:
        return check_role(text(page.form, "role"))
    except ConfigError as error:
        raise RequestError(400, str(error)) from error


def _expiry_ms(given: str) -> int | None:
    """The beginning of a day, in UTC; nothing is never."""
    if not given:
        return None
    try:
        expires_at_ms = int(datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError as error:
        raise RequestError(400, "expires must be a date, such as 2027-01-31, or nothing") from error
    if expires_at_ms <= time.time() * 1000:
        raise RequestError(400, "expires must lie in the future")
    return expires_at_ms
