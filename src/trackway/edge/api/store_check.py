"""`/api/app/store`: what `trackway store check` asks besides the facts.

`/events` holds the events of a project against the counts of its loads. The others are about the whole store, so the
operator alone may ask them: a command on the server's own machine.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import orjson

from trackway.domain.errors import RequestError, StorageError
from trackway.edge.access.change_queue import Changes, Opened
from trackway.edge.access.operator import Operator
from trackway.edge.api.endpoint_shell import Asked, Command, Shell
from trackway.edge.wire.parameter_tables import STORE, STORE_EVENTS, STORE_PART, Table
from trackway.edge.wire.replies import JSON, Reply
from trackway.edge.wire.streaming import refusal
from trackway.journal.log import Progress
from trackway.projects.roles import Right
from trackway.query.damage_log import Damaged, damaged
from trackway.query.store_parts import Detached, cursors_of, detached_parts, part_fault, store_parts
from trackway.query.stored_events import Removed, aged_events, stored_events
from trackway.store.reader import Readers

PATH: Final = "/api/app/store"
PART_PATH: Final = f"{PATH}/part"
EVENTS_PATH: Final = f"{PATH}/events"
_EVENTS: Final = "events"
_NAME: Final = re.compile(r"[0-9A-Za-z_-]{1,255}")


class StoreCheck:
    """The handlers of these paths."""

    def __init__(self, shell: Shell, readers: Readers, changes: Changes, operator: Operator, progress: Progress):
        self._shell = shell
        self._readers = readers
        self._changes = changes
        self._operator = operator
        self._progress = progress

    def state(self) -> Command:
        """Faults of the store that are known without reading it, and the parts that are to be read."""
        return self._command(STORE, self._state)

    def part(self) -> Command:
        """The fault of one part, which is read."""
        return self._command(STORE_PART, self._part)

    def events(self) -> Command:
        return self._command(STORE_EVENTS, self._of_project)

    def _command(self, table: Table, answer: Callable[[Asked], Awaitable[dict[str, Any]]]) -> Command:
        async def run(asked: Asked) -> Reply:
            try:
                return Reply(200, JSON, orjson.dumps({"status": "ok"} | await answer(asked)))
            except StorageError as error:
                raise refusal(error, "store check", needy="") from error

        return Command(table, Right.REBUILD, run)

    async def _state(self, asked: Asked) -> dict[str, Any]:
        self._require_operator(asked)
        reader = self._readers.api
        cursors = await cursors_of(reader, len(self._progress.partitions))
        ends = self._progress.ends()  # after the cursors, which never pass them
        faults = journal_faults(cursors, ends, failing=self._progress.failing)
        faults += [fault for each in await damaged(reader, 0) if (fault := damage_fault(each))]
        faults += [_detached(each) for each in await detached_parts(reader)]
        parts = [each._asdict() for each in await store_parts(reader)]
        lags = [each.lag_bytes(cursor) for each, cursor in zip(self._progress.partitions, cursors, strict=True)]
        journal: dict[str, Any] = {"synced": max(ends), "lag_bytes": sum(lags)}
        if len(ends) > 1:
            names = ("cursor", "synced", "lag_bytes")
            journal["partitions"] = [
                dict(zip(names, each, strict=True)) for each in zip(cursors, ends, lags, strict=True)
            ]
        return {"cursor": max(cursors), "journal": journal, "faults": faults, "parts": parts}

    async def _part(self, asked: Asked) -> dict[str, Any]:
        self._require_operator(asked)
        table, name = (asked.parameters.get(each, "") for each in ("table", "part"))
        for title, text in (("table", table), ("part", name)):
            if not _NAME.fullmatch(text):
                raise RequestError(400, f"{title} must be a name of letters, digits, _ and -")
        return {"fault": await part_fault(self._readers.reports, table, name)}

    async def _of_project(self, asked: Asked) -> dict[str, Any]:
        project_id = asked.project.project_id
        author = self._shell.access.author(asked.request.scope)
        erased = Removed(*await self._changes.run(partial(_erased, project_id), author))
        aged = await aged_events(self._readers.reports, project_id)
        counted = await stored_events(self._readers.reports, project_id)
        is_under_way = erased.is_under_way or aged.is_under_way
        fault = "" if is_under_way else counted.fault(erased.events + aged.events)
        removed = {"erased": erased.events, "aged": aged.events, "removing": is_under_way}
        return counted._asdict() | removed | {"fault": fault}

    def _require_operator(self, asked: Asked) -> None:
        if not self._operator.sent(asked.request.scope):
            raise RequestError(403, "the whole store is checked by `trackway store check` on the server's machine")


def _erased(project_id: int, opened: Opened) -> tuple[int, bool]:
    return opened.person_tasks.erased(project_id, _EVENTS)


def journal_faults(cursors: Sequence[int], ends: Sequence[int], *, failing: bool) -> list[str]:
    """What is wrong between the store and the journal, whose partitions are loaded and end at these positions."""
    found = [
        f"the store has loaded up to position {cursor}, and the journal ends at {end}: it is not the journal"
        " that was loaded; see docs/operations/backup.md"
        for cursor, end in zip(cursors, ends, strict=True)
        if cursor > end
    ]
    if failing:
        found.append("the loader cannot load: the server's log says why")
    return found


def damage_fault(found: Damaged) -> str:
    """What is still wrong about damage; '' where all of it was loaded again."""
    parts = [f"{found.lost} rows of {found.place} are lost"] if found.lost else []
    if found.unknown:
        parts.append(f"rows of {found.unknown} parts of {found.place} are lost, nobody knows how many")
    if found.pending:
        parts.append(f"{found.pending} parts of {found.place} are not loaded again yet")
    return ", ".join(parts)


def _detached(part: Detached) -> str:
    table, name = part
    return f"part {name} of {table} was taken out: ALTER TABLE {table} ATTACH PART '{name}' puts it back"
