"""Signing in and out, and what a session is worth: over plain HTTP, as anybody may try."""

import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.certificates import authority
from tests.support.http.exchange import Reply, Request
from tests.support.server import IN_EVERY_PROCESS, Project, Server, running_server
from tests.support.service_accounts import accounts_of, everywhere, new_account
from tests.support.web.event_stream import open_stream
from tests.support.web.visitor import Visit, admin_password, signed_in
from trackway.web.site import CONTENT_SECURITY_POLICY


def settings_of(project: Project) -> str:
    return f"/app/projects/{project.project_id}/settings"


def test_pages_lead_to_the_sign_in_form_and_back(server: Server, project: Project, password: str) -> None:
    visit = Visit(server)
    asked = visit.get(settings_of(project) + "?a=b%26c")
    assert asked.status == 303
    where = asked.header("location")
    assert where == f"/app/sign-in?next=%2Fapp%2Fprojects%2F{project.project_id}%2Fsettings%3Fa%3Db%2526c"
    assert f'value="{settings_of(project)}?a=b%26c"' in visit.get(where).body.decode()
    done = visit.sign_in("admin", password, settings_of(project) + "?a=b%26c")
    assert (done.status, done.header("location")) == (303, settings_of(project) + "?a=b%26c")
    assert visit.get(settings_of(project)).status == 200


ELSEWHERE = ["https://example.com/app/", "//example.com/app/", "/app\\@example.com", "/track", "/app/\n", "data:1"]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_signing_in_leads_nowhere_else(server: Server, password: str, wanted: str) -> None:
    assert Visit(server).sign_in("admin", password, wanted).header("location") == "/app/"


def test_wrong_secrets_open_nothing_and_look_alike(server: Server, project: Project, password: str) -> None:
    account = new_account(server, {project.project_id: "owner"})
    pairs = [
        ("admin", password + "x"),
        ("admin", ""),
        ("admin", account.secret),
        (account.username, password),
        (account.username, ""),
        ("nobody.123456.mp-service-account", password),
        (project.token, ""),
        (project.secret, ""),
        ("", ""),
        ("admin", "x" * 10_000),
    ]
    for name, secret in pairs:
        visit = Visit(server)
        reply = visit.sign_in(name, secret)
        assert reply.status == 403 and b"Wrong name or password" in reply.body, (name, secret)
        assert visit.cookies == {}


def test_cookie_is_for_our_pages_alone(server: Server, password: str) -> None:
    cookie = Visit(server).sign_in("admin", password).header("set-cookie")
    assert cookie is not None
    attributes = {each.strip().lower() for each in cookie.split(";")[1:]}
    assert attributes == {"httponly", "samesite=lax", "path=/app", "max-age=43200"}


def test_cookies_that_we_did_not_make_are_nobody(server: Server, admin: Visit) -> None:
    [(name, value)] = admin.cookies.items()
    body, moment, signature = value.split(".")
    forged = [
        "",
        "x",
        value[:-1],
        value + "A",
        f"{body[:-1]}A.{moment}.{signature}",
        f"{body}.AAAAAA.{signature}",
        "a" * 9000,
    ]
    for each in forged:
        assert Visit(server, {name: each}).get("/app/").status == 303, each


def test_cookie_is_read_as_it_stands_among_others(server: Server, admin: Visit) -> None:
    """Nothing is unquoted, which the standard library does in a time that grows with the square of the length."""
    [(name, value)] = admin.cookies.items()
    statuses = {
        f"{name}={value}": 200,
        f"a={name};b=;; {name} = {value} ; c": 200,
        f'{name}="{value}"': 303,
        f'{name}="\\{ord(value[0]):03o}{value[1:]}"': 303,
    }
    for cookies, status in statuses.items():
        assert Visit(server).get("/app/", ("Cookie", cookies)).status == status, cookies


def test_signing_out_ends_the_session_at_every_process(server: Server, project: Project, password: str) -> None:
    visit, other = signed_in(server, "admin", password), signed_in(server, "admin", password)
    kept = Visit(server, dict(visit.cookies))
    csrf = {"csrf": kept.csrf}
    with open_stream(kept, f"/app/projects/{project.project_id}/events/stream?since=1.0") as stream:
        assert stream.line() == "retry: 1000"
        done = visit.post("/app/sign-out")
        assert (done.status, done.header("location")) == (303, "/app/sign-in")
        stream.read_to_end()
    assert visit.get("/app/").status == 303
    assert [kept.get("/app/").status for _ in range(IN_EVERY_PROCESS)] == [303] * IN_EVERY_PROCESS
    assert kept.send("/app/projects", {**csrf, "name": "x"}, ("Origin", kept.origin)).status == 401
    assert other.get("/app/").status == 200, "another session of the same name goes on"


