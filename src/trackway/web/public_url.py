"""The URL by which the browser reached this server: its scheme, and the address that SDKs use, too."""

from starlette.requests import Request

from trackway.edge.access.client_address import client_is_trusted, networks
from trackway.settings.table import Settings


def scheme(request: Request, settings: Settings) -> str:
    """`http` or `https`: the scheme of the connection, or the one that a trusted proxy reports.

    Each proxy in a chain appends its own. The first in the list is the client's.
    """
    schemes = ",".join(request.headers.getlist("x-forwarded-proto")).lower().split(",")
    forwarded = next((each for each in (part.strip(' \t"') for part in schemes) if each), "")
    if forwarded in ("http", "https") and client_is_trusted(request.scope, networks(settings.trusted_proxies)):
        return forwarded
    return request.scope.get("scheme", "http")  # type: ignore[no-any-return]  # ASGI: text


def server_address(request: Request, settings: Settings) -> str:
    """The address for an SDK, such as `https://events.example.com/mixpanel`."""
    host = request.headers.get("host") or f"{settings.host}:{settings.port}"
    return f"{scheme(request, settings)}://{host}{settings.path_prefix}"
