"""`trackway store serve`: a server keeps everything in it by its address, and it refuses what it should."""

import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command_line import trackway
from tests.support.http.events import import_all, record
from tests.support.http.exchange import Request, ask
from tests.support.server import basic, running_server
from tests.support.store.served import PASSWORD, ServedStore
from trackway.domain.errors import StorageError
from trackway.embedded.process import address
from trackway.store.client import Store

EVENTS = 5


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("long enough\n")
    return str(path)


def test_server_keeps_its_events_in_a_served_store_and_both_stop_well(tmp_path: Path) -> None:
    with ServedStore(tmp_path / "served") as served:
        with running_server(tmp_path / "data", "--store-url", served.url) as server:
            project = server.project
            import_all(server, project, [record(project, "e", insert_id=f"id-{n}") for n in range(EVENTS)])
            assert len(server.export_when(project, EVENTS)) == EVENTS
            query = "/api/query/segmentation?event=e&from_date=2001-09-01&to_date=2001-09-30"
            reply = server.ask(Request("GET", query, (basic(project.secret),)))
            assert reply.status == 200, reply.body
            assert not (server.data_dir / "store").exists()
        assert served.stop() == tmp_path / "served" / "store"
        served.start()
        with closing(Store(served.url)) as store:
            assert store.query("SELECT count() FROM events FINAL") == [(EVENTS,)]
        served.stop()


def test_password_is_required_and_is_in_no_line_of_the_log(tmp_path: Path) -> None:
    with ServedStore(tmp_path / "served") as served:
        for user, password, status in (("trackway", "wrong word", 403), ("default", PASSWORD, 403), ("", "", 403)):
            asked = Request("POST", "/", (basic(user, password),), b"SELECT 1")
            assert ask(served.port, asked).status == status
        assert ask(served.port, Request("POST", "/", (), b"SELECT 1")).status == 401
        assert ask(served.port, Request("POST", "/", (basic("trackway", PASSWORD),), b"SELECT 1")).body == b"1\n"
        served.stop()
    assert PASSWORD not in served.log.read_text()
    assert "a%2Fword" not in served.log.read_text()


def test_store_is_its_owners_alone(tmp_path: Path) -> None:
    with ServedStore(tmp_path / "served") as served:
        with closing(Store(served.url)) as store:
            store.command("CREATE TABLE t (n UInt8) ENGINE = MergeTree ORDER BY n")
            store.command("INSERT INTO t SELECT 1")
        served.stop()
    paths = [tmp_path / "served", *(tmp_path / "served").rglob("*")]
    assert len(paths) > 10
    assert [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()] == []


def test_directory_and_address_in_use_are_refused(tmp_path: Path, password_file: str) -> None:
    with ServedStore(tmp_path / "served") as served:
        more = ("--password-file", password_file)
        second = trackway("store", "serve", "--address", "127.0.0.1:0", "--data-dir", str(served.data_dir), *more)
        assert second.returncode == 1
        assert f"uses {served.data_dir}: stop it first" in second.stderr
        beside = trackway("serve", "--port", "0", "--data-dir", str(served.data_dir))
        assert beside.returncode == 1 and f"uses {served.data_dir}" in beside.stderr
        at = f"127.0.0.1:{served.port}"
        taken = trackway("store", "serve", "--address", at, "--data-dir", str(tmp_path / "other"), *more)
        assert (taken.returncode, taken.stdout) == (1, "")
        assert f"cannot listen on 127.0.0.1 port {served.port}" in taken.stderr
        served.stop()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--address", "127.0.0.1:0"), "missing option '--password-file'"),
        (("--password-file", "none"), "password file none cannot be read: no such file or directory"),
        (("--password-file", "short"), "password file short must hold one line of 8 to 256 characters"),
        (("--password-file", "p", "--address", "127.0.0.1"), "must be HOST:PORT such as 127.0.0.1:8123"),
        (("--password-file", "p", "--address", "::1:8123"), "must be HOST:PORT such as"),
        (("--password-file", "p", "--address", "127.0.0.1:65536"), "must be HOST:PORT such as"),
    ],
)
def test_wrong_arguments_are_one_line_and_make_nothing(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("1234567\n")
    done = trackway("store", "serve", "--data-dir", "new", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr
    assert not (tmp_path / "new").exists()


def test_ipv6_address_is_served_and_named_in_brackets(tmp_path: Path) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback address")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as sock:
        assert address(sock, "p") == f"http://trackway:p@[::1]:{sock.getsockname()[1]}/default"


def test_store_opens_after_a_stop_at_once_and_after_a_kill(tmp_path: Path) -> None:
    with ServedStore(tmp_path / "served") as served:
        for _ in range(3):
            served.stop()
            served.start()
        served.kill()
        served.start()
        with closing(Store(served.url)) as store:
            store.ping()
        served.stop()
        with closing(Store(served.url, connect_timeout_s=1)) as store, pytest.raises(StorageError):
            store.ping()
