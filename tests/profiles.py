"""A running server whose store the tests can read: what became of profiles, row by row."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.running import Project, Server, running_server
from tests.store.running import running_store

from trackway.store.client import Store

_PROFILES = "SELECT group_key, profile_id, properties FROM profiles FINAL WHERE project_id = {project_id:UInt32}"

Profiles = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True)
class ProfileServer:
    """A server over a store process of the test's own."""

    server: Server
    store: Store

    def profiles_of(self, project: Project) -> Profiles:
        """The properties of each profile, by group key (empty for a user's) and id, once all that was acknowledged
        before is loaded."""
        self.server.wait_loaded()
        return self.profiles_now(project)

    def profiles_now(self, project: Project) -> Profiles:
        """The same without waiting."""
        rows = self.store.query(_PROFILES, {"project_id": project.project_id})
        return {(group_key, profile_id): json.loads(properties) for group_key, profile_id, properties in rows}

    def rejections_of(self, project: Project) -> list[tuple[int, str, str, bytes]]:
        """Endpoint, field, reason and original bytes of each rejected record, in the order of their arrival."""
        self.server.wait_loaded()
        sql = (
            "SELECT toUInt8(endpoint), field, reason, hex(original) FROM rejected_records FINAL"
            " WHERE project_id = {project_id:UInt32} ORDER BY position, index"
        )
        rows = self.store.query(sql, {"project_id": project.project_id})
        return [(int(endpoint), field, reason, bytes.fromhex(original)) for endpoint, field, reason, original in rows]


@contextmanager
def running_profile_server(directory: Path) -> Iterator[ProfileServer]:
    """`trackway serve` with two workers on a store of its own below `directory`."""
    arguments = ("--workers", "2", "--redirect-hosts", "example.com")
    with (
        running_store(directory / "store") as running,
        closing(Store(running.url)) as store,
        running_server(directory / "data", "--store-url", running.url, *arguments) as server,
    ):
        yield ProfileServer(server, store)
