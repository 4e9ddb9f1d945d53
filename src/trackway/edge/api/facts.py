"""`/api/app/facts`: how far a project's facts are, a request to build them anew, and their check against the events.

The check is asked for step by step: first which steps there are, then each of them. So no request takes long, and who
asks knows how much is left.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from trackway.domain.errors import RequestError, StorageError
from trackway.edge.api.endpoint_shell import Asked, Command, Query, Shell
from trackway.edge.api.reports.parameters import day
from trackway.edge.limits import FACTS_BODY_BYTES_MAX, FACTS_PIECES_MAX
from trackway.edge.wire.asgi import check_json
from trackway.edge.wire.parameter_tables import FACTS, FACTS_COMPARE, FACTS_REBUILD, FACTS_STEPS
from trackway.edge.wire.parameters import Parameters, whole_number
from trackway.edge.wire.replies import JSON, Reply
from trackway.edge.wire.streaming import refusal
from trackway.projects.project import Project
from trackway.projects.roles import Right
from trackway.query.facts_check import compare, steps
from trackway.query.facts_state import FactsState, ask_for_rebuild, state_of
from trackway.query.sql.facts_check import Step
from trackway.store.reader import Readers

PATH = "/api/app/facts"
REBUILD_PATH = f"{PATH}/rebuild"
STEPS_PATH = f"{PATH}/steps"
COMPARE_PATH = f"{PATH}/compare"


class _Wanted(NamedTuple):
    """A step of a project's check."""

    project_id: int
    step: Step


def _project_id(_: Parameters, project: Project) -> int:
    return project.project_id


def _read_step(parameters: Parameters, project: Project) -> _Wanted:
    from_date, to_date = day(parameters, "from_date"), day(parameters, "to_date")
    if from_date > to_date:
        raise RequestError(400, "from_date must not be after to_date")
    pieces = whole_number(parameters, "pieces", 1, FACTS_PIECES_MAX) or 1
    piece = whole_number(parameters, "piece", 0, pieces - 1) or 0
    return _Wanted(project.project_id, Step(from_date.isoformat(), to_date.isoformat(), piece, pieces))


async def _shown(readers: Readers, project_id: int) -> dict[str, Any]:
    return _state(await state_of(readers.api, project_id))


async def _steps(readers: Readers, project_id: int) -> dict[str, Any]:
    found = await steps(readers.api, project_id)
    if found is None:
        raise _incomplete()
    return {"status": "ok", "steps": [step._asdict() | {"events": number} for step, number in found]}


async def _compared(readers: Readers, wanted: _Wanted) -> dict[str, Any]:
    found = await compare(readers.api, wanted.project_id, wanted.step)
    if found is None:
        raise _incomplete()
    return {"status": "ok"} | found._asdict() | {"differences": [each._asdict() for each in found.differences]}


def _never(_: object) -> bool:
    """Questions of an operator do not count towards the exports of the hour."""
    return False


SHOW = Query(FACTS, Right.REBUILD, "facts", _project_id, _shown, is_counted=_never)
STEPS = Query(FACTS_STEPS, Right.REBUILD, "facts", _project_id, _steps, is_counted=_never)
COMPARE = Query(FACTS_COMPARE, Right.REBUILD, "facts", _read_step, _compared, is_counted=_never)


def rebuild(shell: Shell, readers: Readers) -> Command:
    async def run(asked: Asked) -> Reply:
        check_json(asked.request.scope)
        try:
            await ask_for_rebuild(readers.api, asked.project.project_id)
            shell.access.note(asked.request.scope, "facts rebuilt", asked.project, "")
            state = await state_of(readers.api, asked.project.project_id)
        except StorageError as error:
            raise refusal(error, "facts", needy="") from error
        return Reply(200, JSON, orjson.dumps(_state(state)))

    return Command(FACTS_REBUILD, Right.REBUILD, run, body_bytes_max=FACTS_BODY_BYTES_MAX)


def _incomplete() -> RequestError:
    return RequestError(409, "the facts are being built: reports read the events meanwhile, try again when they are")


def _state(state: FactsState) -> dict[str, Any]:
    changed = state.changed_s and f"{datetime.fromtimestamp(state.changed_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {
        "status": "ok",
        "state": "complete" if state.is_complete else "building",
        "events": state.events,
        "behind": state.behind,
        "percent": state.percent,
        "changed": changed,
    }
