"""The second factor of a personal account: codes of an authenticator app (TOTP, RFC 6238), and recovery codes. Pure,
but for random bits.

A code holds for its step of 30 seconds, and for one step before and after, since clocks differ. Recovery codes have 80
random bits each, so a plain hash protects them.
"""

import hmac
import re
import secrets
from hashlib import sha256
from typing import Final, Literal

import pyotp

from trackway.projects.limits import RECOVERY_CODES

Proof = Literal["code", "recovery code", "wrong", "wait"]
"""What a try has shown. "wait": too many wrong ones, and this one was not looked at."""

_STEP_S: Final = 30
_ISSUER: Final = "trackway"
_SECRET_CHARACTERS: Final = 32
"""160 random bits in base32, as RFC 4226 recommends."""
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""32 letters and digits that nobody mistakes for another: 5 bits each."""
_GROUPS: Final = 4
_is_code: Final = re.compile("[0-9]{6}").fullmatch
_is_recovery_code: Final = re.compile("[a-z2-9]{16}").fullmatch


def new_factor_secret() -> str:
    return pyotp.random_base32(_SECRET_CHARACTERS)


def app_address(secret: str, email: str) -> str:
    """The address that an authenticator app reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_ISSUER)


def step_of_code(secret: str, text: str, now_s: float) -> int | None:
    """The step whose code this is, of those that hold now. The time of comparison does not depend on the code."""
    code = "".join(text.split())
    if not _is_code(code):
        return None
    app, now, found = pyotp.TOTP(secret), int(now_s) // _STEP_S, None
    for step in (now - 1, now, now + 1):
        if hmac.compare_digest(app.at(step * _STEP_S), code):
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Codes such as `k7dw-29xp-mfa4-q6rt`."""
    return ["-".join(_group() for _ in range(_GROUPS)) for _ in range(RECOVERY_CODES)]


def recovery_hash(text: str) -> str:
    """The hash by which a recovery code is stored and found. "" for a text that can be none."""
    code = re.sub(r"[\s-]", "", text).lower()
    return sha256(code.encode()).hexdigest() if _is_recovery_code(code) else ""


def _group() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(4))
