"""Facts that a question could not read: they stop to count, so that the question is answered from the events.

A part may be damaged while the store runs. The engine then fails with what needs it. Facts are a copy, so a rebuild is
asked for: reports read the events from then on, and the compactor notes the damage and builds the facts anew.
"""

from typing import Any, Final

from trackway.query.facts_state import ask_for_rebuild, facts_of
from trackway.query.sql.facts import PARTS
from trackway.query.sql.segments import TABLES, Facts
from trackway.store.errors import UNREADABLE_CODES, StoreError
from trackway.store.part_check import NO_SUCH_PART_CODES, check_of
from trackway.store.reader import Reader
from trackway.telemetry import logs

_log: Final = logs.get("edge")


async def may_ask_again(reader: Reader, project_id: int, error: BaseException | None) -> bool:
    """Whether a question of a project that failed with this error may be answered when it is asked again, because the
    facts that it could not read do not count any more. Reads all facts if the error is of a file."""
    if not isinstance(error, StoreError) or error.code not in UNREADABLE_CODES:
        return False
    try:
        facts = await facts_of(reader, project_id)
        if facts is None:  # another question has been here, or the compactor
            return True
        if not (fault := await _fault(reader, project_id, facts)):
            return False
        await ask_for_rebuild(reader, project_id)
    except StoreError:  # the first error says more
        return False
    _log.error("facts cannot be read, reports read the events until they are built anew", fault=fault)
    return True


async def _fault(reader: Reader, project_id: int, facts: Facts) -> str:
    """The fault of a part of facts, '' if all are whole."""
    asked: dict[str, Any] = {
        "tables": list(TABLES),
        "partitions": [f"{project_id}-{number}" for number in facts.numbers],
    }
    for table, name in await reader.rows(project_id, PARTS, asked):
        if fault := await _fault_of(reader, project_id, table, name):
            return f"{name} of {table}: {fault}"
    return ""


async def _fault_of(reader: Reader, project_id: int, table: str, name: str) -> str:
    try:
        checked = await reader.rows(project_id, check_of(table, name))
    except StoreError as error:
        if error.code in NO_SUCH_PART_CODES:  # merged meanwhile, and the merge has read it
            return ""
        raise
    return "; ".join(fault or "not whole" for _, is_whole, fault in checked if not is_whole)
