"""How many random examples a test takes."""

from hypothesis import settings


def examples(number: int) -> int:
    """So many. Of a profile with fewer than 100, which Hypothesis takes by default, its share (`tests/conftest.py`)."""
    profile = settings.default
    assert profile is not None, "tests/conftest.py loads one"
    return number * profile.max_examples // 100
