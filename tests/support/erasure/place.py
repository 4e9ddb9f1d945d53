"""A journal, a store and a projects database, and what of a person can be read in any of them."""

import threading

from tests.support.ingest.bodies import PROJECTS
from tests.support.loader.story import Place
from tests.support.projects.migrated import migrated_file
from trackway.compaction.compactor import Compactor
from trackway.domain.erased_id import KEY_BYTES
from trackway.erasure.deletion import Deletion
from trackway.erasure.worker import Worker
from trackway.projects.person_task import PersonTask
from trackway.projects.person_task_table import PersonTasks
from trackway.store.client import Store

_TABLES = """
SELECT name FROM system.tables WHERE database = currentDatabase() AND name NOT LIKE 'erasure%' ORDER BY name"""


class ErasurePlace:
    """`place` with what erases there. Its worker runs turn by turn."""

    def __init__(self, place: Place, stop: threading.Event):
        self.place = place
        self.store = Store(place.url)
        self.projects_at = place.settings.data_dir / "projects.db"
        self.database = migrated_file(self.projects_at)
        for number in range(max(project.project_id for project in PROJECTS.values())):
            self.database.create(f"project {number}", "us")
        self.tasks = PersonTasks(self.database)
        self.compactor = Compactor(self.store, place.journal.progress(), stop, lambda: True)
        self.stop = stop

    def worker(self, store: Store | None = None) -> Worker:
        """A new worker, as after a restart of its process."""
        deletion = Deletion(store or self.store, bytes(KEY_BYTES), self.stop)
        progress = self.place.journal.progress()
        return Worker(
            self.projects_at, "us", deletion, self.place.erased, self.compactor, progress, self.stop, lambda: True
        )

    def compact(self, turns: int = 12) -> None:
        """Build facts."""
        for _ in range(turns):
            self.compactor.turn()

    def ask(self, project_id: int, *ids: str) -> PersonTask:
        return self.tasks.ask("deletion", project_id, ids, "somebody")

    def again(self, task: PersonTask) -> PersonTask:
        """The task as it is now."""
        return self.tasks.one(task.kind, task.project_id, task.task_id)

    def erase(self, project_id: int, *ids: str) -> PersonTask:
        """Erase persons, with as many turns as it takes."""
        task = self.ask(project_id, *ids)
        self.worker().turn()
        for _ in range(5):
            if (task := self.again(task)).has_ended:
                return task
            self.compact(3)
            self.worker().turn()
        raise AssertionError(f"the task does not end: {task}")

    def read_out(self) -> dict[str, list[str]]:
        """Every row of every table as text, without those of the erasures themselves."""
        found: dict[str, list[str]] = {}
        for (table,) in self.store.query(_TABLES):
            with_lines = b"".join(self.store.stream(f"SELECT * FROM {table}", None, "JSONCompactEachRow"))
            found[table] = sorted(with_lines.decode(errors="replace").split("\n")[:-1])
        return found

    def close(self) -> None:
        self.store.close()
