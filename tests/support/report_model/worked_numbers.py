"""Worked numbers of segmentation, retention and frequency."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tests.support.report_model.worked_examples import DAY_MS, HOUR_MS, Example, results, values

COUNTRY, PLATFORM, AMOUNT, ITEMS = (f'properties["{name}"]' for name in ("country", "platform", "amount", "items"))


def signed_up() -> Example:
    """openapi/query segmentation-query, and the guide of older clients for the last day by country."""
    example = Example("V1", "2011-08-06")
    last_day = {"US": 1036, "CA": 277, "GB": 19, "IN": 19, "FR": 8, "DE": 7, "SE": 6, "JP": 4}
    counts = [147, 146, 776, sum(last_day.values())]
    countries = [country for country, number in last_day.items() for _ in range(number)]
    filtered = {"US": 312, "CA": 31}
    for day, number in enumerate(counts):
        for place in range(number):
            country = countries[place] if day == 3 else "US"
            first = place - countries.index(country) if day == 3 else place
            platform = "iOS" if day == 3 and first < filtered.get(country, 0) else "web"
            when = day * DAY_MS + place * 1000
            example.happened("Signed up", f"{day} {place}", when, country=country, platform=platform)
    asked: dict[str, Any] = {"event": "Signed up"}
    last: dict[str, Any] = {"from_date": example.day(3), "to_date": example.day(3)}
    example.asks("segmentation", values, {"Signed up": counts}, 4, **asked)
    example.asks("segmentation", lambda answer: answer["legend_size"], 1, 4, **asked)
    top = {country: [last_day[country]] for country in ("US", "CA", "GB", "IN", "FR")}
    example.asks("segmentation", values, top, on=COUNTRY, limit=5, **asked, **last)
    where = f'{PLATFORM} == "iOS"'
    by_filter = {country: [number] for country, number in filtered.items()}
    example.asks("segmentation", values, by_filter, on=COUNTRY, where=where, **asked, **last)
    example.asks("events", values, {"Signed up": counts}, 4, event=["Signed up"], type="general", unit="day")
    return example


def three_users() -> Example:
    """What `general`, `unique` and `average` count."""
    example = Example("V2", "2011-09-01")
    for person, number in (("123", 50), ("456", 100), ("789", 300)):
        for place in range(number):
            example.happened("A", person, place * 1000)
    for type, expected in (("general", 450), ("unique", 3), ("average", 150)):
        example.asks("segmentation", values, {"A": [expected]}, event="A", type=type)
        example.asks("events", values, {"A": [expected]}, event=["A"], type=type, unit="day")
    return example


def ranges() -> Example:
    """openapi/query segmentation-numeric-query; the document leaves zeros out."""
    example = Example("V3", "2011-08-06")
    table = {
        2000: (1, 5, 4, 15),
        2100: (0, 2, 7, 15),
        2200: (1, 0, 6, 5),
        2300: (4, 0, 1, 12),
        2400: (0, 0, 2, 5),
    }
    for begin, row in table.items():
        for day, number in enumerate(row):
            for place in range(number):
                amount = begin + (place * 33) % 100
                example.happened("Bought", f"{place}", day * DAY_MS + place * 1000, amount=amount)
    expected = {f"{begin:,} - {begin + 100:,}": list(row) for begin, row in table.items()}
    example.asks("segmentation/numeric", values, expected, 4, event="Bought", on=AMOUNT, buckets=5)
    return example


def sums() -> Example:
    """The sums that the guide of older clients shows."""
    example = Example("V3s", "2011-11-01")
    numbers = (376.0, 634.0, 474.0, 483.0)
    for day, number in enumerate(numbers):
        for place, amount in enumerate((number - 100.5, 100.5, "1000", [7], None)):
            example.happened("Buy", "u", day * DAY_MS + place * 1000, amount=amount)
    example.asks("segmentation/sum", results, list(numbers), 4, event="Buy", on=AMOUNT)
    return example


def averages() -> Example:
    """openapi/query segmentation-query-average: each mean is a whole number divided by the number of events."""
    example = Example("V3a", "2011-08-06")
    means = ((147, 17), (297, 64), (2134, 589), (1203, 164))
    for day, (total, number) in enumerate(means):
        for place in range(number):
            example.happened("Paid", "u", day * DAY_MS + place * 1000, amount=total if place == 0 else "none")
    expected = [total / number for total, number in means]
    example.asks("segmentation/average", results, expected, 4, event="Paid", on=AMOUNT)
    return example


def born() -> Example:
    """openapi/query retention-query: `counts` may begin below `first`."""
    example = Example("V5", "2012-01-01")
    rows = ((2, (2, 1, 2)), (10, (9, 7, 6)), (10, (9, 6, 4)))
    for day, (first, counts) in enumerate(rows):
        for person in range(first):
            born_ms = day * DAY_MS + 12 * HOUR_MS
            example.happened("Born", f"{day} {person}", born_ms)
            for bucket, number in enumerate(counts):
                if person < number:
                    example.happened("Back", f"{day} {person}", born_ms + bucket * DAY_MS + HOUR_MS)
    expected = {
        str(example.day(day)): {"counts": list(counts), "first": first} for day, (first, counts) in enumerate(rows)
    }
    asked: dict[str, Any] = {"born_event": "Born", "event": "Back", "interval_count": 2}
    example.asks("retention", lambda answer: answer, expected, 3, **asked)
    return example


def calendar_and_rolling() -> Example:
    """The evening and the next morning, Friday and Monday, the last day of a month and the third of the next."""
    example = Example("V5c", "2019-02-01")
    returns = {
        "day": (18, 20, 19, 6),  # Monday at 20:00, Tuesday at 6:00
        "week": (15, 12, 18, 12),  # Friday, Monday
        "month": (25, 12, 31, 12),  # 25 February, 3 March
    }
    for unit, (born_day, born_hour, day, hour) in returns.items():
        example.happened(f"Born {unit}", unit, (born_day - 1) * DAY_MS + born_hour * HOUR_MS)
        example.happened("Back", unit, (day - 1) * DAY_MS + hour * HOUR_MS)
        for window, expected in (("rolling", [1, 0]), ("calendar", [0, 1])):
            asked: dict[str, Any] = {
                "born_event": f"Born {unit}",
                "event": "Back",
                "unit": unit,
                "retention_window": window,
            }
            example.asks("retention", _only_counts, [expected], 28, **asked)
    return example


def _only_counts(answer: Any) -> list[list[int]]:
    return [row["counts"] for row in answer.values() if row["first"]]


def unbounded() -> Example:
    """Three users: one comes back on day 1 alone, one on day 5 alone, one never."""
    example = Example("V5u", "2012-03-01")
    for person, day in (("one", 1), ("two", 5), ("three", None)):
        example.happened("Born", person, HOUR_MS)
        example.happened("Back", person, HOUR_MS + 1000)
        if day is not None:
            example.happened("Back", person, HOUR_MS + day * DAY_MS)
    asked: dict[str, Any] = {"born_event": "Born", "event": "Back", "interval_count": 6}
    example.asks("retention", _only_counts, [[3, 1, 0, 0, 0, 1, 0]], **asked)
    example.asks("retention", _only_counts, [[3, 2, 1, 1, 1, 1, 0]], unbounded_retention=True, **asked)
    return example


def addiction() -> Example:
    """openapi/query retention-frequency-query, and the page of the same report for the third day."""
    example = Example("V6", "2012-01-01")
    rows = [
        [305, 107, 60, 41, 32, 20, 12, 7, 4, 3, 3, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        [495, 204, 117, 77, 53, 36, 26, 20, 12, 7, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        [671, 324, 176, 122, 81, 63, 48, 31, 21, 14, 9, 5, 3, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    for day, row in enumerate(rows):
        for hour, number in enumerate(row):
            for person in range(number):
                example.happened("Look", f"{person}", day * DAY_MS + (hour + person) % 24 * HOUR_MS + person)
    assert all(before >= after for row in rows for before, after in pairwise(row))
    asked: dict[str, Any] = {"unit": "day", "addiction_unit": "hour", "event": "Look"}
    example.asks("retention/addiction", lambda answer: list(answer["data"].values()), rows, 3, **asked)
    return example


def carts() -> Example:
    """Three events with lists: a breakdown counts each element, a filter leaves the others."""
    example = Example("V9", "2012-05-01")
    for place, items in enumerate((["P1", "P2", "P4"], ["P2", "P3", "P4"], ["P3", "P4"])):
        example.happened("Buy", "u", place * 1000, items=items)
    each = {"P4": [3], "P2": [2], "P3": [2], "P1": [1]}
    example.asks("segmentation", values, each, event="Buy", on=ITEMS)
    any_of = f'any(X, {ITEMS}, X == "P1")'
    example.asks("segmentation", values, {"Buy": [1]}, event="Buy", where=any_of)
    example.asks("segmentation", values, {"P1": [1], "P2": [1], "P4": [1]}, event="Buy", where=any_of, on=ITEMS)
    example.asks("segmentation", values, {"Buy": [0]}, event="Buy", where=f'all(X, {ITEMS}, X == "P1")')
    return example


EXAMPLES: Sequence[Example] = (
    signed_up(), three_users(), ranges(), sums(), averages(), born(), calendar_and_rolling(), unbounded(), addiction(),
    carts(),
)  # fmt: skip
