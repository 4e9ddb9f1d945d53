"""The pages of a project, in the order of the navigation. A project opens with the first one."""

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.responses import Response

from trackway.edge.ingestion.records_endpoint import RecordsEndpoint
from trackway.edge.ingestion.replays import ReplayParts
from trackway.edge.routes import Parts
from trackway.projects.roles import Right
from trackway.web import saved_report
from trackway.web.event_files import FileParts, Format
from trackway.web.invitation_mail import InvitationMails
from trackway.web.page import PageFunction, PageRoute
from trackway.web.pages import (
    accounts,
    alerts,
    annotations,
    audit,
    checklist,
    dashboards,
    data_retention,
    erasures,
    event_files,
    event_names,
    events,
    flows,
    funnel_people,
    funnels,
    health,
    keys,
    lookup_tables,
    people,
    personal_accounts,
    project_end,
    rejected,
    reports,
    retention,
    settings,
    shares,
    time_zone,
    trends,
    users,
)
from trackway.web.pages import project_limits as limits

ReportFunction = Callable[..., Awaitable[Response]]
"""A page function that also takes `changes`."""


def pages_of(parts: Parts, track: RecordsEndpoint) -> tuple[PageRoute, ...]:
    """All pages, each bound to the parts that it needs."""
    show_health = partial(
        health.show,
        health=parts.health,
        progress=parts.progress,
        rates=parts.rates,
        room=parts.room,
        locator=parts.locator,
        changes=parts.changes,
    )
    show_checklist = partial(
        checklist.show,
        directory=parts.directory,
        health=parts.health,
        rates=parts.rates,
        connections=parts.connections,
    )
    show_users = partial(users.show, changes=parts.changes)
    save_cohort = partial(users.save_cohort, changes=parts.changes)
    show_audit = partial(audit.show, directory=parts.directory, changes=parts.changes)
    return (
        *_events(parts, track),
        PageRoute("/names", ("GET",), event_names.show, Right.EXPORT, "Event names", True),
        PageRoute("/names/one", ("GET",), event_names.one, Right.EXPORT, "Event name", False),
        PageRoute("/names/properties", ("GET",), event_names.properties, Right.EXPORT, "Properties", False),
        *_dashboards(parts),
        *_report_pages(parts),
        *_annotations(parts),
        *_reports(parts),
        *_shares(parts),
        *_alerts(parts),
        PageRoute(users.PATH, ("GET",), show_users, Right.PROFILES, "Users", in_navigation=True),
        PageRoute(f"{users.PATH}/cohort", ("POST",), save_cohort, Right.SAVE, "Users", in_navigation=False),
        PageRoute(people.USER_PATH, ("GET",), people.user, Right.PROFILES, "User", in_navigation=False),
        *_erasures(parts),
        PageRoute(people.GROUPS_PATH, ("GET",), people.groups, Right.PROFILES, "Groups", in_navigation=True),
        PageRoute(people.GROUP_PATH, ("GET",), people.group, Right.PROFILES, "Group", in_navigation=False),
        PageRoute(health.PATH, ("GET",), show_health, Right.REPORTS, "Ingestion health", in_navigation=True),
        *rejected.routes(_replays(parts), parts.audit),
        PageRoute(checklist.PATH, ("GET",), show_checklist, Right.REPORTS, "Checklist", in_navigation=True),
        *_lookup_tables(parts),
        *_settings(parts),
        PageRoute(audit.PATH, ("GET",), show_audit, Right.AUDIT, "Audit", in_navigation=True),
    )


def _events(parts: Parts, track: RecordsEndpoint) -> tuple[PageRoute, ...]:
    show = partial(events.show, changes=parts.changes)
    stream = partial(events.stream, loaded=parts.progress.reached, stopping=parts.stopping, changes=parts.changes)
    send_test = partial(events.send_test, track=track)
    return (
        PageRoute("/events", ("GET",), show, Right.EXPORT, "Events", True),
        PageRoute("/events/one", ("GET",), events.one, Right.EXPORT, "Event", False),
        PageRoute("/events/stream", ("GET",), stream, Right.EXPORT, "Events", False),
        PageRoute("/events/test", ("POST",), send_test, Right.IMPORT, "Events", False),
        *_event_files(parts),
    )


