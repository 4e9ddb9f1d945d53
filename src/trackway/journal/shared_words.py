"""Words of 64 bits in a mapped file, which all processes of a machine share.

Each word is aligned, so a reader without a lock never sees half of a change. Unrelated processes find the file by its
name. It is no durable cursor: a start sets every word. Its blocks must be allocated before it is mapped, since a store
would otherwise raise SIGBUS on a full disk.
"""

import mmap
import os
from pathlib import Path
from typing import Final

from trackway.domain.errors import StorageError

FILE_BYTES: Final = 4096
MAGIC_WORD: Final = 0
LOADED: Final = 4
HEARTBEAT: Final = 5
FAILING: Final = 7


class SharedWords:
    """The words of one file, of which the loader sets three (`journal.log.Progress`). Others are the subclass's.

    Raises StorageError if the file is missing or invalid: a start makes it.
    """

    def __init__(self, path: Path, magic: int):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f"the journal's {path} cannot be opened: {error.strerror}") from error
        try:
            if os.fstat(file).st_size != FILE_BYTES:
                raise StorageError(f"the journal's {path} is not {FILE_BYTES} bytes long")
            self._map = mmap.mmap(file, FILE_BYTES)
        finally:
            os.close(file)
        self._words = memoryview(self._map).cast("Q")
        if self._words[MAGIC_WORD] != magic:
            self.close()
            raise StorageError(f"the journal's {path} is of another version")

    def close(self) -> None:
        self._words.release()
        self._map.close()

    @property
    def loaded(self) -> int:
        """Position before which every record is in the store. The loader sets it; 0 before that."""
        return self._words[LOADED]

    @loaded.setter
    def loaded(self, position: int) -> None:
        self._words[LOADED] = position

    @property
    def heartbeat_ms(self) -> int:
        """The loader's last heartbeat, in milliseconds since the epoch; 0 before the first."""
        return self._words[HEARTBEAT]

    @heartbeat_ms.setter
    def heartbeat_ms(self, now_ms: int) -> None:
        self._words[HEARTBEAT] = now_ms

    @property
    def failing(self) -> bool:
        """Whether the loader's last try failed, or it has not tried yet."""
        return bool(self._words[FAILING])

    @failing.setter
    def failing(self, failing: bool) -> None:
        self._words[FAILING] = failing
