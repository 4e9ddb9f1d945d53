"""Requests about lookup tables, as any HTTP client sends them."""

import json
from urllib.parse import quote

from tests.support.http.exchange import Request
from tests.support.server import Project, basic

Header = tuple[str, str]
PATH = "/lookup-tables"
CSV = ("Content-Type", "text/csv")
GZIP = ("Content-Encoding", "gzip")
OK = b'{"code":200,"status":"OK"}'


def listing(project: Project) -> Request:
    return Request("GET", PATH, (basic(project.secret),))


def creating(project: Project, name: str) -> Request:
    return Request("POST", f"{PATH}?name={quote(name, safe='')}", (basic(project.secret),))


def replacing(project: Project, table_id: str, csv: bytes, *headers: Header, chunk_bytes: int = 0) -> Request:
    return Request("PUT", f"{PATH}/{table_id}", (basic(project.secret), CSV, *headers), csv, chunk_bytes)


def deleting(project: Project, table_id: str) -> Request:
    return Request("DELETE", f"{PATH}/{table_id}", (basic(project.secret),))


def refused(message: str, status: int = 400, phrase: str = "Bad Request") -> bytes:
    return b'{"code":%d,"error":%b,"status":"%b"}' % (status, json.dumps(message).encode(), phrase.encode())


def failed(*rows: tuple[int, str]) -> bytes:
    named = ",".join(f'{{"index":{row},"message":{json.dumps(message)}}}' for row, message in rows)
    return (
        '{"code":400,"error":"Some data points in the request failed validation.","status":"Bad Request",'
        f'"failed_records":[{named}]}}'
    ).encode()
