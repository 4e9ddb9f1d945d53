"""A running server whose store the tests can read: what became of profiles, row by row."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.server import Project, Server, running_server
from tests.support.store.process import migrated_store
from trackway.store.client import Store

_PROFILES = (
    "SELECT project_id, group_key, profile_id, properties FROM profiles FINAL"
    " WHERE has({project_ids:Array(UInt32)}, project_id)"
)
Profiles = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True)
class ProfileServer:
    """A server over a store process of the test's own."""

    server: Server
    store: Store

    def wait_loaded(self) -> None:
        """Return once all that was acknowledged before is in the store and counts."""
        self.server.wait_loaded()

    def profiles_of(self, project: Project) -> Profiles:
        """The properties of each profile, by group key (empty for a user's) and id, once all that was acknowledged
        before is loaded."""
        self.wait_loaded()
        return self.profiles_now([project])[project.project_id]

    def profiles_now(self, projects: Sequence[Project]) -> dict[int, Profiles]:
        """The same of several projects, by project id, without waiting."""
        found: dict[int, Profiles] = {project.project_id: {} for project in projects}
        for project_id, group_key, profile_id, text in self.store.query(_PROFILES, {"project_ids": list(found)}):
            found[project_id][group_key, profile_id] = json.loads(text)
        return found

    def rejections_of(self, project: Project) -> list[tuple[int, str, str, bytes]]:
        """Endpoint, field, reason and original bytes of each rejected record, in the order of their arrival."""
        self.wait_loaded()
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
        migrated_store(directory / "store") as running,
        closing(Store(running.url)) as store,
        running_server(directory / "data", "--store-url", running.url, *arguments) as server,
    ):
        yield ProfileServer(server, store)
