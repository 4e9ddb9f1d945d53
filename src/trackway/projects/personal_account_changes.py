"""Personal accounts: invitations, new passwords, and what a person changes of an account.

An account begins with an invitation, so that no administrator types a password. Who has the link chooses it: the link
alone does not prove that it is the person. Only a provider of OpenID Connect proves an address, and then nothing opens
the account that did before. A link holds a token, which leaves once and is stored as a hash. The rights of its creator
are checked when the link is made, and again when it is used: a link of somebody who lost them opens nothing.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, true, update

from trackway.domain.errors import InvalidInput, StateError
from trackway.projects.account import Account
from trackway.projects.account_changes import (
    COMMAND_LINE,
    Accounts,
    Scene,
    actor_of,
    give_roles,
    insert_account,
    notes_of,
    take_roles,
)
from trackway.projects.audit import Action, Note
from trackway.projects.authorization import Actor, NotGranted, UnknownAccount
from trackway.projects.change import Change
from trackway.projects.database import read_accounts
from trackway.projects.limits import INVITATION_S_MAX, INVITATIONS_MAX, INVITATIONS_OF_AUTHOR_MAX, RESET_S_MAX
from trackway.projects.passwords import hash_secret
from trackway.projects.personal_account import (
    INVITATION,
    RESET,
    AccountLink,
    Purpose,
    check_email,
    check_password,
    check_person_name,
)
from trackway.projects.roles import Role, check_role
from trackway.projects.session_rows import forget_all
from trackway.projects.share_token import hash_of, new_token
from trackway.projects.tables.accounts import account_links, accounts

_VALID_S: Final[Mapping[Purpose, int]] = {INVITATION: INVITATION_S_MAX, RESET: RESET_S_MAX}
_GONE: Final = "this link opens nothing: it was used, revoked or replaced, or its time is over"


class PersonalAccounts(Accounts):
    """Those of people. `by` and the errors are those of `Accounts`; a link that opens nothing is UnknownAccount."""

    of_people = True
    noun = "personal account"

    def named(self, email: str, by: int | None = COMMAND_LINE, project_id: int | None = None) -> Account:
        """The account of that address, if the actor sees it: in a project, or (None) anywhere."""
        seen = self.all(by) if project_id is None else self.of_project(project_id, by)
        return _named(seen, check_email(email))

    def invite(
        self, email: str, roles: Mapping[int, Role], by: int | None = COMMAND_LINE, by_name: str = ""
    ) -> tuple[AccountLink, str]:
        """An invitation with its token. One of the same address to the same projects ends, where the actor may revoke
        it."""
        address = check_email(email)
        if not roles:
            raise InvalidInput("an invitation must name a project")
        with self._change(by) as scene:
            for project_id, role in roles.items():
                scene.actor.check_grants(project_id, role)
                scene.note(Note("person invited", project_id, f"{address}: {role}"))
            return _made(scene, INVITATION, address, roles, by, by_name)

    def reset(self, account_id: int, by: int | None = COMMAND_LINE, by_name: str = "") -> tuple[AccountLink, str]:
        """A link that sets a new password, with its token. The actor must be one who may revoke the account, and
        is not its person. The present password stays valid until the link is used."""
        with self._change(by) as scene:
            account = other_account(scene, account_id, by)
            scene.note(*notes_of("password reset asked", account))
            return _made(scene, RESET, account.username, {}, by, by_name)

    def links(self, by: int | None = COMMAND_LINE, project_id: int | None = None) -> list[AccountLink]:
        """The invitations that may be used now and that the actor may revoke, by id: to a project, or (None) all."""
        with self._database.reading() as connection:
            scene = self._scene(connection, by, project_id)
            return [
                each
                for each in _links(connection)
                if each.purpose == INVITATION
                and (project_id is None or project_id in each.roles)
                and _grants(scene.actor, each.roles)
                and _may_be_used(connection, each)
            ]

    def revoke_link(self, link_id: int, by: int | None = COMMAND_LINE) -> AccountLink:
        """End an invitation, by who may give its roles."""
        with self._change(by) as scene:
            link = next(iter(_links(scene.connection, account_links.c.link_id == link_id)), None)
            if link is None or link.purpose != INVITATION or not _grants(scene.actor, link.roles):
                raise UnknownAccount(f"invitation {link_id} was not found")
            _end(scene.connection, link)
            scene.note(*_link_notes("invitation revoked", link))
            return link

    def disable(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        """Let the account open nothing any more, until it is enabled. It keeps its roles. Links that set a new password
        end."""
        return self._set_end(account_id, time.time_ns() // 1_000_000, "account disabled", by)

    def enable(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        """Let a disabled account open again what it did."""
        return self._set_end(account_id, None, "account enabled", by)

    def opened(self, token: str) -> tuple[AccountLink, Account | None]:
        """What a token opens now, and the account of its address, if there is one."""
        with self._database.reading() as connection:
            link = _opened(connection, token)
            return link, _of_address(connection, link.email)

    def join(self, token: str, name: str, password: str) -> Account:
        """The new account of somebody who was invited. Takes some 50 ms."""
        person_name, chosen = check_person_name(name), check_password(password)
        self.opened(token)  # a hash is made for those alone who have a link
        password_hash = hash_secret(chosen)
        with self._database.changing() as change:
            link = _used(change, token, INVITATION)
            if _of_address(change.connection, link.email) is not None:
                raise InvalidInput("there is an account of this address already: sign in, and open the link again")
            row = {
                "secret_hash": password_hash,
                "created_at_ms": time.time_ns() // 1_000_000,
                "expires_at_ms": None,
                "creator": None,
                "person_name": person_name,
            }
            account_id = insert_account(change.connection, lambda _: link.email, row)
            give_roles(change.connection, [account_id], link.roles)
            change.note(*_link_notes("person joined", link))
            return person_of(change.connection, account_id)

    def accept(self, token: str, account_id: int) -> Account:
        """The account of somebody who was invited and has signed in, with the roles of the invitation."""
        with self._database.changing() as change:
            link = _used(change, token, INVITATION)
            account = person_of(change.connection, account_id)
            if account.username != link.email:
                raise NotGranted("this invitation is for another address")
            actor = actor_of(change.connection, link.creator_id)
            for project_id in link.roles:
                actor.check_changes_role(account, project_id)
            take_roles(change.connection, account_id, link.roles)
            give_roles(change.connection, [account_id], link.roles)
            change.note(*_link_notes("person joined", link))
            return person_of(change.connection, account_id)

    def set_password(self, token: str, password: str) -> Account:
        """The account with the password that somebody chose who has a link for it. Its sessions end."""
        chosen = check_password(password)
        self.opened(token)
        password_hash = hash_secret(chosen)
        with self._database.changing() as change:
            link = _used(change, token, RESET)
            account = _of_address(change.connection, link.email)
            if account is None:
                raise UnknownAccount(_GONE)
            _write(change.connection, account.account_id, secret_hash=password_hash)
            forget_all(change.connection, account.account_id)
            _end_resets(change.connection, account)
            change.note(Note("password reset", None, account.username))
            return account

    def change_password(self, account_id: int, known: str, password: str) -> None:
        """Replace a password. `known` is the hash that the old one was verified with: if it has changed meanwhile,
        nothing is replaced. The sessions of the account end, and links that set a new password."""
        password_hash = hash_secret(check_password(password))
        with self._database.changing() as change:
            account = proved(change.connection, account_id, known)
            _write(change.connection, account_id, secret_hash=password_hash)
            forget_all(change.connection, account_id)
            _end_resets(change.connection, account)
            change.note(Note("password changed", None, account.username))

    def sign_out(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        """End all sessions of the account."""
        with self._change(by) as scene:
            account = scene.account(account_id)
            scene.actor.check_revokes(account)
            _end_sessions(scene.connection, account)
            scene.note(*notes_of("sessions ended", account))
            return account

    def sign_out_self(self, account_id: int) -> None:
        """The same, by the person."""
        with self._database.changing() as change:
            account = person_of(change.connection, account_id)
            _end_sessions(change.connection, account)
            change.note(Note("sessions ended", None, account.username))

    def rename(self, account_id: int, name: str) -> None:
        """Change the person's name, which other people see beside the address."""
        chosen = check_person_name(name)
        with self._database.changing() as change:
            account = person_of(change.connection, account_id)
            _write(change.connection, account_id, person_name=chosen)
            change.note(Note("name changed", None, account.username))

    def _set_end(self, account_id: int, ends_ms: int | None, action: Action, by: int | None) -> Account:
        with self._change(by) as scene:
            account = scene.account(account_id)
            scene.actor.check_revokes(account)
            _write(scene.connection, account_id, expires_at_ms=ends_ms)
            _end_sessions(scene.connection, account)
            if ends_ms is not None:
                _end_resets(scene.connection, account)
            scene.note(*notes_of(action, account))
            return person_of(scene.connection, account_id)


