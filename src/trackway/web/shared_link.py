"""What a link shows at this moment: its report, or the reports of its dashboard, as long as it may.

A link is gone when it was revoked or has expired, when what it shows, its project or its author is gone, and when the
author's role no longer allows to save. Nobody is shown which of these it was.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trackway.edge.access.change_queue import Changes, Opened
from trackway.projects.audit import SERVER
from trackway.projects.cards import Card, cards_of
from trackway.projects.project import Project
from trackway.projects.project_lookup import ProjectDirectory
from trackway.projects.roles import RIGHTS, Right
from trackway.projects.saved import Bookmark, Dashboard, Made, ShareLink, UnknownSaved
from trackway.projects.share_token import Target, hash_of
from trackway.web.limits import SHARED_LINK_KNOWN_S, SHARED_LINKS_HELD_MAX, SHARED_LINKS_KNOWN_MAX
from trackway.web.share_rules import is_expired
from trackway.web.visitor import ADMIN


class Shared(NamedTuple):
    """A link, and what it shows: reports with their widths, under a title."""

    link: ShareLink
    title: str
    description: str
    reports: Sequence[tuple[Card, Bookmark]]


class _Held(NamedTuple):
    shared: Shared
    until_s: float


class Links:
    """Finds links by their tokens. What was found is believed for SHARED_LINK_KNOWN_S. For one event loop.

    Tokens that open nothing are not remembered, so however many are tried, no link is forgotten for them.
    """

    def __init__(self, directory: ProjectDirectory, changes: Changes, clock_s: Callable[[], float] = time.monotonic):
        self._directory = directory
        self._changes = changes
        self._clock_s = clock_s
        self._known: OrderedDict[str, None] = OrderedDict()
        """Hashes of tokens that open something."""
        self._held: OrderedDict[str, _Held] = OrderedDict()
        """What the last of them open. Reports may be large."""

    async def find(self, token: str, guess: Callable[[], None]) -> tuple[Shared, Project] | None:
        """What a token opens now. `guess` is called before a token is looked up that is not known to open anything.

        Raises what `guess` raises, and RequestError 503.
        """
        hashed = hash_of(token)
        if not hashed:
            return None
        if hashed not in self._known:
            guess()
        held = self._held.get(hashed)
        if held is not None and self._clock_s() < held.until_s:
            shared: Shared | None = held.shared
        else:
            begun_s = self._clock_s()
            shared = await self._changes.run(lambda opened: _shared_by(opened, hashed), SERVER)
            self._keep(hashed, shared, begun_s + SHARED_LINK_KNOWN_S)
        if shared is None:
            return None
        project = self._directory.by_id(shared.link.project_id)
        return (shared, project) if project is not None and self._is_open(shared.link, project) else None

    def _keep(self, hashed: str, shared: Shared | None, until_s: float) -> None:
        self._known.pop(hashed, None)
        self._held.pop(hashed, None)
        if shared is not None:
            self._known[hashed] = None
            self._held[hashed] = _Held(shared, until_s)
        while len(self._known) > SHARED_LINKS_KNOWN_MAX:
            self._known.popitem(last=False)
        while len(self._held) > SHARED_LINKS_HELD_MAX:
            self._held.popitem(last=False)

    def _is_open(self, link: ShareLink, project: Project) -> bool:
        return not is_expired(link, time.time() * 1000) and self._may(link.made, project.project_id)

    def _may(self, made: Made, project_id: int) -> bool:
        """Whether the author has the right to save in the project at this moment."""
        if made.creator_id is None:
            return made.creator_name == ADMIN and self._directory.admin_hash is not None
        account = self._directory.account_named(made.creator_name)
        if account is None or account.account_id != made.creator_id or account.expired(time.time() * 1000):
            return False
        role = account.roles.get(project_id)
        return role is not None and Right.SAVE in RIGHTS[role]


def _shared_by(opened: Opened, hashed: str) -> Shared | None:
    link = opened.saved.shared_by(hashed)
    target = Target.of(link.target) if link else None
    if link is None or target is None:
        return None
    try:
        if target.kind == "report":
            report = opened.saved.one(Bookmark, link.project_id, target.number)
            return Shared(link, report.name, report.description, [(Card(target.number, is_wide=True), report)])
        dashboard = opened.saved.one(Dashboard, link.project_id, target.number)
    except UnknownSaved:
        return None
    cards = cards_of(dashboard.cards)
    ids = [each.report_id for each in cards]
    found = {each.bookmark_id: each for each in opened.saved.all(Bookmark, link.project_id, ids)}
    reports = [(each, found[each.report_id]) for each in cards if each.report_id in found]
    return Shared(link, dashboard.name, dashboard.description, reports)
