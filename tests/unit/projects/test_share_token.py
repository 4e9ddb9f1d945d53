"""Tokens of shared links, and what a link shows."""

import pytest

from trackway.projects.share_token import Target, hash_of, new_token


def test_tokens_are_never_alike_and_only_tokens_have_a_hash() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == len({hash_of(each) for each in tokens}) == 100
    assert all(len(hash_of(each)) == 64 for each in tokens)
    for text in ("", "a" * 42, "a" * 44, "a" * 42 + "\n", "ä" * 43, "a" * 100_000):
        assert hash_of(text) == "", text[:50]


def test_a_target_is_read_as_it_is_written() -> None:
    for target in (Target("report", 7), Target("dashboard", 2_147_483_647)):
        assert Target.of(str(target)) == target


@pytest.mark.parametrize("text", ["", "report", "report 7 ", "cohort 7", "report -7", "report 12345678901", "report ٣"])
def test_other_texts_are_no_target(text: str) -> None:
    assert Target.of(text) is None
