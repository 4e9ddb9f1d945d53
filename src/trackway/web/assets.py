"""The style sheet and the scripts: a few small files in memory, each with the digest of its content.

A page names them with that digest, so a browser caches them for good. A module that another module imports is named
without the digest, and a browser validates it with its etag.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

PATH: Final = "/static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class _Asset(NamedTuple):
    body: bytes
    content_type: str
    version: str


def _read(path: Path) -> _Asset:
    body = path.read_bytes()
    return _Asset(body, _TYPES[path.suffix], blake2b(body, digest_size=8).hexdigest())


_ASSETS: Final = {path.name: _read(path) for path in (Path(__file__).parent / "static").iterdir()}


def versioned(name: str) -> str:
    """The path of an asset below PATH, with its digest. Raises KeyError when there is none."""
    return f"{PATH}/{name}?v={_ASSETS[name].version}"


async def serve_asset(request: Request) -> Response:
    asset = _ASSETS.get(request.path_params["name"])
    if asset is None:
        raise HTTPException(404)
    etag = f'"{asset.version}"'
    lasting = request.query_params.get("v") == asset.version
    headers = {
        "etag": etag,
        "cache-control": "public, max-age=31536000, immutable" if lasting else "no-cache",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(asset.body, headers=headers, media_type=asset.content_type)
