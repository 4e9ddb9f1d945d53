"""Tasks about persons: to erase them, to hand out what is stored of them, or to erase all of a deleted project. Values
and their rules, without a database.

The states are Mixpanel's. PENDING: it may be cancelled. STARTED: it is under way. SUCCESS and FAILURE: it has ended.
REVOKED: it was cancelled. A task keeps the ids that were asked for until its day is over and it has ended. Then it
keeps their keyed hashes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from trackway.domain.choice import chosen
from trackway.domain.errors import InvalidInput, StateError
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.domain.limits import DISTINCT_ID_CHARACTERS_MAX
from trackway.projects.limits import ERASED_IDS_MAX, HANDED_OUT_IDS_MAX

Kind = Literal["deletion", "retrieval", "project"]
State = Literal["PENDING", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]
COMPLIANCE: Final = ("GDPR", "CCPA")
DISCLOSURE: Final = ("Data", "Categories", "Sources")
_ID_CHARACTERS_MAX: Final = len(DEVICE_PREFIX) + DISTINCT_ID_CHARACTERS_MAX
_IDS_MAX: Final[Mapping[str, int]] = {"deletion": ERASED_IDS_MAX, "retrieval": HANDED_OUT_IDS_MAX}


class TaskBegun(StateError):
    """The task has begun or ended, so it cannot be cancelled."""


@dataclass(frozen=True, slots=True)
class PersonTask:
    """One task. Times are milliseconds since the epoch; `until_ms` is the end of its day.

    `ids`: those that were asked for, or with `has_ids` false their keyed hashes. `report` has what was counted.
    """

    task_id: int
    project_id: int
    kind: Kind
    state: State
    compliance: str
    disclosure: str
    requester: str
    ids: Sequence[str]
    has_ids: bool
    id_count: int
    asked_at_ms: int
    starts_at_ms: int
    until_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    report: Mapping[str, Any]

    @property
    def has_ended(self) -> bool:
        return self.state not in ("PENDING", "STARTED")


def check_ids(kind: Kind, ids: Sequence[str]) -> list[str]:
    """The ids of a task, each once. Raises InvalidInput."""
    most = _IDS_MAX[kind]
    if not 1 <= len(ids) <= most:
        raise InvalidInput(f"distinct_ids must be 1 to {most} ids")
    for id in ids:
        if not 1 <= len(id) <= _ID_CHARACTERS_MAX:
            raise InvalidInput(f"distinct_ids must be 1 to {_ID_CHARACTERS_MAX} characters each")
        try:
            id.encode()
        except UnicodeEncodeError as error:
            raise InvalidInput("distinct_ids must be text that UTF-8 can hold") from error
    return list(dict.fromkeys(ids))


def check_compliance(text: str) -> str:
    """Raises InvalidInput."""
    return chosen(text, COMPLIANCE, "compliance_type")


def check_disclosure(text: str) -> str:
    """Raises InvalidInput."""
    return chosen(text, DISCLOSURE, "disclosure_type")
