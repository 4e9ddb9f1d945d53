"""Java's own HTTP client, which offers HTTP/2 with every request on plain http, is served at every endpoint."""

import subprocess
from collections import Counter
from pathlib import Path

from tests.support.server import Project, Server

SOURCE = Path(__file__).with_name("OffersHttp2.java")
MANY = 40
ALONE = {"one", "two", "form", "large", "chunks", "expect", "import"}


def test_what_java_sends_with_an_offer_of_http2_is_stored(server: Server, project: Project) -> None:
    command = ["java", str(SOURCE), server.url, project.token, project.secret]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    replies = Counter(line.split(" ", 2)[0] + " " + line.split(" ", 2)[1] for line in ended.stdout.splitlines())
    names = ("track", "again", "form", "large", "chunks", "expect", "import", "engage", "groups", "query", "table")
    assert replies == {**{f"{name} 200": 1 for name in names}, "many 200": MANY}, ended.stdout
    taken = [line for line in ended.stdout.splitlines() if line.endswith((" 1", '"status":1}', '"status":"OK"}'))]
    assert len(taken) >= len(names) - 2 + MANY, ended.stdout
    lines = server.export_when(project, len(ALONE) + MANY)
    assert {line["properties"]["$insert_id"] for line in lines} == ALONE | {f"many-{each}" for each in range(MANY)}
