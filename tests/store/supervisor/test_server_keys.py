"""Which keys a start uses: those of this machine's files, or those that several machines share."""

from pathlib import Path

import pytest

from tests.support.projects.migrated import migrated_url
from tests.support.projects.postgresql import Cluster
from trackway.domain.errors import StateError, StorageError
from trackway.runtime.private_key import ERASURE_KEY_FILE, SESSION_KEY_FILE
from trackway.settings.table import Settings
from trackway.supervisor.server_keys import Keys, server_keys

NATS = "nats://127.0.0.1"


@pytest.fixture
def url(cluster: Cluster) -> str:
    return migrated_url(cluster)


def machine(directory: Path, projects_url: str = "", journal_url: str = "", **keys: bytes) -> Settings:
    """A machine with a data directory in which an earlier start left these keys."""
    directory.mkdir()
    for name, key in keys.items():
        (directory / f"{name}.key").write_bytes(key)
    return Settings(data_dir=directory, projects_url=projects_url, journal_url=journal_url)


def test_one_machine_keeps_its_keys_in_files(tmp_path: Path) -> None:
    settings = machine(tmp_path / "a")
    keys = server_keys(settings)
    assert keys == Keys(None, (tmp_path / "a" / ERASURE_KEY_FILE).read_bytes())
    assert server_keys(settings) == keys


def test_machines_of_one_journal_have_the_same_keys_and_a_copy_for_backups(url: str, tmp_path: Path) -> None:
    one, other = (server_keys(machine(tmp_path / name, url, NATS)) for name in "ab")
    assert one == other and one.session is not None
    assert {(tmp_path / name / ERASURE_KEY_FILE).read_bytes() for name in "ab"} == {one.erasure}
    assert not (tmp_path / "a" / SESSION_KEY_FILE).exists()


def test_the_files_of_the_first_machine_become_the_keys_of_all(url: str, tmp_path: Path) -> None:
    had = {"session": b"s" * 32, "erasure": b"e" * 32}
    assert server_keys(machine(tmp_path / "first", url, NATS, **had)) == Keys(had["session"], had["erasure"])
    assert server_keys(machine(tmp_path / "copied", url, NATS, **had)) == Keys(had["session"], had["erasure"])
    assert server_keys(machine(tmp_path / "new", url, NATS)) == Keys(had["session"], had["erasure"])


def test_another_key_of_sessions_gives_way_and_another_key_of_erasures_stops_the_start(
    url: str, tmp_path: Path
) -> None:
    keys = server_keys(machine(tmp_path / "first", url, NATS))
    assert server_keys(machine(tmp_path / "b", url, NATS, session=b"s" * 32)) == keys
    with pytest.raises(StateError, match="'erasure-us' in the table server_keys"):
        server_keys(machine(tmp_path / "c", url, NATS, erasure=b"e" * 32))


def test_servers_with_stores_of_their_own_share_sessions_alone(url: str, tmp_path: Path) -> None:
    one, other = (server_keys(machine(tmp_path / name, url)) for name in "ab")
    assert one.session == other.session is not None
    assert one.erasure != other.erasure


@pytest.mark.parametrize("name", [SESSION_KEY_FILE, ERASURE_KEY_FILE])
def test_a_damaged_file_becomes_no_key(name: str, url: str, tmp_path: Path) -> None:
    settings = machine(tmp_path / "a", url, NATS, **{name.removesuffix(".key"): b"short"})
    with pytest.raises(StorageError, match=f"{name} must hold 32 bytes"):
        server_keys(settings)