def _event_files(parts: Parts) -> tuple[PageRoute, ...]:
    """The files of the events behind a page, by format."""
    own = FileParts(parts.readers.exports, parts.rates)
    functions: dict[str, ReportFunction] = {
        "/events": event_files.of_filter,
        **{path: partial(event_files.of_counted, counted=counted) for path, counted in event_files.COUNTED.items()},
    }
    return tuple(
        PageRoute(
            f"{path}/{each.path}",
            ("GET",),
            partial(function, changes=parts.changes, parts=own, format=each),
            Right.EXPORT,
            "Events",
            in_navigation=False,
        )
        for path, function in functions.items()
        for each in Format
    )


def _replays(parts: Parts) -> ReplayParts:
    return ReplayParts(
        settings=parts.settings,
        reader=parts.readers.pages,
        journal=parts.journal,
        rates=parts.rates,
        locator=parts.locator,
        room=parts.room,
    )


def _report_pages(parts: Parts) -> tuple[PageRoute, ...]:
    """The pages of reports, each with its parts below it."""
    pages: tuple[tuple[str, dict[str, ReportFunction], Right, str], ...] = (
        (trends.PATH, {"": trends.show, "/csv": trends.table, "/suggestions": trends.suggest}, Right.REPORTS, "Trends"),
        (funnels.PATH, {"": funnels.show, "/csv": funnels.table}, Right.REPORTS, "Funnels"),
        (funnel_people.PATH, {"": funnel_people.show, "/csv": funnel_people.table}, Right.PROFILES, "Funnel"),
        (retention.PATH, {"": retention.show, "/csv": retention.table}, Right.REPORTS, "Retention"),
        (flows.PATH, {"": flows.show, "/csv": flows.table}, Right.REPORTS, "Flows"),
    )
    return tuple(
        PageRoute(
            above + path,
            ("GET",),
            partial(function, changes=parts.changes),
            right,
            title,
            in_navigation=not path and right is Right.REPORTS,
        )
        for above, functions, right, title in pages
        for path, function in functions.items()
    )


def _dashboards(parts: Parts) -> tuple[PageRoute, ...]:
    """The list of dashboards, each of them with its cards, and the forms that change them."""
    one, shared = dashboards.PATH + "/{dashboard}", dashboards.Parts(parts.changes, parts.readers.reports, parts.rates)
    read = {dashboards.PATH: dashboards.show_all, one: dashboards.show, f"{one}/cards/{{report}}": dashboards.card}
    change = {
        f"{dashboards.PATH}/create": dashboards.create,
        f"{one}/add": dashboards.add,
        f"{one}/move": dashboards.move,
        f"{one}/rename": dashboards.rename,
        f"{one}/delete": dashboards.delete,
    }
    rows = [(path, "GET", function, Right.REPORTS) for path, function in read.items()]
    rows.append((f"{one}/arrange", "GET", dashboards.arrange, Right.SAVE))
    rows += [(path, "POST", function, Right.SAVE) for path, function in change.items()]
    return tuple(
        PageRoute(
            path,
            (method,),
            partial(function, parts=shared),
            right,
            "Dashboards",
            in_navigation=path == dashboards.PATH,
        )
        for path, method, function, right in rows
    )


def _annotations(parts: Parts) -> tuple[PageRoute, ...]:
    """The forms that add and remove an annotation of a chart."""
    return tuple(
        PageRoute(
            annotations.PATH + path,
            ("POST",),
            partial(function, changes=parts.changes),
            Right.SAVE,
            "Annotations",
            in_navigation=False,
        )
        for path, function in {"/add": annotations.add, "/remove": annotations.remove}.items()
    )


def _reports(parts: Parts) -> tuple[PageRoute, ...]:
    """The list of saved reports, each of them, and the forms that change them."""
    one = saved_report.PATH + "/{report}"
    read = {saved_report.PATH: reports.show, one: reports.one}
    change = {
        f"{saved_report.PATH}/save": reports.save,
        f"{one}/change": reports.change,
        f"{one}/replace": reports.replace,
        f"{one}/delete": reports.delete,
    }
    rows = [(path, "GET", function, Right.REPORTS) for path, function in read.items()]
    rows += [(path, "POST", function, Right.SAVE) for path, function in change.items()]
    return tuple(
        PageRoute(
            path,
            (method,),
            partial(function, changes=parts.changes),
            right,
            "Saved reports",
            in_navigation=path == saved_report.PATH,
        )
        for path, method, function, right in rows
    )


def _shares(parts: Parts) -> tuple[PageRoute, ...]:
    """The links of a project, and the forms that make and revoke one."""
    functions = {"": ("GET", shares.show), "/create": ("POST", shares.create), "/revoke": ("POST", shares.revoke)}
    return tuple(
        PageRoute(
            shares.PATH + path,
            (method,),
            partial(function, changes=parts.changes),
            Right.SAVE,
            "Shared links",
            in_navigation=False,
            is_for_archived=path == "/revoke",
        )
        for path, (method, function) in functions.items()
    )


