"""The one table of routes, and what their handlers share."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from trackway.edge import accounts, export, identity, lookup_tables, profile_query, rate_query
from trackway.edge.app import SIDE_ROUTES, Handler, Route, Routes
from trackway.edge.changes import Changes
from trackway.edge.credentials import Access
from trackway.edge.events import RecordsEndpoint
from trackway.edge.health import Health
from trackway.edge.http import InFlight
from trackway.edge.ratelimit import RateLimits
from trackway.edge.singles import SinglesEndpoint
from trackway.edge.verification import Verifier
from trackway.geo.locator import Locator
from trackway.journal.commit import GroupCommit
from trackway.journal.entry import Endpoint
from trackway.journal.head import Head
from trackway.projects.directory import ProjectDirectory
from trackway.settings import Settings
from trackway.store.client import Store


class Parts(NamedTuple):
    """What an edge process has one of."""

    settings: Settings
    directory: ProjectDirectory
    access: Access
    rates: RateLimits
    journal: GroupCommit
    store: Store
    in_flight: InFlight
    locator: Locator
    health: Health
    accounts: accounts.AccountsEndpoint
    verifier: Verifier
    changes: Changes
    head: Head
    stopping: asyncio.Event
    """Set when the process is told to stop: replies that have no end of their own end."""


MakePages = Callable[[Parts], Handler]
"""Makes what answers for the web pages, which know the edge, and not the other way round."""
PAGES_PATH = "/app"


def routes_of(parts: Parts, make_pages: MakePages) -> Routes:
    settings, directory, access, rates, journal, store, in_flight, locator, health, service_accounts, *_ = parts
    records = {
        endpoint: RecordsEndpoint(endpoint, settings, directory, access, journal, rates, in_flight, locator)
        for endpoint in Endpoint
    }
    singles = SinglesEndpoint(settings, journal, in_flight, records[Endpoint.TRACK])
    profiles = profile_query.ProfileQueryEndpoint(access, rates, store, in_flight)
    persons = identity.IdentityEndpoints(access, rates, store, journal, in_flight)
    tables = lookup_tables.LookupTablesEndpoint(access, settings, store, in_flight)
    pages = make_pages(parts)
    at = {
        "": Route(pages, ("GET", "HEAD")),
        PAGES_PATH: Route(pages, ("GET", "HEAD")),
        # By GET, too: the Node SDK sends single records so, even to /import.
        **{endpoint.path: Route(handler, ("GET", "POST")) for endpoint, handler in records.items()},
        Endpoint.TRACK.path: Route(records[Endpoint.TRACK], ("GET", "POST"), singles.direct),
        export.PATH: Route(export.ExportEndpoint(access, rates, store), ("GET",)),
        **{path: Route(profiles, ("GET", "POST")) for path in profile_query.PATHS},
        identity.PATH: Route(persons.show, ("GET",)),
        identity.PREVIEW_PATH: Route(persons.preview, ("GET",)),
        identity.UNLINK_PATH: Route(persons.unlink, ("POST",)),
        rate_query.PATH: Route(rate_query.RateQueryEndpoint(access, rates), ("GET",)),
        lookup_tables.PATH: Route(tables, ("GET", "POST")),
        "/healthz": Route(health.healthz, ("GET", "HEAD")),
        "/readyz": Route(health.readyz, ("GET", "HEAD")),
        "/metrics": Route(health.metrics, ("GET", "HEAD")),
        **SIDE_ROUTES,
    }
    return Routes(at, {lookup_tables.PATH: tables, accounts.PATH: service_accounts, PAGES_PATH: pages})
