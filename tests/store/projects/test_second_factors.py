"""Second factors in the database: no code twice, few tries, and who may take one away."""

from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from sqlalchemy import func, select

from trackway.domain.errors import InvalidInput
from trackway.projects.authorization import NotGranted, UnknownAccount
from trackway.projects.database import ProjectsDatabase
from trackway.projects.limits import FACTOR_TRIES_MAX, FACTOR_TRIES_S, RECOVERY_CODES
from trackway.projects.passwords import verify
from trackway.projects.read_statements import Reader
from trackway.projects.second_factor import Proof, new_factor_secret
from trackway.projects.second_factor_changes import SecondFactors
from trackway.projects.session_rows import SessionRow, SessionRows
from trackway.projects.tables.accounts import accounts, recovery_codes, second_factors

PASSWORD = "correct horse battery"
SECRET = new_factor_secret()
NOW_S = 1_800_000_000.0
STEP = int(NOW_S) // 30


@pytest.fixture
def factors(database: ProjectsDatabase) -> SecondFactors:
    for name in "ab":
        database.create(name, "us")
    return SecondFactors(database)


def joined(factors: SecondFactors, email: str, role: str = "analyst", project_id: int = 1) -> int:
    _, token = factors.invite(email, {project_id: role})  # type: ignore[dict-item]
    return factors.join(token, "Ann", PASSWORD).account_id


def turned_on(factors: SecondFactors, account_id: int) -> list[str]:
    known = factors.one(account_id).secret_hash
    return factors.turn_on(account_id, known, "sealed", STEP - 5, int(NOW_S * 1000))


def code(step: int) -> str:
    return pyotp.TOTP(SECRET).at(step * 30)


def tried(factors: SecondFactors, account_id: int, text: str, now_s: float = NOW_S) -> Proof:
    return factors.proof(account_id, text, {"sealed": SECRET}.get, now_s)


def test_every_process_learns_who_has_a_second_factor(
    factors: SecondFactors, database: ProjectsDatabase, reader: Reader
) -> None:
    ann, ben = joined(factors, "ann@example.com"), joined(factors, "ben@example.com")
    before = reader.revision()
    codes = turned_on(factors, ann)
    assert reader.revision() > before
    assert {each.account_id: each.has_second_factor for each in reader.all_accounts()} == {ann: True, ben: False}
    assert reader.all_accounts() == database.all_accounts()
    with database.reading() as connection:
        assert not {*codes} & {*connection.execute(select(recovery_codes.c.code_hash)).scalars()}
    factors.turn_off(ann, factors.one(ann).secret_hash)
    assert not any(each.has_second_factor for each in reader.all_accounts())
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(recovery_codes)).scalar_one() == 0


def test_a_code_is_taken_once_and_none_before_it(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    turned_on(factors, ann)
    assert tried(factors, ann, code(STEP)) == "code"
    assert tried(factors, ann, code(STEP)) == "wrong"
    assert tried(factors, ann, code(STEP - 1)) == "wrong"
    assert tried(factors, ann, code(STEP + 1)) == "code"


def test_of_servers_that_get_one_code_at_once_one_takes_it(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    turned_on(factors, ann)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: tried(factors, ann, code(STEP)), range(4)))
    assert sorted(found) == ["code", "wrong", "wrong", "wrong"]


