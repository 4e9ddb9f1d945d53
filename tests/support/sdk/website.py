"""A website that uses the real browser SDK, served on an origin of its own: to it, the server is another site.

`website()` gives its address. `/` loads the SDK as a bundler would put it there, `/snippet` as the loader snippet does
that most sites paste into their pages, and `/modules` lets modules import it by its name; any query string is welcome,
and `/other` is a page without the SDK.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_HERE = Path(__file__).parent
_SDK = _HERE.parents[2] / "node_modules" / "mixpanel-browser" / "dist"
_HTML, _SCRIPT = "text/html; charset=utf-8", "text/javascript; charset=utf-8"
_BUNDLED = '<script src="/mixpanel.umd.js"></script>'
_SNIPPET = (
    '<script>var MIXPANEL_CUSTOM_LIB_URL = "/mixpanel.min.js";</script>'
    '<script src="/mixpanel-jslib-snippet.min.js"></script>'
)


_MODULES = '<script type="importmap">{"imports": {"mixpanel-browser": "/mixpanel.module.js"}}</script>'


def _html(head: str) -> bytes:
    page = f'<!doctype html><title>Shop</title>{head}<script src="/page.js"></script><body>Shop</body>'
    return page.encode()


def _contents() -> dict[str, tuple[str, bytes]]:
    """Content type and bytes of each path."""
    scripts = ("mixpanel.umd.js", "mixpanel.module.js", "mixpanel.min.js", "mixpanel-jslib-snippet.min.js")
    return {
        "/": (_HTML, _html(_BUNDLED)),
        "/snippet": (_HTML, _html(_SNIPPET)),
        "/modules": (_HTML, _html(_MODULES)),
        "/other": (_HTML, _html("")),
        "/favicon.ico": ("image/x-icon", b""),
        "/page.js": (_SCRIPT, (_HERE / "page.js").read_bytes()),
        **{f"/{name}": (_SCRIPT, (_SDK / name).read_bytes()) for name in scripts},
    }


@contextlib.contextmanager
def website(heads: Mapping[str, str] | None = None) -> Iterator[str]:
    """Its origin, as long as the context lasts. `heads`: further pages by their path, and what is in their head."""
    contents = _contents() | {path: (_HTML, _html(head)) for path, head in (heads or {}).items()}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = contents.get(urlsplit(self.path).path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what a test prints."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05}, name="website")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
