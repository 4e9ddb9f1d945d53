"""The reply to a preflight: which methods and headers a page may use in a request to this origin.

Paths for SDKs allow all headers that the preflight names. Tracing tools (Sentry, OpenTelemetry, Datadog) add their own
to all requests of a page, and a preflight that does not allow them stops the SDK's request. A page may then send what
any other client may, and no header is trusted because it came from a page. Other paths allow a fixed list.
"""

import re
from typing import Final

from trackway.edge.limits import PREFLIGHT_HEADERS_MAX
from trackway.edge.wire.asgi import KEYED, Scope, header
from trackway.edge.wire.replies import Headers, Reply

_ALWAYS: Final = (b"authorization", b"content-type", b"traceparent")
_is_name = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]{1,64}").fullmatch
"""A token (RFC 9110 §5.6.2), in lower case."""
_VARY: Final[Headers] = ((b"vary", b"Access-Control-Request-Headers"),)


def preflight(scope: Scope) -> Reply:
    names = [*_ALWAYS]
    if KEYED not in scope:
        asked = header(scope, b"access-control-request-headers").lower().split(b",")
        names += filter(_is_name, map(bytes.strip, asked[:PREFLIGHT_HEADERS_MAX]))
    headers = (
        (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
        (b"access-control-allow-headers", b", ".join(dict.fromkeys(names))),
        (b"access-control-max-age", b"86400"),
    )
    return Reply(204, b"text/plain", b"", headers if KEYED in scope else headers + _VARY)
