"""The journal as the rest of the server sees it: append, read on, trim, and progress.

These protocols are all that other folders know of a journal; `journal.open` returns an implementation. A payload is
opaque bytes. A position (`domain.position`) is an opaque integer that grows with the order of the journal: never count
bytes by subtracting positions, but ask `Progress`. Each implementation passes `tests/support/journal_conformance.py`.
"""

from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol


class Record(NamedTuple):
    """One payload and its position. The payload is a view into the buffer of its read."""

    position: int
    payload: memoryview


UNKNOWN: Final = -1


class Damage(NamedTuple):
    """A range of acknowledged records that cannot be read, from `position` on. `records` is an estimate, or UNKNOWN."""

    position: int
    bytes: int
    records: int
    reason: str


class Recovery(NamedTuple):
    """The findings of a start: bytes in the journal, unacknowledged bytes that were cut from its end, and damage."""

    size_bytes: int
    cut_bytes: int
    damage: list[Damage]


class Removed(NamedTuple):
    """What was removed: pieces (segments, for example) and their bytes."""

    pieces: int
    bytes: int


class StreamStatus(NamedTuple):
    """A stream of a journal. `fault`: why a server would refuse it, or ''; for one that does not answer the rest is
    not known. `partitions`: how many streams its journal has. `current`: replicas with all messages, the leader
    included. `bytes_max`: 0 is no bound. `first_ms`: when its first message was written; 0 if it is empty."""

    name: str
    partitions: int = 0
    generation: int = 0
    identity: str = ""
    replicas: int = 0
    current: int = 0
    leader: str = ""
    messages: int = 0
    bytes: int = 0
    bytes_max: int = 0
    first_sequence: int = 0
    last_sequence: int = 0
    first_ms: int = 0
    fault: str = ""


OnSync = Callable[[float, int, int], None]
"""Called in the event loop after each sync: its seconds, records, and payload bytes."""

Done = Callable[[int | Exception], None]
"""Called in the event loop with the position of a durable record, or with the reason why it is not durable."""

Refusal = Callable[[], str]
"""Why no payload can be accepted now; '' if one can."""

Mark = tuple[int, ...]
"""A position of each partition of a journal."""

HasRoom = Callable[[int], bool]
"""Whether the disk has room for so many bytes that the journal could do without."""


class Appender(Protocol):
    """Appends for one process. Create and use it within one running event loop."""

    @property
    def pending_bytes(self) -> int:
        """Payload bytes that were submitted and are not durable yet."""

    def append(self, payload: bytes) -> "Future[int]":
        """A future of the record's position; when it is set, the record is durable.

        Calls of one appender keep their order. StorageError: the payload is not durable, or too many bytes wait
        already. Cancelling the future does not withdraw the payload.
        """

    def submit(self, payload: bytes, done: Done) -> None:
        """Append without a future: `done` is called instead, at once if the payload is refused."""

    def check(self) -> None:
        """Raise StorageError if no payload would be accepted now. Ask before reading a body that could not be kept."""

    def call_when_free(self, callback: Callable[[], None]) -> None:
        """Call as soon as no append is in progress: the caller can put what arrives until then into one record."""

    async def close(self) -> None:
        """Finish all appends, then stop. Later appends are refused."""


def journal_of(identity: str) -> str:
    """What the identities of all partitions of one journal begin with. A partition that replaced a lost one has more
    behind a hyphen."""
    return identity.partition("-")[0]


class Source(Protocol):
    """Reads on, in order. One thread at a time.

    `damage` grows by each range of acknowledged records that was skipped because it cannot be read.
    """

    damage: list[Damage]

    @property
    def position(self) -> int:
        """Where the next read begins: a complete cursor. Everything before it was returned or is in `damage`."""

    @property
    def identity(self) -> str:
        """Which journal the positions of this generation belong to: another journal may have the same positions later.
        '' where that cannot be. See `journal_of`."""

    def read(self, bytes_max: int) -> list[Record]:
        """The next durable records: at least one, together at most `bytes_max` long; none at the end.

        A payload keeps the buffer of its whole read alive: copy it to keep it for long. Raises StorageError when the
        journal cannot be read now; then nothing is skipped.
        """

    def close(self) -> None: ...


class LoadState(Protocol):
    """What a partition and a whole journal both say of their loading. All processes see the same; reads are cheap and
    never block, but for `size_bytes`. `failing` is the loader's to set."""

    @property
    def failing(self) -> bool:
        """Whether the loader's last try failed, or it has not tried yet; of a journal, whether that is so for any
        partition."""

    @failing.setter
    def failing(self, failing: bool) -> None: ...

    @property
    def is_loaded(self) -> bool:
        """Whether every record written so far is in the store."""

    def kept_since_ms(self) -> int:
        """No kept record was written before this time, in milliseconds since the epoch; 0 if that is unknown."""

    def size_bytes(self) -> int:
        """Bytes that the records occupy. May block on a disk."""

    def close(self) -> None: ...


