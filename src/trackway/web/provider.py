"""The provider of OpenID Connect: where it asks people, and what its signed answer says about somebody.

Authorization code flow with PKCE (RFC 7636). The keys and addresses are read when somebody first signs in, and again
after an hour, or for an answer that an unknown key has signed. All who wait for them share one look-up.
"""

import asyncio
import base64
import hmac
import secrets
import time
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit

import jwt

from trackway.settings.table import Settings
from trackway.web.limits import PROVIDER_CLOCK_S, PROVIDER_KNOWN_S, PROVIDER_REFRESH_S
from trackway.web.provider_requests import ProviderFailed, ProviderRequests

_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a private key. A shared secret, or no signature at all, proves nothing here."""
_SCOPE: Final = "openid email"


class Attempt(NamedTuple):
    """What one browser must bring back: it is in a cookie of this browser, and nobody else knows it."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48))

    def has_state(self, state: str) -> bool:
        return hmac.compare_digest(state.encode(), self.state.encode())

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(sha256(self.verifier.encode()).digest()).decode().rstrip("=")


class _Known(NamedTuple):
    """The provider's addresses and keys, as they were at a time."""

    authorize_url: str
    token_url: str
    keys: jwt.PyJWKSet
    at_s: float


class Provider:
    """For one event loop. Every method raises ProviderFailed, and RequestError as ProviderRequests."""

    def __init__(self, settings: Settings, secret: str, requests: ProviderRequests):
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = secret
        self._requests = requests
        self._known: _Known | None = None
        self._looking: asyncio.Task[_Known] | None = None

    async def address(self, attempt: Attempt, return_url: str) -> str:
        """Where the browser goes to be asked."""
        known = await self._found()
        fields = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": return_url,
            "scope": _SCOPE,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{known.authorize_url}{'&' if '?' in known.authorize_url else '?'}{urlencode(fields)}"

    async def email(self, attempt: Attempt, code: str, return_url: str) -> str:
        """The verified address of who has signed in there."""
        known = await self._found()
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": return_url,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
            **({"client_secret": self._secret} if self._secret else {}),
        }
        answer = await self._requests.post_form(known.token_url, fields)
        claims = await self._claims(_text(answer, "id_token"))
        if not hmac.compare_digest(_text(claims, "nonce").encode(), attempt.nonce.encode()):
            raise ProviderFailed("its answer is for another sign-in")
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._client_id:
            raise ProviderFailed("its answer is for another application")
        if claims.get("email_verified") is not True:
            raise ProviderFailed("it has not verified the e-mail address")
        return _text(claims, "email")

    async def _claims(self, token: str) -> dict[str, Any]:
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
            claims: dict[str, Any] = jwt.decode(
                token,
                await self._key(key_id),
                algorithms=list(_ALGORITHMS),
                audience=self._client_id,
                issuer=self._issuer,
                leeway=PROVIDER_CLOCK_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise ProviderFailed(f"its answer is not valid: {str(error)[:200].lower()}") from error
        return claims

    async def _key(self, key_id: str | None) -> jwt.PyJWK:
        found = _key_in(await self._found(), key_id)
        if found is None:
            found = _key_in(await self._found(age_s_max=PROVIDER_REFRESH_S), key_id)
        if found is None:
            raise ProviderFailed("its answer is signed by a key that it does not publish")
        return found

    async def _found(self, age_s_max: float = PROVIDER_KNOWN_S) -> _Known:
        if self._known is not None and time.monotonic() - self._known.at_s <= age_s_max:
            return self._known
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)

    async def _look(self) -> _Known:
        now_s = time.monotonic()
        document = await self._requests.get_json(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self._issuer:
            raise ProviderFailed("it calls itself by another name than oidc_issuer")
        authorize_url, token_url = (self._url(document, f"{name}_endpoint") for name in ("authorization", "token"))
        keys = await self._requests.get_json(self._url(document, "jwks_uri"))
        try:
            known = jwt.PyJWKSet.from_dict(keys)
        except jwt.PyJWTError as error:
            raise ProviderFailed("it publishes no keys that can be used") from error
        return _Known(authorize_url, token_url, known, now_s)

    def _looked(self, looking: "asyncio.Task[_Known]") -> None:
        self._looking = None
        if not looking.cancelled() and looking.exception() is None:
            self._known = looking.result()

    def _url(self, document: dict[str, Any], name: str) -> str:
        """An address of a provider that is asked by TLS is below TLS, too: the client's secret and codes go there."""
        url = _text(document, name)
        if urlsplit(self._issuer).scheme == "https" and not url.lower().startswith("https://"):
            raise ProviderFailed(f"its {name} is not below https://")
        return url


def _key_in(known: _Known, key_id: str | None) -> jwt.PyJWK | None:
    of_signatures = [key for key in known.keys.keys if key.public_key_use in (None, "sig")]
    if key_id is None:
        return of_signatures[0] if len(of_signatures) == 1 else None
    return next((key for key in of_signatures if key.key_id == key_id), None)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderFailed(f"its answer has no {name}")
    return value
