"""CESU-8 into UTF-8: every character beyond U+FFFF, every place it may stand, and nothing else touched."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trackway.edge.wire import cesu8
from trackway.edge.wire.cesu8 import joined_surrogates


def cesu(text: str) -> bytes:
    """As the browser SDK writes it: each unit of UTF-16 on its own."""
    units = text.encode("utf-16-le", "surrogatepass")
    each = (int.from_bytes(units[at : at + 2], "little") for at in range(0, len(units), 2))
    return "".join(map(chr, each)).encode("utf-8", "surrogatepass")


def test_an_emoji_written_as_two_surrogates_becomes_one_character() -> None:
    assert joined_surrogates(b'"\xed\xa0\xbd\xed\xb8\x80"') == '"😀"'.encode()


@given(st.text(st.characters(exclude_categories=())))
@example("\U00010000\U0010ffff퟿한")
def test_any_text_comes_out_as_utf8(text: str) -> None:
    units = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    assert joined_surrogates(cesu(text)) == units.encode("utf-8", "surrogatepass")


@given(st.text())
def test_utf8_stays_as_it_is(text: str) -> None:
    assert joined_surrogates(text.encode()) == text.encode()


@pytest.mark.parametrize("half", [b"\xed\xa0\xbd", b"\xed\xb8\x80", b"\xed\xb8\x80\xed\xa0\xbd", b"\xed\xa0", b"\xff"])
def test_a_half_or_a_broken_byte_stays_as_it_is_beside_a_pair(half: bytes) -> None:
    pair = cesu("😀")
    assert joined_surrogates(half + pair + half) == half + "😀".encode() + half


@pytest.mark.parametrize("before", range(13))
def test_a_pair_is_joined_wherever_a_piece_ends(before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cesu8, "_PIECE_BYTES", 12)
    text = "x" + "a" * before + "😀ü😀한😀" * 5 + "z"
    assert joined_surrogates(cesu("😀") + cesu(text)) == ("😀" + text).encode()
