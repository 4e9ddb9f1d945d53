"""Changes of the personal accounts of a project by its owners and admins: invitations, roles, and lost passwords.

The rules are those of service accounts (`projects.authorization`), checked within the transaction. The address of a new
link is shown once, since only the hash of its token is stored, and not at all where it was mailed. The page changes the
people of its project alone: somebody who has an account elsewhere is invited, and gets no role without accepting it.
"""

from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from trackway.domain.errors import RequestError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.routes import PAGES_PATH
from trackway.projects.personal_account import AccountLink
from trackway.web import account_links
from trackway.web.forms import text
from trackway.web.invitation_mail import InvitationMails
from trackway.web.page import Page
from trackway.web.pages import settings
from trackway.web.pages.accounts import role_in
from trackway.web.saved_report import id_of


async def invite(page: Page, *, changes: Changes, shown: settings.Shown, mails: InvitationMails) -> Response:
    """The page with the address of an invitation, which is shown nowhere else, or to whom it was mailed."""
    email, by, by_name = text(page.form, "email"), page.visitor.account_id, page.visitor.name
    try:
        roles = {page.project.project_id: role_in(page)}
        made = await changes.run(lambda opened: opened.people.invite(email, roles, by, by_name), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return await settings.draw(page, shown, link=await _shown(page, mails, *made))


async def reset(page: Page, *, changes: Changes, shown: settings.Shown, mails: InvitationMails) -> Response:
    """The page with the address of a link that sets a new password."""
    by, by_name = page.visitor.account_id, page.visitor.name
    try:
        made = await changes.run(
            lambda opened: opened.people.reset(_account_id(opened, page), by, by_name), page.author
        )
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return await settings.draw(page, shown, link=await _shown(page, mails, *made))


async def change(
    page: Page, *, changes: Changes, shown: settings.Shown, action: Callable[[Opened, Page], object], done: str
) -> Response:
    """One of ACTIONS. The page says what was done."""
    try:
        await changes.run(lambda opened: action(opened, page), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, done)


def _revoke(opened: Opened, page: Page) -> None:
    opened.people.revoke_link(id_of(text(page.form, "invitation"), "invitation"), page.visitor.account_id)


def _give_role(opened: Opened, page: Page) -> None:
    roles = {page.project.project_id: role_in(page)}
    opened.people.add([_account_id(opened, page)], roles, page.visitor.account_id)


def _remove(opened: Opened, page: Page) -> None:
    opened.people.remove({page.project.project_id: [_account_id(opened, page)]}, page.visitor.account_id)


def _sign_out(opened: Opened, page: Page) -> None:
    opened.people.sign_out(_account_id(opened, page), page.visitor.account_id)


def _disable(opened: Opened, page: Page) -> None:
    opened.people.disable(_account_id(opened, page), page.visitor.account_id)


def _enable(opened: Opened, page: Page) -> None:
    opened.people.enable(_account_id(opened, page), page.visitor.account_id)


def _take_factor_away(opened: Opened, page: Page) -> None:
    opened.second_factors.take_away(_account_id(opened, page), page.visitor.account_id)


ACTIONS: Final[dict[str, tuple[Callable[[Opened, Page], object], str]]] = {
    "revoke": (_revoke, "uninvited"),
    "role": (_give_role, "role"),
    "remove": (_remove, "removed"),
    "sign-out": (_sign_out, "signed_out"),
    "disable": (_disable, "disabled"),
    "enable": (_enable, "enabled"),
    "factor": (_take_factor_away, "factorless"),
}
"""Forms by the last part of their path: what they do, and the key of what the page says then."""


def _account_id(opened: Opened, page: Page) -> int:
    """The account of that address, among the people of the project."""
    email, by = text(page.form, "username"), page.visitor.account_id
    return opened.people.named(email, by, page.project.project_id).account_id


async def _shown(page: Page, mails: InvitationMails, link: AccountLink, token: str) -> settings.MadeLink:
    address = f"{page.server_address}{PAGES_PATH}{account_links.PATH}/{token}"
    mailed = await mails.send(link, address)
    return settings.MadeLink(link, "" if mailed.taken else address, mailed.said)
