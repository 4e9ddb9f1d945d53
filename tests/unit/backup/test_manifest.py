import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trackway.backup.manifest import FORMAT, Manifest, Stored, decode, encode, id_in, name_of, new_id
from trackway.domain.errors import StateError

MANIFEST = Manifest(
    format=FORMAT,
    id="20261130T180712345Z",
    version="1.0",
    origin="ab",
    began_ms=1,
    ended_ms=2,
    cursor=3,
    end=4,
    migration=20,
    revision="0014",
    kind="parts",
    tables={"events": "8e6831f1"},
    columns={},
    state=Stored("state/20261130T180712345Z.tar", 10, "aa"),
    parts=[Stored("parts/events/all_1_1_0-k.tar", 20, "bb", "events", "all_1_1_0", "k", 7)],
    new_bytes=30,
)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert decode("m", encode(MANIFEST)) == MANIFEST
    assert (MANIFEST.bytes, MANIFEST.events, MANIFEST.journal_generation) == (30, 7, 0)


@given(st.data())
def test_a_manifest_with_a_changed_byte_is_refused(data: st.DataObject) -> None:
    text = bytearray(encode(MANIFEST).rstrip())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(StateError):
        decode("m", bytes(text))


@given(st.integers(0, len(encode(MANIFEST)) - 2))
def test_a_manifest_that_was_cut_is_refused(length: int) -> None:
    with pytest.raises(StateError):
        decode("m", encode(MANIFEST)[:length])


def test_a_manifest_of_a_newer_format_names_its_version() -> None:
    newer = encode(msgspec.structs.replace(MANIFEST, format=FORMAT + 1, version="9.9"))
    with pytest.raises(StateError, match=r"version 9\.9"):
        decode("m", newer)


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_ids_are_in_the_order_of_time(one_ms: int, other_ms: int) -> None:
    one, other = new_id(one_ms), new_id(other_ms)
    assert (one < other) == (one_ms < other_ms)
    assert id_in(name_of(one)) == one


@pytest.mark.parametrize(
    "name", ["backups/x.json", "state/20261130T180712345Z.tar", "backups/20261130T180712345Z.json.new"]
)
def test_other_files_are_no_manifests(name: str) -> None:
    assert id_in(name) is None
