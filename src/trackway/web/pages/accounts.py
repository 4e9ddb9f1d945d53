"""Changes of a project's service accounts by its owners and admins.

The rules are those of the API (`projects.authorization`), checked within the transaction. The page offers the actions
that they allowed when it was drawn.
"""

import time
from datetime import datetime

from starlette.responses import Response

from trackway.domain.errors import InvalidInput, RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.projects.authorization import UnknownAccount
from trackway.projects.roles import Role, check_role
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings


async def create(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    """The page with the new account's secret, which is shown nowhere else."""
    name, number, by = text(page.form, "name").strip(), page.project.project_id, page.visitor.account_id
    try:
        roles, expires_at_ms = {number: role_in(page)}, _expiry_ms(page, text(page.form, "expires"))
        account, secret = await changes.run(
            lambda opened: opened.accounts.create(name, roles, expires_at_ms, by), page.author
        )
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return await settings.draw(page, shown, made=settings.Made(account.username, secret))


async def give_role(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    """Give a role to an account by its user name: one of this project, or another that the visitor sees."""
    number, by = page.project.project_id, page.visitor.account_id

    def give(opened: Opened) -> None:
        opened.accounts.add([_account_id(opened, page)], {number: role}, by)

    try:
        role = role_in(page)
        await changes.run(give, page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "role")


async def remove(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    try:
        await changes.run(lambda opened: opened.accounts.remove({number: [_account_id(opened, page)]}, by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "removed")


async def revoke(page: Page, *, changes: Changes, shown: settings.Shown) -> Response:
    by = page.visitor.account_id
    try:
        await changes.run(lambda opened: opened.accounts.revoke(_account_id(opened, page), by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "revoked")


def _account_id(opened: Opened, page: Page) -> int:
    """The account of that user name, among those that the visitor sees."""
    username = text(page.form, "username").strip()
    for account in opened.accounts.all(page.visitor.account_id):
        if account.username == username:
            return account.account_id
    raise UnknownAccount(f"service account {username[:100]!r} was not found")


def role_in(page: Page) -> Role:
    try:
        return check_role(text(page.form, "role"))
    except InvalidInput as error:
        raise RequestError(400, str(error)) from error


def _expiry_ms(page: Page, given: str) -> int | None:
    """The start of a day in the project's time zone. None, which is never, for an empty field."""
    if not given:
        return None
    try:
        expires_at_ms = page.days.start_ms(datetime.strptime(given, "%Y-%m-%d").date())
    except (ValueError, OverflowError) as error:
        raise RequestError(400, "expires must be a date, such as 2027-01-31, or nothing") from error
    if expires_at_ms <= time.time() * 1000:
        raise RequestError(400, "expires must lie in the future")
    return expires_at_ms
