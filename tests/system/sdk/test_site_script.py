"""A page of plain HTML that loads the real browser SDK from the server, and from nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sdk.browser import Chromium
from tests.support.sdk.website import website
from tests.support.server import Server, running_server
from trackway.web.snippets import snippets

DIST = Path(__file__).parents[3] / "node_modules/mixpanel-browser/dist"
LOADER = '<script>var MIXPANEL_CUSTOM_LIB_URL = "%s/lib/site.js";</script><script>%s</script>'
CALLS = '<script>mixpanel.init("%s", { api_host: "%s" }); mixpanel.track("Page opened", { plan: "free" });</script>'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("script") / "data"
    with running_server(place, "--workers", "1", "--browser-sdk-path", str(DIST / "mixpanel.min.js")) as server:
        yield server


def sends_one(served: Server, chromium: Chromium, head: str) -> None:
    with website({"/shop": head}) as site:
        tab = chromium.tab()
        tab.open(f"{site}/shop")
        assert [each.status for each in tab.sent_when("/track", 1)] == [200], tab.complaints
        scripts = [each for each in tab.requests if each.url == f"{served.url}/lib/site.js"]
        assert [each.status for each in scripts] == [200]
        elsewhere = [each.url for each in tab.requests if not each.url.startswith((site, served.url))]
        assert (elsewhere, tab.complaints) == ([], [])
        tab.close()


def test_the_tag_of_the_page_loads_the_script_and_sends_an_event(served: Server, chromium: Chromium) -> None:
    project = served.create_project()
    [tag] = [each.text for each in snippets(project.token, served.url, with_script=True) if each.id == "page"]
    sends_one(served, chromium, tag)
    [line] = served.export_when(project, 1)
    assert (line["event"], line["properties"]["plan"]) == ("Page opened", "free")


def test_the_loader_snippet_of_the_package_takes_its_script_here(served: Server, chromium: Chromium) -> None:
    """It queues calls until the script is there."""
    project = served.create_project()
    loader = LOADER % (served.url, (DIST / "mixpanel-jslib-snippet.min.js").read_text())
    sends_one(served, chromium, loader + CALLS % (project.token, served.url))
    [line] = served.export_when(project, 1)
    assert (line["event"], line["properties"]["plan"]) == ("Page opened", "free")
