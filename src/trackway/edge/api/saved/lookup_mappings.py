"""Properties that are mapped to lookup tables: `/api/app/projects/ID/lookup-mappings`.

Mixpanel maps a table on its page of the table. Here a PUT maps a property, anew if it is mapped already. Its table must
exist then. A mapping outlives its table, and counts again when a table of that name is made again.
"""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trackway.domain.errors import RequestError, StorageError
from trackway.domain.limits import RETRY_AFTER_STORAGE_S
from trackway.edge.access.change_queue import Changes
from trackway.edge.api.endpoint_shell import Asked, Command, Shell
from trackway.edge.api.paths_with_ids import ByMethod, found, refused
from trackway.edge.api.saved.requests import creator_of
from trackway.edge.api.service_account_requests import decode_body
from trackway.edge.limits import SAVED_BODY_BYTES_MAX
from trackway.edge.wire.asgi import check_json
from trackway.edge.wire.parameter_tables import LOOKUP_MAPPINGS
from trackway.edge.wire.replies import Reply
from trackway.lookup.versions import LookupTables
from trackway.projects.roles import Right
from trackway.projects.saved import Creator, LookupMapping, check_mapped_property
from trackway.store.reader import Reader

if TYPE_CHECKING:
    from trackway.projects.saved_table import Saved

_PATH: Final = "/projects/{project}/lookup-mappings"
_OF_USER: Final[Mapping[str, bool]] = {"event": False, "user": True}


class _Put(msgspec.Struct):
    """The body of a PUT. `resource`: whose property it is, an event's or a user's."""

    property: str
    table_id: str
    resource: str = "event"


class LookupMappings:
    """The requests, as commands of a shell. `reader` finds the tables."""

    def __init__(self, shell: Shell, changes: Changes, reader: Reader):
        self._shell = shell
        self._changes = changes
        self._tables = LookupTables(reader)

    def paths(self) -> dict[str, ByMethod]:
        """The handlers below /api/app, by path and method."""
        command = self._shell.command
        read = Command(LOOKUP_MAPPINGS, Right.READ_TABLES, self._every, refused=refused)
        put = Command(LOOKUP_MAPPINGS, Right.REPLACE_TABLES, self._put, SAVED_BODY_BYTES_MAX, refused=refused)
        remove = Command(LOOKUP_MAPPINGS, Right.REPLACE_TABLES, self._remove, refused=refused)
        return {
            _PATH: {"GET": command(read), "PUT": command(put)},
            f"{_PATH}/{{mapping}}": {"DELETE": command(remove)},
        }

    async def _every(self, asked: Asked) -> Reply:
        author = self._shell.access.author(asked.request.scope)
        all = await self._changes.run(lambda opened: opened.saved.all(LookupMapping, asked.project.project_id), author)
        return found([_shown(each) for each in all])

    async def _put(self, asked: Asked) -> Reply:
        check_json(asked.request.scope)
        body = decode_body(asked.body, _Put)
        if body.resource not in _OF_USER:
            raise RequestError(400, "resource must be event or user")
        table_id = await self._existing(asked.project.project_id, body.table_id)
        author, creator = self._shell.access.author(asked.request.scope), creator_of(asked)
        of_user, project_id = _OF_USER[body.resource], asked.project.project_id
        made = await self._changes.run(
            lambda opened: map_property(opened.saved, project_id, body.property, of_user, table_id, creator), author
        )
        return found(_shown(made))

    async def _remove(self, asked: Asked) -> Reply:
        mapping_id, project_id = asked.request.ids["mapping"], asked.project.project_id
        author = self._shell.access.author(asked.request.scope)
        await self._changes.run(lambda opened: opened.saved.delete(LookupMapping, project_id, mapping_id), author)
        return found({"id": mapping_id})

    async def _existing(self, project_id: int, text: str) -> uuid.UUID:
        """The id of a table of the project. Raises RequestError 404, and 503 when the store is away."""
        try:
            table_id = uuid.UUID(text)
            known = await self._tables.find(project_id, table_id)
        except ValueError:
            known = None
        except StorageError as error:
            message = "the store cannot be reached now"
            raise RequestError(503, message, retry_after_s=RETRY_AFTER_STORAGE_S) from error
        if known is None:
            raise RequestError(404, f"Lookup table with id '{text[:40]}' was not found.")
        return known.table_id


def map_property(
    saved: "Saved", project_id: int, property: str, of_user: bool, table_id: uuid.UUID, creator: Creator
) -> LookupMapping:
    """Map a property to a table, durable at return. Raises InvalidInput."""
    check_mapped_property(property)
    for each in saved.all(LookupMapping, project_id, property=property):
        if each.of_user is of_user:
            return saved.change(LookupMapping, project_id, each.mapping_id, {"table_id": str(table_id)})
    columns = {"property": property, "of_user": of_user, "table_id": str(table_id)}
    return saved.create(LookupMapping, project_id, columns, creator)


def _shown(mapping: LookupMapping) -> dict[str, Any]:
    return {
        "id": mapping.mapping_id,
        "property": mapping.property,
        "resource": "user" if mapping.of_user else "event",
        "table_id": mapping.table_id,
    }