def test_forms_from_elsewhere_are_refused(server: Server, password: str) -> None:
    admin = signed_in(server, "admin", password)

    def refused(reply: Reply) -> bool:
        return reply.status == 403 and b"open the page again" in reply.body

    token = {"csrf": admin.csrf}
    other = signed_in(server, "admin", password)
    assert refused(admin.send("/app/sign-out", token)), "no origin"
    assert refused(admin.send("/app/sign-out", token, ("Origin", "http://example.com")))
    assert refused(admin.send("/app/sign-out", token, ("Origin", "null")))
    assert refused(admin.send("/app/sign-out", token, ("Origin", admin.origin), ("Sec-Fetch-Site", "same-site")))
    assert refused(admin.send("/app/sign-out", {}, ("Origin", admin.origin)))
    assert refused(admin.send("/app/sign-out", {"csrf": other.csrf}, ("Origin", admin.origin))), "of another session"
    assert refused(Visit(server).send("/app/sign-in", {"name": "admin", "secret": password}))
    assert admin.get("/app/").status == 200, "none of them signed out"
    behind_a_proxy = (("Origin", "https://events.example.com"), ("Sec-Fetch-Site", "same-origin"))
    assert admin.send("/app/sign-out", token, *behind_a_proxy).status == 303


def test_forms_are_bounded_and_forms(server: Server, admin: Visit) -> None:
    origin = ("Origin", admin.origin)
    assert admin.send("/app/sign-out", {"csrf": "x" * 70_000}, origin).status == 413
    assert admin.send("/app/sign-out", {f"f{i}": "" for i in range(300)}, origin).status == 400
    json = Request("POST", "/app/sign-in", (origin, ("Content-Type", "application/json")), b"{}")
    assert server.ask(json).status == 415


def test_session_of_a_revoked_account_ends(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "analyst"})
    visit = signed_in(server, account.username, account.secret)
    assert visit.get(settings_of(project)).status == 200
    accounts_of(server).revoke(account.account_id)
    assert everywhere(lambda: visit.get(settings_of(project)).status == 303)


def test_session_ends_with_the_account_that_expires(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "analyst"}, int(time.time() * 1000) + 1500)
    visit = signed_in(server, account.username, account.secret)
    assert visit.get(settings_of(project)).status == 200
    assert everywhere(lambda: visit.get(settings_of(project)).status == 303)
    assert visit.sign_in(account.username, account.secret).status == 403


def test_role_that_is_taken_away_is_gone_from_the_pages(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "analyst", server.project.project_id: "consumer"})
    visit = signed_in(server, account.username, account.secret)
    assert project.name in visit.get("/app/").body.decode()
    accounts_of(server).remove({project.project_id: [account.account_id]})
    assert everywhere(lambda: visit.get(settings_of(project)).status == 404)
    assert project.name not in visit.get("/app/").body.decode()


def test_project_of_others_does_not_exist(server: Server, project: Project) -> None:
    account = new_account(server, {project.project_id: "owner"})
    visit = signed_in(server, account.username, account.secret)
    others, nowhere = visit.get(settings_of(server.project)), visit.get("/app/projects/999999/settings")
    assert (others.status, nowhere.status) == (404, 404)
    assert others.body == nowhere.body
    assert server.project.name not in visit.get("/app/").body.decode()


def test_every_reply_forbids_what_pages_do_not_need(server: Server, admin: Visit) -> None:
    for path in ("/", "/app", "/app/", "/app/sign-in", "/app/nothing", "/app/static/site.css", "/app/static/nothing"):
        reply = admin.get(path)
        assert reply.header("content-security-policy") == CONTENT_SECURITY_POLICY, path
        assert reply.header("x-content-type-options") == "nosniff"
        assert reply.header("referrer-policy") == "same-origin"
        assert reply.header("access-control-allow-origin") is None
        lasts = "static/site" in path
        assert reply.header("cache-control") == ("no-cache" if lasts else "no-store"), path


def test_styles_are_kept_by_their_content(server: Server, admin: Visit) -> None:
    page = admin.get("/app/").body.decode()
    path = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    first = admin.get(path)
    assert (first.status, first.header("cache-control")) == (200, "public, max-age=31536000, immutable")
    etag = first.header("etag")
    assert etag is not None
    assert admin.get(path, ("If-None-Match", etag)).status == 304
    assert admin.get("/app/static/site.css?v=0").header("cache-control") == "no-cache"
    assert admin.get("/app/static/..%2fsite.py").status == 404