def test_a_recovery_code_is_taken_once(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    codes = turned_on(factors, ann)
    assert tried(factors, ann, codes[3].upper()) == "recovery code"
    assert tried(factors, ann, codes[3]) == "wrong"
    assert tried(factors, ann, codes[4]) == "recovery code"
    assert factors.recovery_codes_left(ann) == RECOVERY_CODES - 2
    other = joined(factors, "ben@example.com")
    turned_on(factors, other)
    assert tried(factors, other, codes[5]) == "wrong"


def test_after_some_wrong_codes_no_code_is_looked_at_for_a_while(factors: SecondFactors) -> None:
    ann, ben = joined(factors, "ann@example.com"), joined(factors, "ben@example.com")
    codes = turned_on(factors, ann)
    turned_on(factors, ben)
    assert [tried(factors, ann, "000000") for _ in range(FACTOR_TRIES_MAX)] == ["wrong"] * FACTOR_TRIES_MAX
    for text in (code(STEP), codes[0]):
        assert tried(factors, ann, text) == "wait"
    assert tried(factors, ben, code(STEP)) == "code"
    later_s = NOW_S + FACTOR_TRIES_S
    assert tried(factors, ann, code(int(later_s) // 30), later_s) == "code"
    assert tried(factors, ann, codes[0], later_s) == "recovery code"


def test_a_right_code_gives_the_tries_back(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    turned_on(factors, ann)
    for step in (STEP - 1, STEP, STEP + 1):
        for _ in range(FACTOR_TRIES_MAX - 1):
            assert tried(factors, ann, "000000") == "wrong"
        assert tried(factors, ann, code(step)) == "code"


def test_a_clock_that_was_set_back_keeps_nobody_out(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    turned_on(factors, ann)
    for _ in range(FACTOR_TRIES_MAX):
        tried(factors, ann, "000000", NOW_S + 10 * FACTOR_TRIES_S)
    assert tried(factors, ann, code(STEP)) == "code"


def test_a_secret_that_another_key_sealed_matches_no_code_but_recovery_codes_do(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    codes = turned_on(factors, ann)
    assert factors.proof(ann, code(STEP), lambda _: None, NOW_S) == "wrong"
    assert factors.proof(ann, codes[0], lambda _: None, NOW_S) == "recovery code"


def test_only_the_present_password_turns_a_factor_on_and_off(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    for change in (lambda: factors.turn_on(ann, "old", "sealed", STEP, 0), lambda: factors.turn_off(ann, "old")):
        with pytest.raises(NotGranted, match="changed meanwhile"):
            change()
    turned_on(factors, ann)
    with pytest.raises(InvalidInput, match="on already"):
        turned_on(factors, ann)


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", True), ("analyst", False)])
def test_who_may_disable_the_account_may_take_its_factor_away(factors: SecondFactors, role: str, may: bool) -> None:
    ann, other = joined(factors, "ann@example.com"), joined(factors, "boss@example.com", role)
    elsewhere = joined(factors, "far@example.com", "owner", 2)
    turned_on(factors, ann)
    with pytest.raises((NotGranted, UnknownAccount)):
        factors.take_away(ann, elsewhere)
    if may:
        assert factors.take_away(ann, other).account_id == ann
        with pytest.raises(InvalidInput, match="has no second factor"):
            factors.take_away(ann, other)
    else:
        with pytest.raises(NotGranted):
            factors.take_away(ann, other)
    assert factors.one(ann).has_second_factor is not may


def test_nobody_takes_the_own_factor_away_without_the_password(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com", "owner")
    turned_on(factors, ann)
    with pytest.raises(NotGranted, match="your own account"):
        factors.take_away(ann, ann)
    assert factors.one(ann).has_second_factor
    factors.take_away(ann)


def test_the_first_proof_of_an_address_shuts_out_who_opened_the_account_before(
    factors: SecondFactors, database: ProjectsDatabase, reader: Reader
) -> None:
    ann, ben = joined(factors, "ann@example.com"), joined(factors, "ben@example.com")
    codes, _ = turned_on(factors, ann), turned_on(factors, ben)
    (_, reset), (_, of_ben), before = factors.reset(ann), factors.reset(ben), factors.one(ann)
    rows = SessionRows(database)
    for account_id in (ann, ben):
        rows.begin(SessionRow(f"of {account_id}", account_id, int(NOW_S), int(NOW_S), "", ""))
    factors.prove_address(ann)
    proved = factors.one(ann)
    assert proved.proved_at_ms and not verify(proved.secret_hash, PASSWORD) and not proved.has_second_factor
    assert proved.signed_out_ms != before.signed_out_ms and rows.of_account(ann, int(NOW_S)) == []
    with pytest.raises(UnknownAccount):
        factors.set_password(reset, PASSWORD)
    with pytest.raises(UnknownAccount, match="turned off meanwhile"):
        tried(factors, ann, codes[0])
    assert reader.all_accounts() == database.all_accounts() and proved.roles == before.roles
    assert factors.one(ben).has_second_factor and rows.of_account(ben, int(NOW_S))
    assert factors.opened(of_ben)[1] == factors.one(ben)
    entry = database.audit(1)[0]
    assert (entry.action, entry.subject) == ("address proved by the provider", "ann@example.com")


def test_a_later_proof_changes_nothing(factors: SecondFactors, database: ProjectsDatabase) -> None:
    ann = joined(factors, "ann@example.com")
    factors.prove_address(ann)
    factors.set_password(factors.reset(ann)[1], PASSWORD)
    turned_on(factors, ann)
    before, entries = factors.one(ann), database.audit(100)
    factors.prove_address(ann)
    assert factors.one(ann) == before and verify(before.secret_hash, PASSWORD) and before.has_second_factor
    assert database.audit(100) == entries


def test_a_factor_that_was_turned_off_meanwhile_proves_nothing(factors: SecondFactors) -> None:
    ann = joined(factors, "ann@example.com")
    with pytest.raises(UnknownAccount, match="turned off meanwhile"):
        tried(factors, ann, code(STEP))


def test_what_happens_is_in_the_audit_without_secrets(factors: SecondFactors, database: ProjectsDatabase) -> None:
    ann = joined(factors, "ann@example.com")
    codes = turned_on(factors, ann)
    tried(factors, ann, codes[0])
    factors.turn_off(ann, factors.one(ann).secret_hash)
    turned_on(factors, ann)
    factors.take_away(ann)
    noted = [(each.action, each.subject) for each in database.audit(100)]
    assert [action for action, _ in noted if "factor" in action or "recovery" in action] == [
        "second factor taken away",
        "second factor turned on",
        "second factor turned off",
        "recovery code used",
        "second factor turned on",
    ]
    assert not any(each in str(noted) for each in (*codes, "sealed", SECRET))


def test_a_deleted_account_leaves_no_factor(factors: SecondFactors, database: ProjectsDatabase) -> None:
    ann = joined(factors, "ann@example.com")
    turned_on(factors, ann)
    with database.saving() as change:
        change.note()
        change.connection.execute(accounts.delete().where(accounts.c.account_id == ann))
        left = change.connection.execute(select(func.count()).select_from(second_factors)).scalar_one()
    assert left == 0
