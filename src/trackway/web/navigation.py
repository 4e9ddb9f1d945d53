"""The navigation of a project: its pages in groups, as people look for them."""

from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

_GROUPS: Final = {
    "Events": ("/events", "/names"),
    "Reports": ("/dashboards", "/reports", "/trends", "/funnels", "/retention", "/flows", "/alerts"),
    "People": ("/users", "/cohorts", "/groups", "/erasures"),
    "Ingestion": ("/health", "/rejected", "/checklist"),
}
_OTHERS: Final = "Project"
"""The group of all other pages, the last one."""


class Linked(Protocol):
    """A page of the navigation, by its path below the project."""

    @property
    def path(self) -> str: ...


PageLink = TypeVar("PageLink", bound=Linked)


class Group(NamedTuple, Generic[PageLink]):
    """Pages under one name, in the order of the table above."""

    name: str
    pages: Sequence[PageLink]


def groups_of(pages: Sequence[PageLink]) -> list[Group[PageLink]]:
    """The pages that a visitor may open, in groups. A group without pages is left out."""
    by_path = {each.path: each for each in pages}
    found = [Group(name, [by_path[path] for path in paths if path in by_path]) for name, paths in _GROUPS.items()]
    grouped = {path for paths in _GROUPS.values() for path in paths}
    found.append(Group(_OTHERS, [each for each in pages if each.path not in grouped]))
    return [each for each in found if each.pages]
