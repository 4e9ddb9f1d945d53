import pytest

from trackway.domain.duration import seconds_of


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("6h", 21_600), ("1d", 86_400)])
def test_a_duration_has_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "1", "0s", "-1s", "1w", "1.5h", "١s", "100000s", " 1s", "1 s"])
def test_other_texts_are_no_durations(text: str) -> None:
    assert seconds_of(text) is None