def test_methods_that_a_page_does_not_take_are_refused(server: Server, admin: Visit, project: Project) -> None:
    assert admin.post(settings_of(project)).status == 405
    assert admin.get("/app/sign-out").status == 405


def test_new_admin_password_ends_the_sessions_of_the_one_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("admin") / "data"
    with running_server(place, "--workers", "2", "--path-prefix", "/mixpanel") as server:
        first = (place / "first-start.txt").read_text().partition("name admin   password ")[2].split()[0]
        visit = signed_in(server, "admin", first)
        assert visit.get("/app/").status == 200
        second = admin_password(server)
        assert everywhere(lambda: visit.get("/app/").status == 303)
        assert visit.sign_in("admin", first).status == 403
        assert visit.sign_in("admin", second).header("location") == "/mixpanel/app/"
        ended = signed_in(server, "admin", second)
        left = Visit(server, dict(ended.cookies))
        assert ended.post("/app/sign-out").status == 303
        assert (place / "session.key").stat().st_mode & 0o777 == 0o600
    with running_server(place, "--workers", "1", "--path-prefix", "/mixpanel") as again:
        visit.server = left.server = again
        assert left.get("/app/").status == 303, "and so do their ends"
        assert visit.get("/app/").status == 200, "sessions hold over a restart"
        assert (place / "first-start.txt").read_text().count("name admin") == 1, "written once"
        assert visit.get("/").header("location") == visit.get("").header("location") == "/mixpanel/app/"


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that speaks TLS itself."""
    place = tmp_path_factory.mktemp("secure")
    trusted = authority(place)
    trusted.sign(place / "server.pem", place / "server-key.pem")
    files = ["--tls-cert", str(place / "server.pem"), "--tls-key", str(place / "server-key.pem")]
    context = ssl.create_default_context(cafile=str(trusted.certificate))
    with running_server(place / "data", "--workers", "1", *files, tls=context) as running:
        yield running


def test_cookie_stays_within_tls(secure: Server) -> None:
    visit = Visit(secure)
    cookie = visit.sign_in("admin", admin_password(secure)).header("set-cookie")
    assert cookie is not None and "; Secure" in cookie
    assert visit.get("/app/").status == 200


EVERY_WAY = [
    Request("GET", "/app/sign-in"),
    Request("GET", "/nothing"),
    Request("POST", "/track", (("Content-Type", "application/json"),), b"[]"),
    Request("POST", "/track", (("Content-Type", "application/json"),), b" " * 100_000),
    Request("GET", "/api/2.0/export"),
]


@pytest.mark.parametrize("request_", EVERY_WAY, ids=["page", "unknown", "direct", "large", "keyed"])
def test_browsers_keep_to_tls_where_the_server_speaks_it(secure: Server, server: Server, request_: Request) -> None:
    assert secure.ask(request_).header("strict-transport-security") == "max-age=31536000"
    assert server.ask(request_).header("strict-transport-security") is None


def test_cookie_stays_within_tls_that_a_trusted_proxy_speaks(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("proxied") / "data"
    with running_server(place, "--workers", "1", "--trusted-proxies", "127.0.0.1") as behind:
        fields = {"name": "admin", "secret": admin_password(behind)}
        for header, within in ((("X-Forwarded-Proto", "https"), True), (("X-Forwarded-Proto", "ftp"), False)):
            visit = Visit(behind)
            cookie = visit.send("/app/sign-in", fields, ("Origin", visit.origin), header).header("set-cookie")
            assert cookie is not None and ("; Secure" in cookie) is within


def test_stranger_does_not_speak_for_a_proxy(server: Server, password: str) -> None:
    visit, fields = Visit(server), {"name": "admin", "secret": password}
    headers = (("Origin", visit.origin), ("X-Forwarded-Proto", "https"))
    cookie = visit.send("/app/sign-in", fields, *headers).header("set-cookie")
    assert cookie is not None and "Secure" not in cookie


def test_key_that_cannot_be_used_is_a_503_until_it_is_mended(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("key") / "data"
    place.mkdir()
    key = place / "session.key"
    key.write_bytes(b"short")
    with running_server(place, "--workers", "1") as server:
        visit = Visit(server)
        assert visit.get("/app/").status == 503
        assert server.ask(Request("GET", "/healthz")).status == 200
        key.unlink()
        assert visit.get("/app/").status == 303


def test_server_that_shows_no_page_never_imports_what_pages_need() -> None:
    script = "import sys, trackway.supervisor; print(*(name for name in sys.modules if name in set(sys.argv[1:])))"
    heavy = ["starlette", "jinja2", "itsdangerous", "sqlalchemy", "trackway.web.site", "trackway.web.mount"]
    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["trackway.web.mount"]
