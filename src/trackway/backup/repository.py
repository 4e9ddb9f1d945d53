"""The files of all backups at one place: manifests, and the files that they name.

backups/20261130T180712345Z.json      a manifest for each backup
state/20261130T180712345Z.tar         projects, the key of erasures, definitions of tables
parts/events/202611_1_9_2-KEY.tar     a part of a table, of which several backups may consist
rows/events/202611_1_9_2.0-KEY.zst    some rows of a part, where the store is elsewhere
"""

from collections.abc import Callable, Iterable
from contextlib import closing
from typing import IO, Final

from trackway.backup import manifest as manifests
from trackway.backup.manifest import Manifest, Stored
from trackway.backup.packs import Digest, digest_of
from trackway.domain.errors import StateError
from trackway.transfer.destinations import Destination

_FOLDERS: Final = ("parts/", "rows/", "state/")


class Repository:
    """The backups at one place. Every method raises StateError."""

    def __init__(self, place: Destination):
        self.place = place

    def ids(self) -> list[str]:
        """The ids of all backups, the oldest first."""
        return sorted(found for name in self.place.names() if (found := manifests.id_in(name)))

    def read(self, backup_id: str) -> Manifest:
        """Raises StateError for one that does not exist, was changed, or is of a newer version."""
        name = manifests.name_of(backup_id)
        text = self.place.read(name)
        if text is None:
            raise StateError(f"there is no backup {backup_id}: list them with `trackway backup list`")
        return manifests.decode(name, text)

    def newest(self) -> Manifest:
        """Raises StateError where there is no backup, or the newest cannot be read."""
        if not (found := self.ids()):
            raise StateError("there is no backup there: an unfinished one has no manifest")
        return self.read(found[-1])

    def reusable(self, ids: Iterable[str]) -> dict[str, Stored]:
        """By key, the parts of these backups that are there in their whole length. Unreadable backups have none."""
        sizes, found = self.place.sizes(), dict[str, Stored]()
        for backup_id in ids:
            try:
                named = self.read(backup_id).parts
            except StateError:
                continue
            found |= {each.key: each for each in named if sizes.get(each.name) == each.bytes}
        return found

    def put(self, name: str, write: Callable[[IO[bytes]], Digest]) -> Digest:
        """Write a file, durable at return."""
        with self.place.sink(name) as file:
            return write(file)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest: from now on the backup exists."""
        self.place.write(manifests.name_of(manifest.id), manifests.encode(manifest))

    def check_sizes(self, manifest: Manifest) -> None:
        """Raise StateError unless all files of a backup are there in their length."""
        sizes = self.place.sizes()
        for each in manifest.files:
            found = sizes.get(each.name)
            if found != each.bytes:
                wrong = "is missing" if found is None else f"has {found} bytes in place of {each.bytes}"
                raise StateError(f"backup {manifest.id} is damaged: {each.name} {wrong}; take another backup")

    def check_content(self, manifest: Manifest, each: Stored) -> None:
        """Read a file, and raise StateError unless it is the one that was written."""
        with closing(self.place.open(each.name)) as file:
            check_digest(manifest, each, digest_of(file))

    def remove_old(self, keep: int) -> list[str]:
        """Remove all but the newest backups, and the files that no backup names. Returns the ids of removed backups.

        While a backup cannot be read, nobody knows which files it names, so none is removed.
        """
        ids = self.ids()
        old, kept = ids[:-keep], ids[-keep:]
        named = {each.name for backup_id in kept for each in self.read(backup_id).files}
        for backup_id in old:
            self.place.remove(manifests.name_of(backup_id))
        for name in self.place.names():
            if name.startswith(_FOLDERS) and name not in named:
                self.place.remove(name)
        return old


def check_digest(manifest: Manifest, each: Stored, found: Digest) -> None:
    """Raise StateError unless a file is the one that was written."""
    if found != Digest(each.bytes, each.sha256):
        raise StateError(f"backup {manifest.id} is damaged: {each.name} was changed; take another backup")
