"""Which ids are one person (protocol §6), said plainly: one link after the other, over all ids there are."""

import uuid

from trackway.domain.entry import Entry
from trackway.domain.link import Link, LinkKind

IDS_MAX = 500


class People:
    """The ids of one project. `claims` holds the first claim of each, `moved` where each was moved last ('': alone)."""

    def __init__(self, ids_max: int = IDS_MAX) -> None:
        self.claims: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.refused: list[Link] = []
        self._ids_max = ids_max

    def canonical(self, id: str) -> str:
        if id in self.moved:
            return self.moved[id] or id
        return self.claims.get(id, id)

    def take(self, link: Link) -> None:
        if link.kind is LinkKind.DEVICE:
            self.claims.setdefault(link.id, link.to)
        elif link.kind is LinkKind.UNLINK:
            self._unlink(link.id)
        elif self._head(link.id) != self._head(link.to):
            if self._allowed(link):
                self._merge(self._head(link.id), self._head(link.to))
            else:
                self.refused.append(link)

    def take_all(self, entry: Entry) -> None:
        for link in entry.links:
            self.take(link)

    def _head(self, id: str) -> str:
        return self.moved.get(id) or id

    def _cluster(self, head: str) -> set[str]:
        return {head} | {id for id, to in self.moved.items() if to == head}

    def _allowed(self, link: Link) -> bool:
        kept, absorbed = self._cluster(self._head(link.to)), self._cluster(self._head(link.id))
        if link.kind is LinkKind.IDENTIFY and not is_uuid4(link.id):
            return False
        if link.kind is LinkKind.IDENTIFY and absorbed != {link.id}:
            return False
        if link.kind is LinkKind.ALIAS and self._head(link.id) != link.id:
            return False
        return len(kept | absorbed) <= self._ids_max

    def _merge(self, absorbed: str, kept: str) -> None:
        for id in self._cluster(absorbed):
            self.moved[id] = kept

    def _unlink(self, id: str) -> None:
        others = self._cluster(id) - {id} if self._head(id) == id else set()
        self.moved[id] = ""
        if others:
            first = min(others, key=lambda each: (is_uuid4(each), each))
            for each in others:
                self.moved[each] = "" if each == first else first


def is_uuid4(id: str) -> bool:
    """A UUID of version 4 as it is usually written, perhaps behind `$device:`."""
    text = id.removeprefix("$device:")
    try:
        return str(uuid.UUID(text)) == text.lower() and uuid.UUID(text).version == 4
    except ValueError:
        return False
