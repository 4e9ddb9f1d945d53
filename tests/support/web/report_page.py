"""Pages of reports without a browser: their addresses, texts, CSV, and the command that they show."""

import csv
import io
import json
import re
import shlex
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.http.encodings import JSON
from tests.support.http.exchange import Request
from tests.support.server import Project, Server, basic
from tests.support.web.visitor import Visit


def address(project: Project, path: str, **fields: Any) -> str:
    """The address of a page below a project; a list is a field that comes several times."""
    return f"/app/projects/{project.project_id}{path}?{urlencode(fields, doseq=True)}"


def shown(visit: Visit, address: str) -> str:
    """The HTML of a page that must be a 200."""
    reply = visit.get(address)
    assert reply.status == 200, reply
    return reply.body.decode()


def csv_rows(visit: Visit, address: str) -> list[dict[str, str]]:
    """The rows of a CSV by the names of its head."""
    reply = visit.get(address)
    assert reply.status == 200, reply
    assert "text/csv" in dict(reply.headers)["content-type"]
    return list(csv.DictReader(io.StringIO(reply.body.decode(), newline="")))


def sql_shown(page: str) -> str:
    """The statements that a page shows."""
    found = re.search(r'id="sql"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert found
    return unescape(found[1])


def answer_to_curl(server: Server, project: Project, page: str) -> Any:
    """The API's answer to the command that a page shows."""
    found = re.search(r'id="curl"[^>]*>(.*?)</pre>', page, re.DOTALL)
    assert found
    words = shlex.split(unescape(found[1]))
    assert words[:3] == ["curl", "-u", "<secret>:"]
    target, body = urlsplit(words[3]).path, words[words.index("-d") + 1]
    reply = server.ask(Request("POST", target, (basic(project.secret), JSON), body.encode()))
    assert reply.status == 200, reply
    return json.loads(reply.body)
