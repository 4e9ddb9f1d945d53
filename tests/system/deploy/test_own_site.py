"""A site that passes events to the server at an address of its own: nginx with deploy/proxy's example, in a browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.deploy.same_site import own_site, same_site_tag
from tests.support.http.exchange import Request, ask
from tests.support.sdk.browser import Chromium
from tests.support.server import Server, running_server

SDK = Path(__file__).parents[3] / "node_modules/mixpanel-browser/dist/mixpanel.min.js"
BLOCKED = ("mixpanel", "track", "analytics", "engage", "mp_", "/lib", "telemetry", "stat", "collect", "pixel")
"""What lists of content blockers look for in addresses, and the server's own names."""
MORE = """<script>
  mixpanel.identify("user-1");
  mixpanel.people.set({ plan: "free" });
  mixpanel.get_group("company", "Acme").set({ seats: 12 });
</script>"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    arguments = ("--workers", "1", "--trusted-proxies", "127.0.0.1/32", "--browser-sdk-path", str(SDK))
    with running_server(tmp_path_factory.mktemp("own-site") / "data", *arguments) as server:
        yield server


def test_a_page_loads_the_sdk_from_its_own_site_and_sends_to_it_alone(served: Server, chromium: Chromium) -> None:
    project = served.create_project()
    tag = same_site_tag().replace("<token>", project.token)
    with own_site(served.port, f"<!doctype html><title>Shop</title>{tag}{MORE}<body>Shop") as origin:
        tab = chromium.tab()
        tab.open(origin)
        for path in ("/own/e", "/own/p", "/own/g"):
            assert {each.status for each in tab.sent_when(path, 1)} == {200}, tab.requests
        sent = [urlsplit(each.url) for each in tab.requests]
        tab.close()
    assert {f"{each.scheme}://{each.netloc}" for each in sent} == {origin}
    assert not [each.path for each in sent for word in BLOCKED if word in each.path]
    lines = served.export_when(project, 2)
    assert sorted(line["event"] for line in lines) == ["$identify", "Page opened"]


def test_only_what_the_sdk_asks_is_passed(served: Server) -> None:
    with own_site(served.port, "Shop") as origin:
        port = urlsplit(origin).port or 0
        script = ask(port, Request("GET", "/own/site.js"))
        assert (script.status, script.body) == (200, SDK.read_bytes())
        for path in ("/own/app/", "/own/", "/own/api/2.0/export", "/own/metrics", "/own/e/../../app/", "/own/x/e"):
            assert ask(port, Request("GET", path)).status == 404, path
