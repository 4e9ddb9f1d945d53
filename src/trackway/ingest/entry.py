"""What one request holds for one project, while its records are being looked at."""

import struct
from collections.abc import Callable

from trackway.ingest.events import Accepted, Arrival, Project
from trackway.ingest.links import DEVICE_PREFIX, DevicePair
from trackway.ingest.rows import deduplication_key, event_row, row_head
from trackway.journal.entry import NO_KEY, VERSION, Entry, Link, LinkKind, Rejection, Update


class ProjectEntry:
    """Gathers rows, keys, profile updates, links, rejected and ignored records in the order of the request.

    `links` holds each once.
    """

    def __init__(self, project_id: int, arrival: Arrival):
        self.project_id = project_id
        self.head = row_head(project_id, arrival.received_us, arrival.endpoint)
        self.rows: list[bytes] = []
        self.keys: list[bytes] = []
        self.ignored = 0
        self.rejections: list[Rejection] = []
        self.updates: list[Update] = []
        self.links: dict[DevicePair | Link, None] = {}
        self._arrival = arrival

    def add(self, event: Accepted) -> None:
        row, identity = event_row(self.head, event)
        self.rows.append(row)
        self.keys.append(deduplication_key(self.project_id, identity) if event.deduplicated else NO_KEY)
        self.links.update(dict.fromkeys(event.links))

    @property
    def kept(self) -> int:
        """Records that the journal will hold something of."""
        return len(self.rows) + len(self.updates) + len(self.rejections)

    def finished(self) -> Entry:
        lengths = struct.pack(f"<{len(self.rows)}I", *map(len, self.rows))
        return Entry(
            VERSION,
            self.project_id,
            self._arrival.received_us,
            self._arrival.endpoint,
            self.ignored,
            lengths,
            b"".join(self.keys),
            b"".join(self.rows),
            self.rejections,
            self.updates,
            [
                Link(LinkKind.DEVICE, DEVICE_PREFIX + link[0], link[1]) if isinstance(link, tuple) else link
                for link in self.links
            ],
        )


EntryOfProject = Callable[[Project], ProjectEntry]
