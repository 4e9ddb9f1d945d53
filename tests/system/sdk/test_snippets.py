"""The snippets of the docs and the Events page send everything to this server, and nothing elsewhere.

Each is run as it is written, in the real language with the real SDK, behind a proxy that refuses other hosts and
remembers which were asked for. The client that a snippet makes is then called for what the snippet does not show.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page

from tests.support.deploy.same_site import same_site_tag
from tests.support.profile_server import ProfileServer
from tests.support.sdk.browser import Chromium
from tests.support.sdk.https_front import Certificate, certificate, tls_front
from tests.support.sdk.refusing_proxy import Proxy, refusing_proxy
from tests.support.server import Project
from tests.support.waiting import wait_until
from trackway.web.snippets import snippets

ROOT = Path(__file__).parents[3]
REFUSE_ELSEWHERE = Path(__file__).with_name("refuse_elsewhere.js")
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
SNIPPETS = ROOT / "docs/sdks.md"
ADDRESS = "http://127.0.0.1:8080"
OLD = 1_500_000_000
TIMEOUT_S = 60
ANN = {"$name": "Ann", "plan": "free"}
ACME = {"seats": 12}
PROFILES = {("", "user-1"): ANN, ("company", "Acme"): ACME}
PYTHON_MORE = """
mixpanel.people_append("user-2", {"tags": "x"})
mixpanel.group_union("company", "Other", {"tags": ["x"]})
mixpanel.import_data(None, "user-1", "Old", 1500000000, {"$insert_id": "1"}, api_secret="%s")
mixpanel.merge(None, "user-1", "user-2", api_secret="%s")
"""
NODE_MORE = """
mixpanel.set_config({ secret: "%s" });
mixpanel.people.append("user-2", "tags", "x");
mixpanel.groups.union("company", "Other", { tags: ["x"] });
mixpanel.import("Old", 1500000000, { distinct_id: "user-1", $insert_id: "1" });
mixpanel.track_batch([{ event: "Batch", properties: { distinct_id: "user-1" } }]);
"""
MORE_PROFILES = PROFILES | {("", "user-2"): {"tags": ["x"]}, ("company", "Other"): {"tags": ["x"]}}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def tls_port(profile_server: ProfileServer, trusted: Certificate) -> Iterator[int]:
    with tls_front(profile_server.server.port, trusted) as port:
        yield port


@pytest.fixture
def proxy(profile_server: ProfileServer, tls_port: int) -> Iterator[Proxy]:
    """Lets through to the server alone; at the end, nobody wanted to go elsewhere."""
    with refusing_proxy(profile_server.server.port, tls_port) as running:
        yield running
    assert running.refused == []


def run_program(program: list[str], text: str, variables: dict[str, str]) -> None:
    environment = os.environ | variables
    done = subprocess.run(program, input=text, env=environment, text=True, capture_output=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr


def run_node(text: str, proxy: Proxy, tmp_path: Path, **variables: str) -> None:
    """With a hook in place of the proxy, of which this SDK's present version dies."""
    refused = tmp_path / "refused"
    own = {"NODE_PATH": str(ROOT / "node_modules"), "REFUSED_FILE": str(refused)}
    hook = {"ALLOWED_PORTS": ",".join(map(str, proxy.allowed)), "HTTP_PROXY": "", "HTTPS_PROXY": ""}
    run_program(["node", "--require", str(REFUSE_ELSEWHERE), "-"], text, own | hook | variables)
    proxy.refused += refused.read_text().splitlines() if refused.exists() else []


def snippet(project: Project, address: str, name: str) -> str:
    return next(each.text for each in snippets(project.token, address, with_script=True) if each.id == name)


def test_docs_have_the_snippets_of_the_page() -> None:
    written = re.findall(r"```(?:python|js|html)\n(.*?)\n```", SNIPPETS.read_text(), re.DOTALL)
    assert written == [each.text for each in snippets("<token>", ADDRESS, with_script=True) if each.id != "curl"]


def test_no_page_of_the_docs_has_a_client_that_no_test_runs() -> None:
    texts = {path.name: re.findall(r"```(?:python|js|ts|html)\n(.*?)\n```", path.read_text(), re.DOTALL) for path in
             DOCUMENTS if path != SNIPPETS}  # fmt: skip
    assert {name: found for name, found in texts.items() if found} == {
        "identity.md": [IDENTITY_CALL],
        "proxy.md": [same_site_tag()],
    }


