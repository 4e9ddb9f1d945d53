"""What one request holds for one project, while its records are being looked at."""

import struct
from collections.abc import Callable

import xxhash

from trackway.ingest.events import Accepted, Arrival, Project
from trackway.ingest.links import DEVICE_PREFIX, DevicePair
from trackway.journal.columns import VARINTS, string, varint
from trackway.journal.entry import NO_EVENTS, NO_KEY, VERSION, Entry, Events, Link, LinkKind, Rejection, Update


class ProjectEntry:
    """Gathers events, keys, profile updates, links, rejected and ignored records in the order of the request.

    An event's bytes go to the ends of their columns at once, while they are in the processor's cache. `links` holds
    each once.
    """

    def __init__(self, project_id: int, arrival: Arrival):
        self.project_id = project_id
        self.ignored = 0
        self.rejections: list[Rejection] = []
        self.updates: list[Update] = []
        self.links: dict[DevicePair | Link, None] = {}
        self._arrival = arrival
        self._keys = bytearray()
        self._times_ms: list[int] = []
        self._names = bytearray()
        self._distinct_ids = bytearray()
        self._insert_ids = bytearray()
        self._device_ids = bytearray()
        self._user_ids = bytearray()
        self._properties = bytearray()

    def add(self, event: Accepted) -> None:
        name, insert_id = string(event.event.encode()), string(event.insert_id.encode())
        distinct_id, device_id, user_id = (string(id.encode()) for id in event.identity)
        once = event.deduplicated
        self.add_event(event.time_ms, name, distinct_id, insert_id, device_id, user_id, event.properties, once)
        self.links.update(dict.fromkeys(event.links))

    def add_event(
        self,
        time_ms: int,
        name: bytes,
        distinct_id: bytes,
        insert_id: bytes,
        device_id: bytes,
        user_id: bytes,
        properties: bytes,
        deduplicated: bool = True,
    ) -> None:
        """Add an event whose name and ids have their lengths before them already."""
        size = len(properties)
        self._keys += deduplication_key(self.project_id, name + distinct_id + insert_id) if deduplicated else NO_KEY
        self._times_ms.append(time_ms)
        self._names += name
        self._distinct_ids += distinct_id
        self._insert_ids += insert_id
        self._device_ids += device_id
        self._user_ids += user_id
        self._properties += VARINTS[size] if size < len(VARINTS) else varint(size)
        self._properties += properties

    @property
    def events(self) -> int:
        return len(self._times_ms)

    @property
    def kept(self) -> int:
        """Records that the journal will hold something of."""
        return self.events + len(self.updates) + len(self.rejections)

    def finished(self) -> Entry:
        return Entry(
            VERSION,
            self.project_id,
            self._arrival.received_us,
            self._arrival.endpoint,
            self.ignored,
            self._columns() if self.events else NO_EVENTS,
            self.rejections,
            self.updates,
            [
                Link(LinkKind.DEVICE, DEVICE_PREFIX + link[0], link[1]) if isinstance(link, tuple) else link
                for link in self.links
            ],
        )

    def _columns(self) -> Events:
        return Events(
            self.events,
            bytes(self._keys),
            struct.pack(f"<{self.events}q", *self._times_ms),
            bytes(self._names),
            bytes(self._distinct_ids),
            bytes(self._insert_ids),
            bytes(self._device_ids),
            bytes(self._user_ids),
            bytes(self._properties),
        )


EntryOfProject = Callable[[Project], ProjectEntry]


def deduplication_key(project_id: int, identity: bytes) -> bytes:
    """16 bytes that are equal for events which deduplicate each other within the window (protocol §4).

    `identity`: name, distinct_id and insert_id as strings one after the other. 128 bits of XXH3 are treated as exact:
    at a billion events in the window the chance of any collision is below 1e-20. The project is the seed, so that
    projects never meet.
    """
    return xxhash.xxh3_128_digest(identity, project_id)