def _alerts(parts: Parts) -> tuple[PageRoute, ...]:
    """The list of alerts, each of them with its log, and the forms that change and test them."""
    one = alerts.PATH + "/{alert}"
    read = {alerts.PATH: alerts.show_all, f"{alerts.PATH}/new": alerts.new, one: alerts.show}
    change = {
        f"{alerts.PATH}/create": alerts.create,
        f"{one}/change": alerts.change,
        f"{one}/pause": alerts.pause,
        f"{one}/resume": alerts.resume,
        f"{one}/secret": alerts.replace_secret,
        f"{one}/test": alerts.test,
        f"{one}/delete": alerts.delete,
    }
    rows = [(path, "GET", function) for path, function in read.items()]
    rows += [(path, "POST", function) for path, function in change.items()]
    return tuple(
        PageRoute(
            path,
            (method,),
            partial(function, changes=parts.changes),
            Right.ALERTS,
            "Alerts",
            in_navigation=path == alerts.PATH,
        )
        for path, method, function in rows
    )


def _lookup_tables(parts: Parts) -> tuple[PageRoute, ...]:
    show = partial(lookup_tables.show, changes=parts.changes)
    forms = {"/map": lookup_tables.map_one, "/unmap": lookup_tables.unmap_one}
    return (
        PageRoute(lookup_tables.PATH, ("GET",), show, Right.READ_TABLES, "Lookup tables", in_navigation=True),
        *(
            PageRoute(
                lookup_tables.PATH + path,
                ("POST",),
                partial(form, changes=parts.changes),
                Right.REPLACE_TABLES,
                "Lookup tables",
                in_navigation=False,
            )
            for path, form in forms.items()
        ),
    )


def _settings(parts: Parts) -> tuple[PageRoute, ...]:
    """The page of settings and its forms."""
    shown = settings.Shown(parts.directory, parts.fresh_projects, parts.rates, parts.changes)
    show, show_key = partial(settings.show, shown=shown), partial(keys.show, audit=parts.audit, shown=shown)
    keep = partial(data_retention.change, changes=parts.changes, shown=shown, readers=parts.readers)
    mails = InvitationMails(parts.mail)
    forms: dict[str, Callable[..., Awaitable[Response]]] = {
        "/keys/replace": keys.replace,
        "/limits": limits.change,
        "/time-zone": time_zone.change,
        "/accounts/create": accounts.create,
        "/accounts/role": accounts.give_role,
        "/accounts/remove": accounts.remove,
        "/accounts/revoke": accounts.revoke,
        "/people/invite": partial(personal_accounts.invite, mails=mails),
        "/people/reset": partial(personal_accounts.reset, mails=mails),
        **{
            f"/people/{name}": partial(personal_accounts.change, action=action, done=done)
            for name, (action, done) in personal_accounts.ACTIONS.items()
        },
        "/describe": project_end.describe,
    }
    ending = ("/accounts/revoke", "/people/disable", "/people/sign-out")
    ends = {"/archive": project_end.archive, "/take-up": project_end.take_up, "/delete": project_end.delete}
    return (
        PageRoute(settings.PATH, ("GET",), show, Right.LIMITS, "Settings", in_navigation=True),
        _form("/keys/show", show_key),
        _form("/retention", keep),
        *(
            _form(path, partial(form, changes=parts.changes, shown=shown))._replace(is_for_archived=path in ending)
            for path, form in forms.items()
        ),
        *(
            _form(path, partial(form, changes=parts.changes, shown=shown))._replace(
                right=Right.END, is_for_archived=True
            )
            for path, form in ends.items()
        ),
    )


def _erasures(parts: Parts) -> tuple[PageRoute, ...]:
    """An archived project still holds persons, who may ask."""
    forms = {erasures.PATH: erasures.erase, f"{erasures.PATH}/cancel": erasures.cancel}
    show = partial(erasures.show, changes=parts.changes)
    return (
        PageRoute(erasures.PATH, ("GET",), show, Right.ERASE, "Erasures", in_navigation=True),
        *(
            PageRoute(
                path,
                ("POST",),
                partial(form, changes=parts.changes),
                Right.ERASE,
                "Erasures",
                in_navigation=False,
                is_for_archived=True,
            )
            for path, form in forms.items()
        ),
    )


def _form(path: str, function: PageFunction) -> PageRoute:
    return PageRoute(settings.PATH + path, ("POST",), function, Right.MANAGE, "Settings", in_navigation=False)
