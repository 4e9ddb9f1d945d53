"""Sign-in by a provider of OpenID Connect: whom its answer opens, and which answers open nothing."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.http.exchange import Reply
from tests.support.personal_accounts import Person, new_person, people_of
from tests.support.server import Project, Server, running_server
from tests.support.service_accounts import everywhere, new_account
from tests.support.web.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider, fields_of, new_key, running_provider
from tests.support.web.visitor import Visit, admin_password, signed_in
from trackway.web.limits import PROVIDER_FAILURES_LOGGED_PER_MINUTE, SHARED_GUESSES_PER_MINUTE, SHARED_VISITS_PER_MINUTE

START = "/app/sign-in/provider"


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def served(provider: OidcProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("provided")
    (place / "secret").write_text(f"{CLIENT_SECRET}\n")
    arguments = ("--oidc-issuer", provider.issuer, "--oidc-client-id", CLIENT_ID, "--oidc-name", "Example ID")
    secret = ("--oidc-client-secret-file", str(place / "secret"))
    proxies = ("--trusted-proxies", "127.0.0.1")
    with running_server(place / "data", "--workers", "1", *arguments, *secret, *proxies) as server:
        yield server


@pytest.fixture(autouse=True)
def _as_it_was(provider: OidcProvider) -> Iterator[None]:
    key = provider.key
    yield
    provider.claims, provider.key, provider.published, provider.algorithm = {}, key, None, "RS256"


@pytest.fixture(scope="module")
def shop(served: Server) -> Project:
    return served.create_project()


@pytest.fixture
def ann(served: Server, shop: Project) -> Person:
    return new_person(served, {shop.project_id: "analyst"})


def start(visit: Visit, wanted: str = "") -> str:
    """The address to which the browser is sent."""
    reply = visit.get(f"{START}?next={wanted}")
    assert reply.status == 303, reply
    return reply.header("location") or ""


def back(visit: Visit, address: str) -> Reply:
    """The browser comes back by that address."""
    parts = urlsplit(address)
    return visit.get(f"{parts.path}?{parts.query}")


def tried(served: Server, provider: OidcProvider, **claims: Any) -> tuple[Visit, Reply]:
    visit = Visit(served)
    provider.claims = claims
    return visit, back(visit, provider.authorize(fields_of(start(visit))))


def events(project: Project) -> str:
    return f"/app/projects/{project.project_id}/events"


def test_a_person_signs_in_by_the_provider(served: Server, provider: OidcProvider, shop: Project, ann: Person) -> None:
    visit = Visit(served)
    page = visit.get(f"/app/sign-in?next={events(shop)}").body.decode()
    assert f'href="{START}?next={events(shop)}">Sign in with Example ID' in page
    address = start(visit, events(shop))
    assert address.startswith(f"{provider.issuer}/authorization_endpoint?")
    provider.claims = {"email": ann.email.upper()}
    reply = back(visit, provider.authorize(fields_of(address)))
    assert (reply.status, reply.header("location")) == (303, events(shop)), reply.body.decode()
    assert visit.get(events(shop)).status == 200
    assert CLIENT_SECRET not in (served.data_dir / "serve.log").read_text()


def test_the_second_factor_is_the_provider_s_part(served: Server, provider: OidcProvider, ann: Person) -> None:
    account = people_of(served).one(ann.account_id)
    from trackway.projects.second_factor_changes import SecondFactors  # noqa: PLC0415

    SecondFactors(served.projects).turn_on(ann.account_id, account.secret_hash, "sealed", 0, 0)
    assert everywhere(lambda: Visit(served).sign_in(ann.email, ann.password).status == 200)
    _, reply = tried(served, provider, email=ann.email)
    assert reply.status == 303


def test_who_joined_in_a_person_s_place_is_out_when_the_person_comes_by_the_provider(
    served: Server, provider: OidcProvider, shop: Project, ann: Person
) -> None:
    first = ann.visit(served)
    assert first.get(events(shop)).status == 200
    person, reply = tried(served, provider, email=ann.email)
    assert reply.status == 303 and person.get(events(shop)).status == 200
    assert everywhere(lambda: first.get(events(shop)).status == 303)
    assert Visit(served).sign_in(ann.email, ann.password).status == 403
    _, token = people_of(served).reset(ann.account_id)
    people_of(served).set_password(token, ann.password)
    again, reply = tried(served, provider, email=ann.email)
    assert reply.status == 303 and again.get(events(shop)).status == 200
    assert everywhere(lambda: Visit(served).sign_in(ann.email, ann.password).status == 303)


def test_whom_the_server_does_not_know_it_does_not_let_in(
    served: Server, provider: OidcProvider, shop: Project, ann: Person
) -> None:
    program = new_account(served, {shop.project_id: "owner"})
    gone = new_person(served, {shop.project_id: "analyst"})
    people_of(served).disable(gone.account_id)
    for email in ("nobody@example.com", program.username, "admin", gone.email):
        visit, reply = tried(served, provider, email=email)
        assert reply.status == 403 and b"has no account here" in reply.body, email
        assert visit.get(events(shop)).status == 303
    admin = signed_in(served, "admin", admin_password(served))
    assert everywhere(lambda: "sign-in refused" in admin.get("/app/audit").body.decode())


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email_verified": False}, "has not verified"),
        ({"email_verified": None}, "has not verified"),
        ({"email_verified": "true"}, "has not verified"),
        ({"nonce": "another"}, "for another sign-in"),
        ({"nonce": None}, "no nonce"),
        ({"iss": "http://127.0.0.1:1"}, "invalid issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": [CLIENT_ID, "another"]}, "for another application"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "missing"),
        ({"iat": int(time.time()) + 3600}, "not yet valid"),
        ({"email": None}, "no email"),
    ],
)
def test_an_answer_that_is_not_right_opens_nothing(
    served: Server, provider: OidcProvider, shop: Project, ann: Person, claims: dict[str, Any], reason: str
) -> None:
    visit, reply = tried(served, provider, **{"email": ann.email, **claims})
    assert reply.status == 403 and reason in reply.body.decode(), reply.body.decode()
    assert visit.get(events(shop)).status == 303


def test_an_answer_of_another_key_or_without_one_opens_nothing(
    served: Server, provider: OidcProvider, ann: Person
) -> None:
    _, right = tried(served, provider, email=ann.email)
    assert right.status == 303
    provider.published, provider.key = provider.key, new_key()
    _, forged = tried(served, provider, email=ann.email)
    assert forged.status == 403 and b"is not valid" in forged.body
    provider.algorithm = "HS256"
    _, shared = tried(served, provider, email=ann.email)
    assert shared.status == 403 and b"is not valid" in shared.body


def test_an_answer_for_another_browser_opens_nothing(
    served: Server, provider: OidcProvider, shop: Project, ann: Person
) -> None:
    provider.claims = {"email": ann.email}
    mine, other, nobody = Visit(served), Visit(served), Visit(served)
    address = provider.authorize(fields_of(start(mine)))
    start(other)
    refused = back(other, address)
    assert refused.status == 403 and b"for another browser" in refused.body
    late = back(nobody, address)
    assert late.status == 403 and b"took too long" in late.body
    assert other.get(events(shop)).status == nobody.get(events(shop)).status == 303
    assert back(mine, address).status == 303
    assert back(mine, address).status == 403, "a code is good once"


def test_who_is_refused_at_the_provider_comes_back_to_the_form(served: Server, provider: OidcProvider) -> None:
    visit = Visit(served)
    state = fields_of(start(visit))["state"]
    refused = visit.get(f"{START}/back?error=access_denied&state={state}")
    assert refused.status == 403 and b"it did not let you in" in refused.body


def test_strangers_are_bounded_and_keep_nobody_else_out(
    served: Server, provider: OidcProvider, shop: Project, ann: Person
) -> None:
    stranger = ("X-Forwarded-For", "198.51.100.7")
    visit = Visit(served)
    state = fields_of(start(visit))["state"]
    cookies = dict(visit.cookies)
    before = provider.exchanged

    def tries(number: int, path: str) -> set[int]:
        return {Visit(served, dict(cookies)).get(path, stranger).status for _ in range(number)}

    # Two windows of a minute at most.
    assert tries(2 * SHARED_GUESSES_PER_MINUTE + 1, f"{START}/back?code=x&state={state}") == {403, 429}
    assert provider.exchanged - before <= 2 * SHARED_GUESSES_PER_MINUTE
    assert 429 in tries(2 * SHARED_VISITS_PER_MINUTE + 1, START)
    assert tried(served, provider, email=ann.email)[1].status == 303


def test_failures_are_logged_so_often_in_a_minute(served: Server) -> None:
    def logged() -> int:
        return (served.data_dir / "serve.log").read_text().count("a sign-in by the provider failed")

    visit = Visit(served)
    start(visit)
    cookies, before = dict(visit.cookies), logged()
    tries = 2 * PROVIDER_FAILURES_LOGGED_PER_MINUTE + 1
    for number in range(tries):
        address = ("X-Forwarded-For", f"198.51.100.{100 + number % 100}")
        assert Visit(served, dict(cookies)).get(f"{START}/back?state=x", address).status == 403
    assert logged() - before < tries


def test_a_page_of_elsewhere_is_not_opened_afterwards(served: Server, provider: OidcProvider, ann: Person) -> None:
    visit = Visit(served)
    provider.claims = {"email": ann.email}
    address = start(visit, "https://example.com/")
    assert back(visit, provider.authorize(fields_of(address))).header("location") == "/app/"


def test_without_a_provider_there_is_no_such_page(server: Server) -> None:
    assert b"/sign-in/provider" not in Visit(server).get("/app/sign-in").body
    assert Visit(server).get(START).status == 404
