"""How the browser reached this server: by which scheme, and under which address SDKs find it, too."""

from starlette.requests import Request

from trackway.edge.http import client_is_trusted, networks
from trackway.settings import Settings


def scheme(request: Request, settings: Settings) -> str:
    """`http` or `https`: of the connection, or as a trusted proxy in front of it says."""
    forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
    if forwarded in ("http", "https") and client_is_trusted(request.scope, networks(settings.trusted_proxies)):
        return forwarded
    return request.scope.get("scheme", "http")  # type: ignore[no-any-return]  # ASGI: text


def server_address(request: Request, settings: Settings) -> str:
    """What an SDK is to be pointed at, such as `https://events.example.com/mixpanel`."""
    host = request.headers.get("host") or f"{settings.host}:{settings.port}"
    return f"{scheme(request, settings)}://{host}{settings.path_prefix}"
