"""Second factors in the projects database: turned on and off, tried at a sign-in, and taken away.

A try is counted before it is looked at, and a code's step is written by a conditional update. So of two servers that
get one code at once, one takes it, and no number of servers makes more tries. What is tried is no change of accounts:
other processes need not read them again.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from trackway.domain.errors import InvalidInput
from trackway.projects.account import Account
from trackway.projects.account_changes import COMMAND_LINE, notes_of
from trackway.projects.audit import Note
from trackway.projects.authorization import UnknownAccount
from trackway.projects.limits import FACTOR_TRIES_MAX, FACTOR_TRIES_S
from trackway.projects.passwords import hash_secret, new_secret
from trackway.projects.personal_account_changes import PersonalAccounts, other_account, person_of, proved, shut_out
from trackway.projects.second_factor import Proof, new_recovery_codes, recovery_hash, step_of_code
from trackway.projects.tables.accounts import recovery_codes, second_factors


class SecondFactors(PersonalAccounts):
    """`known` is the hash that a password was verified with: a password that changed meanwhile proves nothing."""

    def turn_on(self, account_id: int, known: str, sealed: str, step: int, now_ms: int) -> list[str]:
        """The recovery codes, which are stored as hashes. `step` is that of the code that proved the app."""
        codes = new_recovery_codes()
        try:
            with self._database.changing() as change:
                account = proved(change.connection, account_id, known)
                row = {"account_id": account_id, "secret": sealed, "last_step": step, "created_at_ms": now_ms}
                change.connection.execute(insert(second_factors).values(tries=0, tries_from_ms=0, **row))
                hashes = [{"account_id": account_id, "code_hash": recovery_hash(code)} for code in codes]
                change.connection.execute(insert(recovery_codes), hashes)
                change.note(Note("second factor turned on", None, account.username))
        except IntegrityError as error:
            raise InvalidInput("the second factor is on already") from error
        return codes

    def turn_off(self, account_id: int, known: str) -> None:
        with self._database.changing() as change:
            account = proved(change.connection, account_id, known)
            _delete(change.connection, account_id)
            change.note(Note("second factor turned off", None, account.username))

    def take_away(self, account_id: int, by: int | None = COMMAND_LINE) -> Account:
        """Let somebody else, who lost it, sign in by password alone. By those who may revoke the account."""
        with self._change(by) as scene:
            account = other_account(scene, account_id, by)
            if not account.has_second_factor:
                raise InvalidInput(f"{account.username} has no second factor")
            _delete(scene.connection, account_id)
            scene.note(*notes_of("second factor taken away", account))
            return account

    def prove_address(self, account_id: int) -> None:
        """Keep that a provider has proved the address. The first time, what opened the account before ends, the second
        factor too, since it may be somebody else's. Later calls change nothing."""
        password_hash = hash_secret(new_secret())
        with self._database.changing() as change:
            change.note()
            account = person_of(change.connection, account_id)
            if account.proved_at_ms is not None:
                return
            shut_out(change.connection, account, password_hash)
            _delete(change.connection, account_id)
            change.note(Note("address proved by the provider", None, account.username))

    def recovery_codes_left(self, account_id: int) -> int:
        with self._database.reading() as connection:
            own = recovery_codes.c.account_id == account_id
            return connection.execute(select(func.count()).select_from(recovery_codes).where(own)).scalar_one()

    def proof(self, account_id: int, text: str, opened: Callable[[str], str | None], now_s: float) -> Proof:
        """What the text proves. `opened` opens the sealed secret. Raises UnknownAccount where there is no factor."""
        with self._database.saving() as change:
            change.note()
            if not _may_try(change.connection, account_id, int(now_s * 1000)):
                return "wait"
            proof = _recovered(change.connection, account_id, text) or _matched(
                change.connection, account_id, text, opened, now_s
            )
            if proof == "wrong":
                return proof
            change.connection.execute(update(second_factors).where(_own(account_id)).values(tries=0))
            if proof == "recovery code":
                change.note(Note("recovery code used", None, person_of(change.connection, account_id).username))
            return proof


def _may_try(connection: Connection, account_id: int, now_ms: int) -> bool:
    """Count a try, if there is one left."""
    ended_ms = now_ms - FACTOR_TRIES_S * 1000
    # A clock that was set back must not keep somebody out for longer.
    over = or_(second_factors.c.tries_from_ms <= ended_ms, second_factors.c.tries_from_ms > now_ms)
    afresh = update(second_factors).where(_own(account_id), over).values(tries=0, tries_from_ms=now_ms)
    connection.execute(afresh)
    counted = update(second_factors).where(_own(account_id), second_factors.c.tries < FACTOR_TRIES_MAX)
    if connection.execute(counted.values(tries=second_factors.c.tries + 1)).rowcount:
        return True
    if connection.execute(select(second_factors.c.account_id).where(_own(account_id))).first() is None:
        raise UnknownAccount("the second factor was turned off meanwhile: sign in again")
    return False


def _recovered(connection: Connection, account_id: int, text: str) -> Proof | None:
    code_hash = recovery_hash(text)
    if not code_hash:
        return None
    own = recovery_codes.c.account_id == account_id
    used = connection.execute(delete(recovery_codes).where(own, recovery_codes.c.code_hash == code_hash))
    return "recovery code" if used.rowcount else "wrong"


def _matched(
    connection: Connection, account_id: int, text: str, opened: Callable[[str], str | None], now_s: float
) -> Proof:
    sealed = connection.execute(select(second_factors.c.secret).where(_own(account_id))).scalar_one()
    secret = opened(sealed)
    step = step_of_code(secret, text, now_s) if secret else None
    if step is None:
        return "wrong"
    newer = update(second_factors).where(_own(account_id), second_factors.c.last_step < step)
    return "code" if connection.execute(newer.values(last_step=step)).rowcount else "wrong"


def _own(account_id: int) -> ColumnElement[bool]:
    return second_factors.c.account_id == account_id


def _delete(connection: Connection, account_id: int) -> None:
    connection.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
    connection.execute(delete(second_factors).where(_own(account_id)))
