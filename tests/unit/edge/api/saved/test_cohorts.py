"""A cohort that can no longer be read keeps nobody from deleting it, or from saving another."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.edge.rate_limit_processes import a_project
from trackway.domain.errors import InvalidInput
from trackway.edge.api.saved.cohorts import check_of
from trackway.projects.saved import Cohort, Made

OLD: dict[str, Any] = {"selector": {"property": "a kind of long ago"}}
GOOD: dict[str, Any] = {"selector": "true"}


def cohort(number: int, definition: dict[str, Any]) -> Cohort:
    return Cohort(number, 1, f"n{number}", "", True, json.dumps(definition), Made(0, 0, None, ""))


def naming(number: int) -> dict[str, Any]:
    return {"selector": {"property": "cohort", "value": number, "operator": "in"}}


def check(before: list[Cohort], after: list[Cohort], changed: int | None = None) -> None:
    saved: Any = SimpleNamespace(all=lambda of, project_id: before)
    check_of(saved, a_project(), changed)(after)


def test_one_of_two_that_cannot_be_read_may_be_deleted() -> None:
    check([cohort(1, OLD), cohort(2, OLD)], [cohort(2, OLD)])


def test_another_may_be_saved_beside_one_that_cannot_be_read() -> None:
    check([cohort(1, OLD)], [cohort(1, OLD), cohort(2, GOOD)])


def test_what_a_change_makes_unreadable_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cohort 2 n2: cohort 1 was not found"):
        check([cohort(1, GOOD), cohort(2, naming(1))], [cohort(2, naming(1))])
    with pytest.raises(InvalidInput, match="cohort 1 n1"):
        check([cohort(1, OLD)], [cohort(1, OLD)], changed=1)
