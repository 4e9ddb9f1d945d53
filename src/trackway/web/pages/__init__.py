"""The pages of a project, in the order of the navigation; the first is where a project opens."""

from typing import Final

from trackway.projects.roles import Right
from trackway.web.page import PageFunction, PageRoute
from trackway.web.pages import (
    accounts,
    checklist,
    event_names,
    events,
    health,
    keys,
    limits,
    people,
    rejected,
    settings,
)


def _setting(path: str, function: PageFunction) -> PageRoute:
    """A form of the settings page."""
    return PageRoute(settings.PATH + path, ("POST",), function, Right.MANAGE, "Settings", in_navigation=False)


PAGES: Final[tuple[PageRoute, ...]] = (
    PageRoute("/events", ("GET",), events.show, Right.EXPORT, "Events", True),
    PageRoute("/events/one", ("GET",), events.one, Right.EXPORT, "Event", False),
    PageRoute("/events/stream", ("GET",), events.stream, Right.EXPORT, "Events", False),
    PageRoute("/events/test", ("POST",), events.send_test, Right.IMPORT, "Events", False),
    PageRoute("/names", ("GET",), event_names.show, Right.EXPORT, "Event names", True),
    PageRoute("/names/one", ("GET",), event_names.one, Right.EXPORT, "Event name", False),
    PageRoute("/names/properties", ("GET",), event_names.properties, Right.EXPORT, "Properties", False),
    PageRoute(people.USERS_PATH, ("GET",), people.users, Right.PROFILES, "Users", in_navigation=True),
    PageRoute(people.USER_PATH, ("GET",), people.user, Right.PROFILES, "User", in_navigation=False),
    PageRoute(people.GROUPS_PATH, ("GET",), people.groups, Right.PROFILES, "Groups", in_navigation=True),
    PageRoute(people.GROUP_PATH, ("GET",), people.group, Right.PROFILES, "Group", in_navigation=False),
    PageRoute(health.PATH, ("GET",), health.show, Right.REPORTS, "Ingestion health", in_navigation=True),
    *rejected.ROUTES,
    PageRoute(checklist.PATH, ("GET",), checklist.show, Right.REPORTS, "Checklist", in_navigation=True),
    PageRoute(settings.PATH, ("GET",), settings.show, Right.LIMITS, "Settings", in_navigation=True),
    _setting("/keys/show", keys.show),
    _setting("/keys/replace", keys.replace),
    _setting("/limits", limits.change),
    _setting("/accounts/create", accounts.create),
    _setting("/accounts/role", accounts.give_role),
    _setting("/accounts/remove", accounts.remove),
    _setting("/accounts/revoke", accounts.revoke),
)