class PartitionProgress(LoadState, Protocol):
    """How far a partition is synced, loaded and kept. `loaded` is the loader's to set."""

    @property
    def synced(self) -> int:
        """The position before which every record is durable."""

    @property
    def loaded(self) -> int:
        """The position before which every record is in the store; 0 until the loader has begun."""

    @loaded.setter
    def loaded(self, position: int) -> None: ...

    @property
    def kept_from(self) -> int:
        """The position before which all records were removed."""

    def bytes_between(self, begin: int, end: int) -> int:
        """Bytes of the partition from one position to another: may be an estimate, and is 0 where `end` is not
        later."""

    def lag_bytes(self, position: int) -> int:
        """The same, from a position to `synced`."""


class Partition(Protocol):
    """The records of some projects, in an order of their own. A journal in files has one partition."""

    def appender(
        self, on_sync: OnSync | None = None, refusal: Refusal = str, has_room: HasRoom | None = None
    ) -> Appender:
        """Open the journal for appending, in the process and event loop that use it. Raises StorageError."""

    def source(self, position: int = 0) -> Source:
        """Read on from a position; 0 is the first record that still exists.

        Raises StorageError when the partition ends before the position: then it belongs to another journal.
        """

    def progress(self) -> PartitionProgress:
        """Open the progress. Raises StorageError when the journal was never recovered."""

    def remove_loaded(self, loaded: int, age_s_min: float) -> Removed:
        """Remove records below position `loaded` that are at least so old. May keep more. Raises StorageError."""


class Progress(LoadState, Protocol):
    """The same of all partitions of a journal. `heartbeat_ms` is the loader's to set."""

    @property
    def partitions(self) -> Sequence[PartitionProgress]: ...

    def of(self, project_id: int) -> PartitionProgress:
        """The partition that has the records of a project."""

    def ends(self) -> Mark:
        """Where each partition is synced."""

    def reached(self) -> Mark:
        """Where each partition is loaded."""

    def has_loaded(self, mark: Mark) -> bool:
        """Whether each partition is loaded so far."""

    @property
    def has_begun(self) -> bool:
        """Whether the loader has begun, so that the store has its tables."""

    def lags(self) -> list[int]:
        """Bytes of each partition that are not loaded."""

    def appended_bytes(self, since: Mark) -> int:
        """Bytes of all partitions that were synced behind the mark."""

    @property
    def heartbeat_ms(self) -> int:
        """The loader's last heartbeat, in milliseconds since the epoch; 0 before the first."""

    @heartbeat_ms.setter
    def heartbeat_ms(self, now_ms: int) -> None: ...


class Lease(Protocol):
    """The right to load. Of all machines that share a journal one has it at a time.

    It saves work. Nothing is wrong where two load for a while: the cursor in the store decides between them.
    """

    @property
    def is_held(self) -> bool:
        """Whether this process may load now."""

    def close(self) -> None:
        """Release it, so that another machine begins at once."""


class Machines(Protocol):
    """Messages between the machines that share a journal. None is kept: who does not listen misses it."""

    @property
    def name(self) -> str:
        """Of this machine, unlike that of any other."""

    def send(self, topic: str, message: bytes) -> None:
        """Send to all machines, this one included, if they can be reached now. Never blocks."""

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        """Call with each message, in a thread of the journal's, as long as the process lasts. It must not block."""


class Journal(Protocol):
    """One journal. The supervisor passes it to the processes that it forks; nothing is open in it."""

    @property
    def partitions(self) -> Sequence[Partition]:
        """What is loaded, each from a cursor of its own. Raises StorageError when their number cannot be asked for."""

    def recover(self) -> Recovery:
        """Make the journal ready for use. Call it once, before all else. Raises StorageError."""

    def progress(self) -> Progress:
        """Open the progress. Raises StorageError when the journal was never recovered."""

    def lease(self) -> Lease:
        """Ask for the right to load, for the loader's process, which then shares its progress with other machines and
        theirs with this one."""

    def begin_after(self, cursor: int, end: int) -> None:
        """Make an empty journal in place of one that is gone, for a store that has loaded up to `cursor`. Its records
        get positions from `end` on. Raises StorageError. Others make a journal in streams."""

    def machines(self) -> Machines | None:
        """The other machines that share the journal, for the process that asks. None where it belongs to this one."""

    def seal(self) -> None:
        """Note a clean stop: a record that is missing later is known to be damage. Raises StorageError."""

    def is_drained(self, progress: Progress) -> bool:
        """Whether the store has everything, and nothing is left that another journal in this place would hide."""

    def close_drained(self) -> None:
        """Note that the journal is drained: nothing was appended since, and it may be left. Raises StorageError."""
