"""The browser SDK for web sites, from a file of the operator: pages load it from this server instead of a CDN.

It has two addresses. `site.js` stays the same, and browsers ask again after an hour. The other one has the digest of
the content, and browsers keep it for good. A digest that is not the present one gets the present script for an hour: a
tag that was pasted before an upgrade goes on to work, and servers that are upgraded one after the other agree.

The paths contain no word that content blockers look for.
"""

import gzip
import re
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Final, NamedTuple

from trackway.domain.errors import ConfigError, RequestError
from trackway.edge.access.cors import preflight
from trackway.edge.limits import SITE_SCRIPT_BYTES_MAX, SITE_SCRIPT_FRESH_S, SITE_SCRIPT_KEPT_S
from trackway.edge.wire.asgi import KEYED, Receive, Scope, Send, cors_headers, header, send_reply
from trackway.edge.wire.replies import JAVASCRIPT, Reply, error_reply
from trackway.edge.wire.streaming import accepts_gzip
from trackway.telemetry import metrics

FOLDER: Final = "/lib"
PATH: Final = f"{FOLDER}/site.js"
_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_versioned: Final = re.compile(r"site-([0-9a-f]{16})\.js").fullmatch
_SETTING: Final = "browser_sdk_path"


class SiteScript(NamedTuple):
    """The script as it was at the start of the server."""

    body: bytes
    packed: bytes
    version: str

    @property
    def lasting_path(self) -> str:
        """The path of exactly this content."""
        return f"{FOLDER}/site-{self.version}.js"


def read_site_script(path: Path | None) -> SiteScript | None:
    """The script in a file; None without a path. Raises ConfigError for a file that cannot be served as a script."""
    if path is None:
        return None
    try:
        # A pipe would never end, and a directory cannot be read.
        if not path.is_file():
            raise ConfigError(f"{_SETTING} {path} must be a file{'' if path.exists() else ', and there is none'}")
        with path.open("rb") as file:
            body = file.read(SITE_SCRIPT_BYTES_MAX + 1)
        body.decode()
    except OSError as error:
        raise ConfigError(f"{_SETTING} {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{_SETTING} {path} must be a script in UTF-8, and byte {error.start} is not") from error
    if len(body) > SITE_SCRIPT_BYTES_MAX:
        raise ConfigError(f"{_SETTING} {path} must not have more than {SITE_SCRIPT_BYTES_MAX} bytes")
    if not body.strip() or body.lstrip().startswith(b"<"):
        raise ConfigError(f"{_SETTING} {path} must be a script, and is {'a page' if body.strip() else 'empty'}")
    return SiteScript(body, gzip.compress(body, mtime=0), sha256(body).hexdigest()[:16])


class SiteScriptEndpoint:
    """An ASGI application for everything below `prefix` and FOLDER."""

    def __init__(self, prefix: str, script: SiteScript):
        self._above = len(prefix) + len(FOLDER) + 1
        self._script = script

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[KEYED] = True  # any site may load it, without the credentials that a browser remembers
        try:
            reply = self._reply(scope)
        except RequestError as error:
            reply = error_reply(error)
        metrics.request(FOLDER, reply.status)
        if reply.status == HTTPStatus.NOT_MODIFIED:  # has no body, and so neither its type nor its length
            headers = [*reply.headers, *cors_headers(scope)]
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send_reply(scope, send, reply)

    def _reply(self, scope: Scope) -> Reply:
        name, method = scope["path"][self._above :], scope["method"]
        versioned = _versioned(name)
        if versioned is None and FOLDER + "/" + name != PATH:
            raise RequestError(404, f"no such path: {scope['path'][:200]}")
        if method not in _METHODS:
            raise RequestError(405, f"method {method[:20]} is not allowed here", allow=", ".join(_METHODS))
        if method == "OPTIONS":
            return preflight(scope)
        lasts = versioned is not None and versioned[1] == self._script.version
        return self._script_reply(scope, lasts)

    def _script_reply(self, scope: Scope, lasts: bool) -> Reply:
        packed = accepts_gzip(header(scope, b"accept-encoding"))
        etag = b'"%s%s"' % (self._script.version.encode(), b"-gzip" if packed else b"")
        kept = b"max-age=%d, immutable" % SITE_SCRIPT_KEPT_S if lasts else b"max-age=%d" % SITE_SCRIPT_FRESH_S
        headers = (
            (b"cache-control", b"public, " + kept),
            (b"etag", etag),
            (b"vary", b"Accept-Encoding"),
            (b"x-content-type-options", b"nosniff"),
            # A site that isolates itself loads only what says so.
            (b"cross-origin-resource-policy", b"cross-origin"),
        )
        if etag in header(scope, b"if-none-match"):
            return Reply(HTTPStatus.NOT_MODIFIED, JAVASCRIPT, b"", headers)
        if packed:
            return Reply(200, JAVASCRIPT, self._script.packed, (*headers, (b"content-encoding", b"gzip")))
        return Reply(200, JAVASCRIPT, self._script.body, headers)
