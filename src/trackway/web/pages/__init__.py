"""The pages of a project, in the order of the navigation; the first is where a project opens."""

from typing import Final

from trackway.projects.roles import Right
from trackway.web.page import PageRoute
from trackway.web.pages import settings

PAGES: Final[tuple[PageRoute, ...]] = (PageRoute("/settings", ("GET",), settings.show, Right.LIMITS, "Settings", True),)