def other_account(scene: Scene, account_id: int, by: int | None) -> Account:
    """The account, all of whose roles the actor may take. Nobody so replaces the own password, or takes the own factor
    away: a copied session would need no password for it."""
    account = scene.account(account_id)
    scene.actor.check_revokes(account)
    if account_id == by:
        raise NotGranted("this is your own account: change it on its page, with your password")
    return account


def person_of(connection: Connection, account_id: int) -> Account:
    """The personal account with that id. Raises UnknownAccount."""
    found = next((each for each in read_accounts(connection) if each.account_id == account_id and each.is_person), None)
    if found is None:
        raise UnknownAccount(f"personal account {account_id} was not found")
    return found


def proved(connection: Connection, account_id: int, known: str) -> Account:
    """The account whose password was verified with the hash `known`: one that changed meanwhile proves nothing."""
    account = person_of(connection, account_id)
    if account.secret_hash != known:
        raise NotGranted("the password was changed meanwhile")
    return account


def shut_out(connection: Connection, account: Account, password_hash: str) -> None:
    """End what opens the account, now that a provider has proved its address: password, sessions, and links that set
    another password."""
    _end_sessions(connection, account)
    _end_resets(connection, account)
    _write(connection, account.account_id, secret_hash=password_hash, proved_at_ms=time.time_ns() // 1_000_000)


def _made(
    scene: Scene, purpose: Purpose, email: str, roles: Mapping[int, Role], by: int | None, by_name: str
) -> tuple[AccountLink, str]:
    now_ms, token, connection = time.time_ns() // 1_000_000, new_token(), scene.connection
    connection.execute(delete(account_links).where(account_links.c.expires_at_ms <= now_ms))
    for each in _links(connection, account_links.c.email == email):
        if (each.purpose, each.roles.keys()) == (purpose, roles.keys()) and _grants(scene.actor, each.roles):
            _end(connection, each)
    if purpose == INVITATION and by is not COMMAND_LINE:
        _check_room(connection, by)
    row = {
        "purpose": purpose,
        "email": email,
        "roles": {str(project_id): role for project_id, role in roles.items()},
        "token_hash": hash_of(token),
        "expires_at_ms": now_ms + _VALID_S[purpose] * 1000,
        "created_at_ms": now_ms,
        "creator_id": by,
        "creator_name": by_name,
    }
    connection.execute(insert(account_links).values(row))
    return _by_token(connection, token), token


def _check_room(connection: Connection, by: int) -> None:
    """Raises StateError where an account may invite nobody else."""
    open_ones = select(func.count()).select_from(account_links).where(account_links.c.purpose == INVITATION)
    if connection.execute(open_ones.where(account_links.c.creator_id == by)).scalar_one() >= INVITATIONS_OF_AUTHOR_MAX:
        raise StateError(f"you have {INVITATIONS_OF_AUTHOR_MAX} open invitations, the most you may have: revoke some")
    if connection.execute(open_ones).scalar_one() >= INVITATIONS_MAX:
        raise StateError(f"there are {INVITATIONS_MAX} open invitations, the most there may be: ask the admin")


def _links(connection: Connection, which: ColumnElement[bool] | None = None) -> list[AccountLink]:
    found = select(account_links).where(true() if which is None else which).order_by(account_links.c.link_id)
    return [_link(row) for row in connection.execute(found)]


def _by_token(connection: Connection, token: str) -> AccountLink:
    row = connection.execute(select(account_links).where(account_links.c.token_hash == hash_of(token))).first()
    if row is None:
        raise UnknownAccount(_GONE)
    return _link(row)


def _link(row: Row[Any]) -> AccountLink:
    link_id, purpose, email, roles, *rest = tuple(row)
    return AccountLink(link_id, purpose, email, {int(each): check_role(role) for each, role in roles.items()}, *rest)


def _opened(connection: Connection, token: str) -> AccountLink:
    link = _by_token(connection, token)
    if not _may_be_used(connection, link):
        raise UnknownAccount(_GONE)
    return link


def _used(change: Change, token: str, purpose: Purpose) -> AccountLink:
    link = _opened(change.connection, token)
    if link.purpose != purpose:
        raise UnknownAccount(_GONE)
    _end(change.connection, link)
    return link


def _may_be_used(connection: Connection, link: AccountLink) -> bool:
    """Whether the link has not expired, and its creator could make it at this moment."""
    if link.expires_at_ms <= time.time() * 1000:
        return False
    try:
        actor = actor_of(connection, link.creator_id)
        for project_id, role in link.roles.items():
            actor.check_grants(project_id, role)
        account = _of_address(connection, link.email) if link.purpose == RESET else None
        if account is not None:
            actor.check_revokes(account)
    except (NotGranted, UnknownAccount):
        return False
    return True


def _grants(actor: Actor, roles: Mapping[int, Role]) -> bool:
    try:
        for project_id, role in roles.items():
            actor.check_grants(project_id, role)
    except (NotGranted, UnknownAccount):
        return False
    return True


def _end(connection: Connection, link: AccountLink) -> None:
    connection.execute(delete(account_links).where(account_links.c.link_id == link.link_id))


def _end_resets(connection: Connection, account: Account) -> None:
    own = account_links.c.email == account.username
    connection.execute(delete(account_links).where(own, account_links.c.purpose == RESET))


def _link_notes(action: Action, link: AccountLink) -> list[Note]:
    return [Note(action, project_id, f"{link.email}: {role}") for project_id, role in link.roles.items()]


def _of_address(connection: Connection, email: str) -> Account | None:
    return next((each for each in read_accounts(connection) if each.username == email), None)


def _named(some: Iterable[Account], email: str) -> Account:
    found = next((each for each in some if each.username == email), None)
    if found is None:
        raise UnknownAccount(f"personal account {email!r} was not found")
    return found


def _end_sessions(connection: Connection, account: Account) -> None:
    """So that no session that has begun is valid, also after the account was enabled again."""
    now_ms = max(time.time_ns() // 1_000_000, (account.signed_out_ms or 0) + 1)
    _write(connection, account.account_id, signed_out_ms=now_ms)
    forget_all(connection, account.account_id)


def _write(connection: Connection, account_id: int, **columns: object) -> None:
    connection.execute(update(accounts).where(accounts.c.account_id == account_id).values(**columns))
