"""Codes of an authenticator app, recovery codes, and the encryption of secrets at rest."""

import base64
import re

import pytest

from trackway.projects.factor_secrets import FactorSecrets
from trackway.projects.limits import FACTOR_SECRET_CHARACTERS_MAX, RECOVERY_CODES
from trackway.projects.second_factor import (
    app_address,
    new_factor_secret,
    new_recovery_codes,
    recovery_hash,
    step_of_code,
)

RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()
RFC_CODES = [(1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
"""RFC 6238, appendix B: SHA-1, the last six digits."""


@pytest.mark.parametrize(("now_s", "code"), RFC_CODES)
def test_codes_are_those_of_the_rfc_and_hold_for_one_step_before_and_after(now_s: int, code: str) -> None:
    step = now_s // 30
    for later_s in (-30, 0, 29 - now_s % 30, 30):
        assert step_of_code(RFC_SECRET, code, now_s + later_s) == step
    for later_s in (-60, 60):
        assert step_of_code(RFC_SECRET, code, now_s + later_s) is None


@pytest.mark.parametrize("text", ["", "28708", "2870822", "28708a", "２８７０８２", "287082\0"])
def test_what_is_no_code_matches_nothing(text: str) -> None:
    assert step_of_code(RFC_SECRET, text, 59) is None


def test_blanks_in_a_code_do_not_matter() -> None:
    assert step_of_code(RFC_SECRET, " 287 082 ", 59) == 1


def test_an_app_learns_the_secret_and_the_address() -> None:
    secret = new_factor_secret()
    address = app_address(secret, "ann+1@example.com")
    assert address.startswith("otpauth://totp/trackway:ann") and f"secret={secret}" in address
    assert len(base64.b32decode(secret)) == 20 and secret != new_factor_secret()


def test_recovery_codes_are_many_and_readable() -> None:
    codes = new_recovery_codes()
    assert len({*codes}) == RECOVERY_CODES
    assert all(re.fullmatch("([a-km-z2-9]{4}-){3}[a-km-z2-9]{4}", code) for code in codes)
    assert len({*map(recovery_hash, codes)}) == RECOVERY_CODES


def test_a_recovery_code_may_be_typed_in_other_ways() -> None:
    [code, *_] = new_recovery_codes()
    for typed in (code.upper(), code.replace("-", ""), code.replace("-", " "), f" {code}\n"):
        assert recovery_hash(typed) == recovery_hash(code) != ""
    for other in ("", "123456", code[:-1], f"{code}a", code.replace(code[0], "0")):
        assert recovery_hash(other) == ""


def test_a_sealed_secret_opens_for_its_purpose_and_account_alone() -> None:
    secrets, secret = FactorSecrets(b"k" * 32), new_factor_secret()
    sealed = secrets.seal(secret, "stored", 7)
    assert secret not in sealed and len(sealed) <= FACTOR_SECRET_CHARACTERS_MAX
    assert sealed != secrets.seal(secret, "stored", 7)
    assert secrets.open(sealed, "stored", 7) == secret
    changed = ("B" if sealed[20] == "A" else "A").join((sealed[:20], sealed[21:]))
    wrong = [(sealed, "setup", 7), (sealed, "stored", 8), (changed, "stored", 7), (sealed[:-4], "stored", 7)]
    wrong += [("", "stored", 7), ("ä", "stored", 7), ("A", "stored", 7)]
    assert [secrets.open(*each) for each in wrong] == [None] * len(wrong)
    assert FactorSecrets(b"K" * 32).open(sealed, "stored", 7) is None
