"""`segment_by_cohorts`: saved cohorts, each of which is a segment of an answer."""

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.cohorts import CohortAsked, cohort_asked, condition_of
from trackway.edge.limits import BOOKMARK_COHORTS_MAX
from trackway.edge.wire.parameters import Parameters
from trackway.projects.project import Project
from trackway.query.sql.cohort import Condition, Not

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_NAME: Final = "segment_by_cohorts"


class Segment(NamedTuple):
    """A cohort, or with `is_out` everybody else."""

    cohort: CohortAsked
    is_out: bool

    def condition(self, saved: "Saved") -> Condition:
        """What its members meet. Raises RequestError 400."""
        found = condition_of(saved, self.cohort, _NAME)
        return Not(found) if self.is_out else found


def read_segments(parameters: Parameters, project: Project) -> dict[str, Segment]:
    """`{"7":true,"8":false}`: the members of cohort 7, and who is none of cohort 8. Empty where it is absent. Raises
    RequestError 400."""
    text = parameters.get(_NAME, "")
    if not text:
        return {}
    try:
        given = msgspec.json.decode(text, type=dict[str, bool])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RequestError(400, f'{_NAME} must be a JSON object such as {{"7":true}}: {error}') from error
    if not 1 <= len(given) <= BOOKMARK_COHORTS_MAX:
        raise RequestError(400, f"{_NAME} must be from 1 to {BOOKMARK_COHORTS_MAX} cohorts")
    return {
        name: Segment(cohort_asked({"id": name}, project, f"{_NAME}.{name[:20]}"), not belongs)
        for name, belongs in given.items()
    }
