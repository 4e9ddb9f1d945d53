"""Each setting is in one group, which help texts show."""

from collections import Counter

from trackway.settings.groups import COMMON, GROUPS, OTHERS, heading_of
from trackway.settings.table import ROWS_BY_NAME


def test_no_setting_is_in_two_groups_and_each_is_there() -> None:
    counts = Counter(name for group in GROUPS for name in group.names)
    assert set(counts.values()) == {1} and set(counts) <= set(ROWS_BY_NAME)
    assert {heading_of(name) for name in ROWS_BY_NAME} <= {group.heading for group in GROUPS} | {OTHERS}


def test_common_settings_are_of_their_group() -> None:
    assert all(set(group.common) <= set(group.names) for group in GROUPS)
    assert len(set(COMMON)) == len(COMMON)


def test_an_option_that_is_no_setting_has_no_heading() -> None:
    assert heading_of("port") == "Network"
    assert heading_of("as_json") is None
