"""The pages of a project, in the order of the navigation; the first is where a project opens."""

from typing import Final

from trackway.projects.roles import Right
from trackway.web.page import PageRoute
from trackway.web.pages import checklist, health, people, rejected, settings

PAGES: Final[tuple[PageRoute, ...]] = (
    PageRoute(people.USERS_PATH, ("GET",), people.users, Right.PROFILES, "Users", True),
    PageRoute(people.USER_PATH, ("GET",), people.user, Right.PROFILES, "User", False),
    PageRoute(people.GROUPS_PATH, ("GET",), people.groups, Right.PROFILES, "Groups", True),
    PageRoute(people.GROUP_PATH, ("GET",), people.group, Right.PROFILES, "Group", False),
    PageRoute(health.PATH, ("GET",), health.show, Right.REPORTS, "Ingestion health", True),
    PageRoute(rejected.PATH, ("GET",), rejected.show, Right.EXPORT, "Rejected records", True),
    PageRoute(rejected.REPLAY_PATH, ("POST",), rejected.replay_all, Right.IMPORT, "Rejected records", False),
    PageRoute(
        rejected.RECORD_PATH,
        ("GET", "POST"),
        rejected.show_record,
        Right.EXPORT,
        "Rejected record",
        False,
        rejected.EDIT_FORM_BYTES_MAX,
    ),
    PageRoute(checklist.PATH, ("GET",), checklist.show, Right.REPORTS, "Checklist", True),
    PageRoute("/settings", ("GET",), settings.show, Right.LIMITS, "Settings", True),
)