IDENTITY_CALL = 'mp.track("user-1", "$create_alias", {"alias": "nick"})'


def test_python_snippet_sends_everything_here(
    profile_server: ProfileServer, profile_project: Project, proxy: Proxy
) -> None:
    text = snippet(profile_project, profile_server.server.url, "python")
    more = PYTHON_MORE % (profile_project.secret, profile_project.secret)
    alias = IDENTITY_CALL.replace("mp.", "mixpanel.")
    run_program([sys.executable, "-"], f"{text}\n{more}\n{alias}", proxy.environment)
    lines = profile_server.server.export_when(profile_project, 4)
    assert sorted(line["event"] for line in lines) == ["$create_alias", "$merge", "Old", "Sign up"]
    assert profiles_of(profile_server, profile_project) == MORE_PROFILES


def test_node_snippet_sends_everything_here(
    profile_server: ProfileServer,
    profile_project: Project,
    proxy: Proxy,
    tls_port: int,
    trusted: Certificate,
    tmp_path: Path,
) -> None:
    """Over TLS, without which this SDK imports nothing."""
    text = snippet(profile_project, f"https://127.0.0.1:{tls_port}", "node") + NODE_MORE % profile_project.secret
    run_node(text, proxy, tmp_path, NODE_EXTRA_CA_CERTS=str(trusted.chain))
    lines = profile_server.server.export_when(profile_project, 3)
    assert sorted(line["event"] for line in lines) == ["Batch", "Old", "Sign up"]
    assert profiles_of(profile_server, profile_project) == MORE_PROFILES


def test_node_snippet_of_a_plain_address_arrives(
    profile_server: ProfileServer, profile_project: Project, proxy: Proxy, tmp_path: Path
) -> None:
    text = snippet(profile_project, profile_server.server.url, "node")
    run_node(text, proxy, tmp_path)
    assert [line["event"] for line in profile_server.server.export_when(profile_project, 1)] == ["Sign up"]
    assert profiles_of(profile_server, profile_project) == PROFILES


def test_curl_snippet_arrives(profile_server: ProfileServer, profile_project: Project, proxy: Proxy) -> None:
    run_program(["sh"], snippet(profile_project, profile_server.server.url, "curl"), proxy.environment)
    assert [line["event"] for line in profile_server.server.export_when(profile_project, 1)] == ["Sign up"]


def test_browser_snippet_sends_everything_here(
    profile_server: ProfileServer, profile_project: Project, proxy: Proxy, site: str, chromium: Chromium
) -> None:
    proxy.allowed.add(int(site.rpartition(":")[2]))
    text = snippet(profile_project, profile_server.server.url, "browser")
    context = chromium.wait(run_in_page(chromium, proxy, f"{site}/modules", text))
    server = profile_server.server
    wait_until(lambda: len(server.export(profile_project)) == 2, TIMEOUT_S, lambda: str(server.export(profile_project)))
    assert sorted(line["event"] for line in server.export(profile_project)) == ["$identify", "Sign up"]
    wait_until(
        lambda: len(profile_server.profiles_of(profile_project)) == 2,
        TIMEOUT_S,
        lambda: str(profile_server.profiles_of(profile_project)),
    )
    profiles = profiles_of(profile_server, profile_project)
    chromium.wait(context.close())
    assert {key: value for key, value in profiles["", "user-1"].items() if key in ANN} == ANN
    assert profiles["company", "Acme"] == ACME


async def run_in_page(chromium: Chromium, proxy: Proxy, url: str, text: str) -> BrowserContext:
    context = await chromium.browser.new_context(proxy={"server": proxy.url, "bypass": "<-loopback>"})
    page: Page = await context.new_page()
    await page.goto(url)
    await page.add_script_tag(content=text, type="module")
    return context


def profiles_of(profile_server: ProfileServer, project: Project) -> dict[tuple[str, str], dict[str, Any]]:
    """Without the time, which differs each time."""
    found = profile_server.profiles_of(project)
    return {key: {name: value for name, value in own.items() if name != "$last_seen"} for key, own in found.items()}
