"""The journal entry of one request for one project, while its records pass the rules."""

import struct
from collections import Counter
from collections.abc import Callable, Sequence

import xxhash

from trackway.domain.entry import NO_EVENTS, NO_KEY, VERSION, Entry, Events, Rejection, Update
from trackway.domain.identity_mode import DEVICE_PREFIX
from trackway.domain.link import Link, LinkKind
from trackway.domain.native import VARINTS, string, varint
from trackway.ingest.arrival import Arrival, Project
from trackway.ingest.rules.fields import DevicePair, EventFields

EntryOfProject = Callable[[Project], "ProjectEntry"]
_EMPTY = string(b"")

deduplication_key: Callable[[bytes, int], bytes] = xxhash.xxh3_128_digest
"""16 bytes that are equal for events that are duplicates within the dedup window (protocol §4).

Of name, distinct_id and insert_id, as strings one after the other, and the project's id. 128 bits of XXH3 are treated
as exact: at a billion events in the window the chance of any collision is below 1e-20. The project is the seed, so
projects never share a key.
"""


class ProjectEntry:
    """Collects events, keys, profile updates, links, rejected and ignored records in the order of the request.

    The bytes of an event are appended to their columns at once, while they are in the processor's cache. `links` holds
    each link once.
    """

    def __init__(self, project_id: int, arrival: Arrival):
        self.project_id = project_id
        self.ignored = 0
        self.counted: Counter[str] = Counter()
        """Reasons of rejected records without a project; only their number is kept."""
        self.rejections: list[Rejection] = []
        self.updates: list[Update] = []
        self.links: dict[DevicePair | Link, None] = {}
        self._arrival = arrival
        self._encoded_names: dict[str, bytes] = {}
        self._keys = bytearray()
        self._times_ms: list[int] = []
        self._names = bytearray()
        self._distinct_ids = bytearray()
        self._insert_ids = bytearray()
        self._device_ids = bytearray()
        self._user_ids = bytearray()
        self._properties = bytearray()

    def add(self, event: EventFields, properties: bytes, links: Sequence[DevicePair | Link] = ()) -> None:
        """Add an event, the link of its device to its user, and further links. `properties`: the JSON text to store."""
        name = self._encoded_names.get(event.name)
        if name is None:
            name = self._encoded_names[event.name] = string(event.name.encode())
        distinct_id, insert_id = event.distinct_id.encode(), event.insert_id.encode()
        distinct_id, insert_id = VARINTS[len(distinct_id)] + distinct_id, VARINTS[len(insert_id)] + insert_id
        device_id = user_id = _EMPTY
        if event.device_id:
            device_id = event.device_id.encode()
            device_id = VARINTS[len(device_id)] + device_id
        if event.user_id:
            user_id = distinct_id if event.user_id == event.distinct_id else string(event.user_id.encode())
        self._keys += (
            deduplication_key(name + distinct_id + insert_id, self.project_id) if event.deduplicated else NO_KEY
        )
        self._times_ms.append(event.time_ms)
        self._names += name
        self._distinct_ids += distinct_id
        self._insert_ids += insert_id
        self._device_ids += device_id
        self._user_ids += user_id
        size = len(properties)
        self._properties += VARINTS[size] if size < len(VARINTS) else varint(size)
        self._properties += properties
        if event.device_pair is not None:
            self.links[event.device_pair] = None
        for link in links:
            self.links[link] = None

    @property
    def events(self) -> int:
        return len(self._times_ms)

    @property
    def rows(self) -> int:
        """Rows of counts in the store, for an entry without a project."""
        return len(self.counted) + bool(self.ignored)

    def cut(self, rows: int) -> None:
        """Drop the counts beyond this number of rows."""
        self.ignored = self.ignored if rows > 0 else 0
        self.counted = Counter(dict(list(self.counted.items())[: max(rows - bool(self.ignored), 0)]))

    def finished(self) -> Entry:
        """The entry as the journal holds it."""
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
            list(self.counted.items()),
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
