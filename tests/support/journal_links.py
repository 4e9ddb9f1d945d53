"""The links that a running server has in its journal, as its edge processes wrote them."""

from contextlib import closing

from tests.support.server import Project, Server
from trackway.domain.entry import decode_entries
from trackway.domain.link import Link, LinkKind
from trackway.journal.segments.reader import Reader

Asked = tuple[LinkKind, str, str]
"""kind, id, to"""
_READ_BYTES_MAX = 1 << 20


def links_of(server: Server, project: Project) -> list[Link]:
    """The project's links in the order of the journal. Each request is one record, so each may repeat a device's."""
    found: list[Link] = []
    with closing(Reader(server.data_dir / "journal")) as reader:
        while records := reader.read(_READ_BYTES_MAX):
            for record in records:
                entries = decode_entries(record.payload)
                found += [link for entry in entries if entry.project_id == project.project_id for link in entry.links]
        assert not reader.damage
    return found


def asked_of(server: Server, project: Project) -> list[Asked]:
    """The same without repetitions, and without what names the event."""
    return list(dict.fromkeys((link.kind, link.id, link.to) for link in links_of(server, project)))
