"""A lookup table as large as they may be: it is read as it comes, while events go on being answered."""

import json
import threading
import time

from tests.support.http.events import record, track
from tests.support.http.exchange import Reply
from tests.support.lookup.requests import OK, creating, replacing
from tests.support.server import Project, Server
from trackway.domain.limits import LOOKUP_TABLE_BYTES_MAX

ROW_BYTES = 20_000
GROWTH_BYTES_MAX = 64 << 20
TRACKED_MIN = 10


def test_a_table_of_100_mb_is_not_held_and_does_not_hold_up_events(server: Server, project: Project) -> None:
    server.wait_loaded()
    table_id = json.loads(server.ask(creating(project, "Large")).body)["results"][0]["id"]
    value = b"x" * (ROW_BYTES - 10)
    body = b"id,a\n" + b"".join(b"%d,%b\n" % (row, value) for row in range(LOOKUP_TABLE_BYTES_MAX // ROW_BYTES))
    assert 0.9 * LOOKUP_TABLE_BYTES_MAX < len(body) <= LOOKUP_TABLE_BYTES_MAX
    replies: list[Reply] = []
    upload = threading.Thread(target=lambda: replies.append(server.ask(replacing(project, table_id, body))))
    before = most = server.edge_bytes()
    tracked = 0
    upload.start()
    while upload.is_alive():
        track(server, record(project))
        tracked += 1
        most = max(most, server.edge_bytes())
        time.sleep(0.02)
    upload.join()
    assert [(reply.status, reply.body) for reply in replies] == [(200, OK)]
    assert most - before < GROWTH_BYTES_MAX
    assert tracked >= TRACKED_MIN
