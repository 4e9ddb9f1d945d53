"""The bookmark that a report names by its id."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from trackway.domain.errors import RequestError
from trackway.edge.api.reports.bookmarks.cohorts import cohort_asked, condition_of
from trackway.edge.api.reports.bookmarks.documents import Bookmark
from trackway.edge.api.reports.bookmarks.filters import Cohorts
from trackway.edge.api.reports.bookmarks.strict_json import strict_json
from trackway.edge.wire.parameters import Parameters, whole_number
from trackway.projects.project import Project
from trackway.projects.saved import Bookmark as SavedReport
from trackway.projects.saved import UnknownSaved
from trackway.query.sql.cohort import Condition

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

Question = TypeVar("Question")
_ID_MAX = 2**31 - 1


class Named(NamedTuple, Generic[Question]):
    """A bookmark that needs what the project has saved: `read` makes a question of it. `given` is the bookmark itself,
    None for the one that is saved under `bookmark_id`. `form` is the struct of such bookmarks, and `type` the type of
    the saved report, if one is needed."""

    project: Project
    bookmark_id: int
    given: Any
    read: Callable[[Any, Cohorts], Question]
    form: type[Any] = Bookmark
    type: str = ""


def bookmark_id_of(parameters: Parameters) -> int | None:
    """`bookmark_id`. Raises RequestError 400."""
    return whole_number(parameters, "bookmark_id", 1, _ID_MAX)


def loading(named: Named[Question]) -> Callable[["Saved"], Question]:
    """What looks up the report and its cohorts. It raises RequestError 400 for what there is not."""

    def load(saved: "Saved") -> Question:
        bookmark = named.given or _bookmark(saved, named)
        return named.read(bookmark, lambda given: _cohort(saved, named.project, given))

    return load


def _bookmark(saved: "Saved", named: Named[Any]) -> Any:
    try:
        found = saved.one(SavedReport, named.project.project_id, named.bookmark_id)
    except UnknownSaved as error:
        raise RequestError(400, f"bookmark_id {named.bookmark_id} is no saved report of this project") from error
    if named.type and found.type != named.type:
        raise RequestError(
            400, f"bookmark_id {named.bookmark_id} is a saved report of type {found.type}, not {named.type}"
        )
    return strict_json(found.params, named.form, "params")


def _cohort(saved: "Saved", project: Project, given: object) -> Condition:
    return condition_of(saved, cohort_asked(given, project, "cohort"))
