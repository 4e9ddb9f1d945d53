"""A provider of OpenID Connect on this machine, which lets in whom a test names, and answers as a test wants.

It checks what a provider checks: the client, its secret, the address of return, and PKCE. `claims` are those of the
next answer, on top of right ones; `key` signs it. `exchanged` counts the codes that were brought.
"""

import base64
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

CLIENT_ID: Final = "trackway-here"
CLIENT_SECRET: Final = "a secret of the client"
KEY_ID: Final = "key-1"


def new_key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@dataclass
class OidcProvider:
    """`claims` without a value are left out of the answer."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAPrivateKey = field(default_factory=new_key)
    published: RSAPrivateKey | None = None
    algorithm: str = "RS256"
    asked: list[dict[str, str]] = field(default_factory=list)
    granted: dict[str, dict[str, str]] = field(default_factory=dict)
    exchanged: int = 0

    def authorize(self, fields: dict[str, str]) -> str:
        """The address that the browser returns to, with a code."""
        self.asked.append(fields)
        assert (fields["client_id"], fields["response_type"]) == (CLIENT_ID, "code")
        assert fields["code_challenge_method"] == "S256" and "openid" in fields["scope"].split()
        code = secrets.token_urlsafe(8)
        self.granted[code] = fields
        return f"{fields['redirect_uri']}?{urlencode({'code': code, 'state': fields['state']})}"

    def token(self, fields: dict[str, str]) -> dict[str, Any] | None:
        self.exchanged += 1
        granted = self.granted.pop(fields.get("code", ""), None)
        if granted is None or fields["client_secret"] != CLIENT_SECRET or fields["client_id"] != CLIENT_ID:
            return None
        digest = base64.urlsafe_b64encode(sha256(fields["code_verifier"].encode()).digest()).decode().rstrip("=")
        if digest != granted["code_challenge"] or fields["redirect_uri"] != granted["redirect_uri"]:
            return None
        now_s = int(time.time())
        right = {"iss": self.issuer, "aud": CLIENT_ID, "sub": "1", "iat": now_s, "exp": now_s + 60}
        claims = right | {"nonce": granted["nonce"], "email_verified": True} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self.key if self.algorithm == "RS256" else "x" * 32
        signed = jwt.encode(claims, key, self.algorithm, {"kid": KEY_ID})
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}

    def document(self, path: str) -> dict[str, Any] | None:
        if path == "/.well-known/openid-configuration":
            at = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            return {"issuer": self.issuer, **at}
        if path == "/jwks_uri":
            public = (self.published or self.key).public_key()
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public))
            return {"keys": [key | {"kid": KEY_ID, "use": "sig", "alg": "RS256"}]}
        return None


@contextlib.contextmanager
def running_provider() -> Iterator[OidcProvider]:
    """The provider, as long as the context lasts."""
    provider = OidcProvider()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._json(provider.document(urlsplit(self.path).path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._json(provider.token(_fields(body)))

        def _json(self, found: dict[str, Any] | None) -> None:
            body = json.dumps(found).encode()
            self.send_response(200 if found else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what a test prints."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    provider.issuer = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, name="provider")
    thread.start()
    try:
        yield provider
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _fields(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}


def fields_of(url: str) -> dict[str, str]:
    """The query of an address."""
    return _fields(urlsplit(url).query)
