"""Amounts for people."""

import pytest

from trackway.commands.amounts import bytes_text, number_text, time_text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_610_612_735, "1.4 GiB"), (1 << 30, "1.0 GiB"),
     (150 << 20, "150 MiB"), (5 << 60, "5120 PiB")],
)  # fmt: skip
def test_bytes_are_never_shown_as_more_than_there_are(size: int, text: str) -> None:
    assert bytes_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"), (172_799, "47 h 59 min"),
     (172_800, "2 days")],
)  # fmt: skip
def test_times_have_the_unit_that_fits(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (0.25, "0.2"), (9.5, "9.5"), (12.4, "12"), (1234567, "1,234,567")]
)
def test_numbers_have_commas(number: float, text: str) -> None:
    assert number_text(number) == text
