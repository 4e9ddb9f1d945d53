"""What one request holds for one project, while its records are being looked at."""

import struct
from collections.abc import Callable

from trackway.ingest.events import Accepted, Arrival, Project
from trackway.ingest.links import DEVICE_PREFIX
from trackway.ingest.rows import deduplication_key, event_row, row_head
from trackway.journal.entry import NO_KEY, VERSION, Entry, Link, LinkKind, Rejection, Update


class ProjectEntry:
    """Gathers rows, keys, profile updates, links, rejected and ignored records in the order of the request.

    `links` holds each link once: of a device and its user as that pair of ids, since most batches repeat few of them.
    """

    def __init__(self, project_id: int, arrival: Arrival):
        self.project_id = project_id
        self.head = row_head(project_id, arrival.received_us, arrival.endpoint)
        self.rows: list[bytes] = []
        self.keys: list[bytes] = []
        self.ignored = 0
        self.rejections: list[Rejection] = []
        self.updates: list[Update] = []
        self.links: dict[tuple[str, str] | Link, None] = {}
        self._arrival = arrival

    def add(self, event: Accepted) -> None:
        row, identity = event_row(self.head, event)
        self.rows.append(row)
        self.keys.append(deduplication_key(self.project_id, identity) if event.deduplicated else NO_KEY)
        _, device_id, user_id = event.identity
        if device_id and user_id:
            self.links[device_id, user_id] = None
        self.links.update(dict.fromkeys(event.links))

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
            list(dict.fromkeys(filter(_is_of_a_person, map(_link, self.links)))),
        )


def _link(link: tuple[str, str] | Link) -> Link:
    return link if isinstance(link, Link) else Link(LinkKind.DEVICE, DEVICE_PREFIX + link[0], link[1])


def _is_of_a_person(link: Link) -> bool:
    """A device cannot be the user of another."""
    return link.kind is not LinkKind.DEVICE or not link.to.startswith(DEVICE_PREFIX)


EntryOfProject = Callable[[Project], ProjectEntry]
