"""The pages of a project, in the order of the navigation; the first is where a project opens."""

from typing import Final

from trackway.projects.roles import Right
from trackway.web.page import PageRoute
from trackway.web.pages import event_names, events, settings

PAGES: Final[tuple[PageRoute, ...]] = (
    PageRoute("/events", ("GET",), events.show, Right.EXPORT, "Events", True),
    PageRoute("/events/one", ("GET",), events.one, Right.EXPORT, "Event", False),
    PageRoute("/events/stream", ("GET",), events.stream, Right.EXPORT, "Events", False),
    PageRoute("/events/test", ("POST",), events.send_test, Right.IMPORT, "Events", False),
    PageRoute("/names", ("GET",), event_names.show, Right.EXPORT, "Event names", True),
    PageRoute("/names/one", ("GET",), event_names.one, Right.EXPORT, "Event name", False),
    PageRoute("/names/chart.svg", ("GET",), event_names.chart, Right.EXPORT, "Event names", False),
    PageRoute("/settings", ("GET",), settings.show, Right.LIMITS, "Settings", True),
)
