"""Kept results: what goes when there is no room."""

from trackway.store.limits import RESULT_OVERHEAD_BYTES, RESULT_SHARE_MAX
from trackway.store.result_cache import ResultCache

RESULT = bytes(100)
ONE = 1 + len(RESULT) + RESULT_OVERHEAD_BYTES


def kept(results: ResultCache, keys: bytes) -> bytes:
    return bytes(key for key in keys if results.get(bytes([key])) is not None)


def test_the_least_lately_used_goes_first() -> None:
    results = ResultCache(4 * ONE)
    for key in b"abcd":
        results.put(bytes([key]), RESULT)
    assert results.get(b"a") == RESULT
    results.put(b"e", RESULT)
    assert results.get(b"b") is None
    results.put(b"f", RESULT)
    assert kept(results, b"abcdef") == b"adef"


def test_a_result_that_replaces_one_takes_its_room() -> None:
    results = ResultCache(4 * ONE)
    for key in b"abcd" * 3:
        results.put(bytes([key]), RESULT)
    assert kept(results, b"abcd") == b"abcd"


def test_a_result_of_too_large_a_part_of_the_room_is_not_kept() -> None:
    results = ResultCache(RESULT_SHARE_MAX * ONE)
    results.put(b"a", RESULT)
    results.put(b"b", RESULT + b"!")
    assert kept(results, b"ab") == b"a"
