"""A web site behind nginx, which passes what its pages send to the server: the example of deploy/proxy."""

import contextlib
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.deploy.proxies import FOLDER, nginx, until_listening
from tests.support.free_port import free_port

EXAMPLE: Final = FOLDER / "nginx-own-site.conf"
_PAGE: Final = Path(__file__).parents[3] / "docs/operations/proxy.md"
_SERVER: Final = "http://127.0.0.1:8080"


def same_site_tag() -> str:
    """The HTML in the page about proxies."""
    [tag] = re.findall(r"```html\n(.*?)\n```", _PAGE.read_text(), re.DOTALL)
    return str(tag)


@contextlib.contextmanager
def own_site(server_port: int, page: str) -> Iterator[str]:
    """The origin of a site whose nginx has the example, and whose only page is `page`."""
    example = EXAMPLE.read_text()
    assert _SERVER in example, "the example names another server"
    with tempfile.TemporaryDirectory(prefix="trackway-site-") as made:
        directory, port = Path(made), free_port()
        (directory / "site").mkdir()
        (directory / "site/index.html").write_text(page)
        directory.chmod(0o755)
        example = example.replace(_SERVER, f"http://127.0.0.1:{server_port}")
        servers = f"types {{ text/html html; }}\nserver {{\nlisten 127.0.0.1:{port};\nroot {made}/site;\n{example}}}\n"
        log = directory / "log"
        with log.open("wb") as written:
            process = subprocess.Popen(nginx(directory, servers), stdout=written, stderr=written, cwd=directory)
            with until_listening(process, port, log):
                yield f"http://127.0.0.1:{port}"
