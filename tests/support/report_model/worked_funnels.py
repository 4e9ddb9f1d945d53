"""Worked numbers of funnels: Mixpanel's pages, its FAQ, and the sample of its Query API."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.report_model.worked_examples import Example

HOUR: Mapping[str, Any] = {"length": 1, "length_unit": "hour"}
BROWSER = 'properties["browser"]'


def _counts(answer: Any) -> list[list[int]]:
    """The counts of each step, day by day."""
    return [[step["count"] for step in day["steps"]] for day in answer["data"].values()]


def _of_last_step(answer: Any) -> Any:
    return [day["steps"][-1]["avg_time"] for day in answer["data"].values()]


def _by_value(answer: Any) -> dict[str, list[int]]:
    [day] = answer["data"].values()
    return {value: [step["count"] for step in steps] for value, steps in day.items()}


class _Funnel(Example):
    """An example with the events of one person: `A 1:00` is event A at that time of the first day."""

    def __init__(self, name: str, first_day: str, story: str) -> None:
        super().__init__(name, first_day)
        for part in story.split(", "):
            event, when, *browser = part.split(" ")
            self.happened(event, "u", when, **({"browser": browser[0]} if browser else {}))

    def reaches(self, steps: str, expected: list[int], **asked: Any) -> None:
        """The counts of a funnel whose steps are these events, with a window of an hour."""
        parameters = {"events": [{"event": event} for event in steps], **HOUR, **asked}
        self.asks("funnels", _counts, [expected], **parameters)

    def takes(self, steps: str, seconds: int, **asked: Any) -> None:
        parameters = {"events": [{"event": event} for event in steps], **HOUR, **asked}
        self.asks("funnels", _of_last_step, [seconds], **parameters)


def app_open() -> Example:
    """The API's sample, with a hundredth of its numbers: the ratios of the whole are checked by `ratios`."""
    example = Example("V4a", "2013-01-01")
    rows = ((327, 205), (325, 208), (161, 127))
    for day, (opened, played) in enumerate(rows):
        for person in range(opened):
            when = day * 86_400_000 + person * 1000
            example.happened("App Open", f"{day} {person}", when)
            if person < played:
                example.happened("Game Played", f"{day} {person}", when + 133_000)
    steps = [{"event": "App Open"}, {"event": "Game Played", "label": "Played"}]

    def numbers(answer: Any) -> Any:
        days = answer["data"].values()
        return [([step["overall_conv_ratio"] for step in day["steps"]], day["analysis"]) for day in days]

    expected = [
        ([1, played / opened], {"completion": played, "starting_amount": opened, "steps": 2, "worst": 1})
        for opened, played in rows
    ]
    example.asks("funnels", numbers, expected, 3, events=steps)
    example.asks("funnels", _of_last_step, [133] * 3, 3, events=steps)
    return example


def windows() -> Example:
    example = _Funnel("V4b", "2013-02-01", "A 01:00, A 01:30, B 01:45, C 02:15")
    example.reaches("ABC", [1, 1, 0])
    return example


def second_try() -> Example:
    example = _Funnel("V4c", "2013-03-01", "A 01:00, A 03:00, B 03:10")
    example.reaches("AB", [1, 0])
    example.reaches("AB", [1, 1], reentry="optimized")
    return example


def entry_within_a_try() -> Example:
    example = _Funnel("V4d", "2013-04-01", "A 01:00, A 01:30, B 02:15")
    example.reaches("AB", [1, 0])
    example.reaches("AB", [2, 1], reentry="optimized", count_type="general")
    return example


def two_conversions() -> Example:
    example = _Funnel("V4e", "2013-05-01", "A 01:00, B 01:10, A 01:20, B 01:25")
    example.reaches("AB", [1, 1])
    example.reaches("AB", [2, 2], count_type="general")
    return example


def times() -> Example:
    example = _Funnel("V4f", "2013-06-01", "A 01:00, A 01:10, A 01:20, B 01:30")
    example.takes("AB", 1800)
    example.takes("AB", 600, reentry="optimized")
    return example


def loose_order() -> Sequence[Example]:
    other = _Funnel("V4g", "2013-07-01", "A 01:00, B 01:01, F 01:02, C 01:03, D 01:04, E 01:05")
    later = _Funnel("V4h", "2013-08-01", "A 01:00, B 01:01, D 01:02, C 01:03, D 01:04, E 01:05")
    for example in (other, later):
        example.reaches("ABCDE", [1, 1, 1, 1, 1])
    stops = _Funnel("V4i", "2013-09-01", "A 01:00, B 01:01, C 01:02, E 01:03")
    stops.reaches("ABCDE", [1, 1, 1, 0, 0])
    return [other, later, stops]


def exclusion() -> Example:
    example = _Funnel("V4j", "2013-10-01", "A 01:00, A 01:10, A 01:20, B 01:30")
    excluded = [{"event": "A", "steps": {"from": 1, "to": 2}}]
    example.reaches("AB", [2, 1], exclusions=excluded, count_type="general")
    return example


def items() -> Example:
    example = Example("V4k", "2013-11-01")
    for event, when, item in (("View", "01:00", "shirt"), ("View", "01:10", "jeans"), ("View", "01:30", "shoes")):
        example.happened(event, "u", when, item=item)
    example.happened("Cart", "u", "01:20")
    steps = [{"event": "View"}, {"event": "Cart"}]
    expected = {"$overall": [1, 1], "shirt": [1, 1], "shoes": [1, 0]}
    example.asks("funnels", _by_value, expected, events=steps, on='properties["item"]', **HOUR)
    return example


def ignored_entry() -> Example:
    example = _Funnel("V4l", "2013-12-01", "A 01:00, A 01:10, B 01:20")
    example.reaches("AB", [1, 1], count_type="general")
    example.asks("segmentation", lambda answer: answer["data"]["values"]["A"].popitem()[1], 2, event="A")
    return example


def simultaneous() -> Sequence[Example]:
    example = _Funnel("V4n", "2014-01-01", "B 01:00:00, A 01:00:01")
    example.reaches("AB", [1, 1])
    late = _Funnel("V4n2", "2014-02-01", "B 01:00:00, A 01:00:02")
    late.reaches("AB", [1, 0])
    return [example, late]


def filters() -> Example:
    example = _Funnel("V4p", "2014-03-01", "View 01:00 Chrome, View 01:10 Safari, Cart 01:20 Safari, Purchase 01:30")
    safari = f'{BROWSER} == "Safari"'
    view, cart, purchase = ({"event": name} for name in ("View", "Cart", "Purchase"))
    inline = [{**view, "where": safari}, cart, purchase]
    example.asks("funnels", _counts, [[1, 1, 1]], events=inline, **HOUR)
    example.asks("funnels", _counts, [[1, 1, 0]], events=[view, cart, purchase], where=safari, **HOUR)
    return example


EXAMPLES: Sequence[Example] = (
    app_open(), windows(), second_try(), entry_within_a_try(), two_conversions(), times(), *loose_order(), exclusion(),
    items(), ignored_entry(), *simultaneous(), filters(),
)  # fmt: skip
