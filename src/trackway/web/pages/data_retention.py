"""The form of the settings page for how long a project keeps its data. One that deletes something asks first."""

from starlette.responses import Response

from trackway.domain.data_age import SERVERS_WORD
from trackway.domain.errors import InvalidInput, RequestError, StorageError
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.data_retention import Wanted, preview, read_kept
from trackway.edge.wire.streaming import refusal
from trackway.projects.project import RETENTIONS
from trackway.store.reader import Readers
from trackway.web.forms import text
from trackway.web.page import Page
from trackway.web.pages import settings

YES = "yes"
"""What somebody types to delete data."""


async def change(page: Page, *, changes: Changes, shown: settings.Shown, readers: Readers) -> Response:
    number, by = page.project.project_id, page.visitor.account_id
    given = {name: text(page.form, name).strip() for name in RETENTIONS}
    try:
        kept = _read(given)
        is_confirmed = text(page.form, "typed").strip().lower() == YES
        if not is_confirmed and (asked := await _ask(page, readers, kept, given)):
            return await settings.draw(page, shown, unconfirmed=asked)
        await changes.run(lambda opened: opened.projects.change_settings(number, kept=kept, by=by), page.author)
    except RequestError as error:
        return await settings.refused(page, shown, error)
    return settings.done(page, "retention")


def _read(given: dict[str, str]) -> dict[str, int | None]:
    try:
        return read_kept({name: value or SERVERS_WORD for name, value in given.items()})
    except InvalidInput as error:
        raise RequestError(400, str(error)) from error


async def _ask(
    page: Page, readers: Readers, kept: dict[str, int | None], given: dict[str, str]
) -> settings.Unconfirmed | None:
    """What is to be confirmed, None where nothing is deleted."""
    try:
        found = await preview(readers.api, Wanted(page.project, kept), page.settings.event_retention)
    except StorageError as error:
        raise refusal(error, "retention", needy="") from error
    return settings.Unconfirmed(given, found.sentence()) if found.deletes else None
