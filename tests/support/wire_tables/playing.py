"""Playing whole tables: every row is sent first, each to a project of its own, and only then is any export read.

So the tables wait for the loader once, not once a row. `assert_reply` and `assert_stored` are what the tests call.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from tests.support.http.exchange import Reply
from tests.support.profile_server import ProfileServer
from tests.support.server import Project, Server
from tests.support.wire_tables.row import Case, Played, Window, check_line


@dataclass(frozen=True)
class Performance:
    """A row that was sent: what its placeholders meant, when it was, and the reply (or why there is none)."""

    played: Played
    window: Window
    reply: Reply | Exception


class Table:
    """The rows of one module, played once against a running server."""

    def __init__(self, server: Server, projects: Sequence[Project], cases: Sequence[Case]):
        assert len({case.name for case in cases}) == len(cases), "two rows of one name"
        now_s = int(time.time())
        self._server = server
        self._performances = {
            case.name: _perform(server, case, Played(project, now_s))
            for case, project in zip(cases, projects, strict=True)
        }
        server.wait_loaded()

    def assert_reply(self, case: Case) -> None:
        """The reply has the status, body and headers of the row."""
        performance = self._performances[case.name]
        if isinstance(performance.reply, Exception):
            raise performance.reply
        case.check_reply(performance.played, performance.reply)

    def assert_stored(self, case: Case) -> None:
        """The export of the row's project shows the lines of the row, and no others."""
        performance = self._performances[case.name]
        wanted = json.loads(performance.played.fill(json.dumps(case.stored)))
        lines = self._server.export(performance.played.project)
        assert len(lines) == len(wanted), f"{len(lines)} lines exported, {len(wanted)} expected: {lines}"
        in_order = sorted(lines, key=_place)
        for expected, line in zip(sorted(wanted, key=_place), in_order, strict=True):
            check_line(expected, line, performance.window)


class ProfileTable(Table):
    """The same for rows whose `stored` are profiles (`cases_profiles.profile`)."""

    def __init__(self, profile_server: ProfileServer, projects: Sequence[Project], cases: Sequence[Case]):
        super().__init__(profile_server.server, projects, cases)
        profile_server.wait_loaded()
        self._profiles = profile_server.profiles_now(projects)

    def assert_stored(self, case: Case) -> None:
        """The store holds the profiles of the row, and no others."""
        played = self._performances[case.name].played
        profiles = json.loads(played.fill(json.dumps(case.stored)))
        wanted = {(each["group_key"], each["id"]): each["properties"] for each in profiles}
        assert _exact(self._profiles[played.project.project_id]) == _exact(wanted)


def _exact(profiles: Mapping[tuple[str, str], Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """As text, so that 1, 1.0 and true differ; properties have no order."""
    return {key: json.dumps(properties, sort_keys=True) for key, properties in profiles.items()}


def _place(line: dict[str, dict[str, object]]) -> str:
    return json.dumps(line["properties"].get("row", line["event"]))


def _perform(server: Server, case: Case, played: Played) -> Performance:
    request = case.request(played)
    sent_ms = time.time_ns() // 1_000_000
    reply: Reply | Exception
    try:
        reply = server.ask(request)
    except (OSError, HTTPException) as error:
        reply = error
    return Performance(played, Window(sent_ms, time.time_ns() // 1_000_000), reply)
