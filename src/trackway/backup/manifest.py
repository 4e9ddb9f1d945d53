"""The manifest of a backup: which files it is, with their digests. It is written last, so it makes the backup.

A file in JSON, with a digest of itself. What a newer version of the format says is not guessed.
"""

import re
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

import msgspec

from trackway.backup.limits import MANIFEST_BYTES_MAX
from trackway.domain.errors import StateError
from trackway.domain.position import generation_of

FORMAT: Final = 1
FOLDER: Final = "backups"
_NAME: Final = re.compile(rf"{FOLDER}/(\d{{8}}T\d{{9}}Z)\.json")


class Stored(msgspec.Struct, frozen=True):
    """A file of a backup. `key` and `rows` are those of a part of a table, `part` its name there."""

    name: str
    bytes: int
    sha256: str
    table: str = ""
    part: str = ""
    key: str = ""
    rows: int = 0


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup. Times are milliseconds since the epoch.

    `origin` is equal for all backups of one server. `kind`: whether the files of tables are parts of an embedded store,
    or rows with these `columns`. `tables`: all tables, by the ids that name their directories. `new_bytes`: what this
    backup added to its place. `migration` and `revision`: the versions of the store and of the projects database.
    """

    format: int
    id: str
    version: str
    origin: str
    began_ms: int
    ended_ms: int
    cursor: int
    end: int
    migration: int
    revision: str
    kind: str
    tables: dict[str, str]
    columns: dict[str, list[str]]
    state: Stored
    parts: list[Stored]
    new_bytes: int

    @property
    def bytes(self) -> int:
        return sum(each.bytes for each in self.files)

    @property
    def files(self) -> list[Stored]:
        return [*self.parts, self.state]

    @property
    def events(self) -> int:
        """How many events there are, about: copies that the store has not merged yet are counted, too."""
        return sum(each.rows for each in self.parts if each.table == "events")

    @property
    def journal_generation(self) -> int:
        """0 where the journal was in files."""
        return generation_of(self.cursor)


class _Sealed(msgspec.Struct, frozen=True):
    sha256: str
    manifest: msgspec.Raw


class _Format(msgspec.Struct, frozen=True):
    format: int
    version: str = "unknown"


def new_id(now_ms: int) -> str:
    """The id of a backup that begins now; ids are in the order of time."""
    return f"{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%S}{now_ms % 1000:03}Z"


def name_of(backup_id: str) -> str:
    """The name of a manifest at its place."""
    return f"{FOLDER}/{backup_id}.json"


def id_in(name: str) -> str | None:
    """The id of the backup whose manifest has this name; None for another file."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def encode(manifest: Manifest) -> bytes:
    body = msgspec.json.encode(manifest)
    return msgspec.json.encode(_Sealed(sha256(body).hexdigest(), msgspec.Raw(body))) + b"\n"


def decode(name: str, text: bytes) -> Manifest:
    """Raises StateError for a manifest that was changed, or is of a newer version."""
    if len(text) > MANIFEST_BYTES_MAX:
        raise StateError(f"{name} is too long for a manifest")
    try:
        sealed = msgspec.json.decode(text, type=_Sealed)
        if sha256(sealed.manifest).hexdigest() != sealed.sha256:
            raise StateError(f"{name} was changed after it was written: take another backup")
        known = msgspec.json.decode(sealed.manifest, type=_Format)
        if known.format > FORMAT:
            raise StateError(f"{name} was written by version {known.version} of trackway: restore with that or a later")
        return msgspec.json.decode(sealed.manifest, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StateError(f"{name} cannot be read: {error}") from error
