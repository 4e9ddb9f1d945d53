"""What an example of Mixpanel's documents is: events on days of its own, and questions with known numbers."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from tests.support.report_model.sent_events import Sent
from tests.support.reports import at

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class Question(NamedTuple):
    """A report's parameters, and what an example says of its answer: `numbers` of it are `expected`."""

    path: str
    parameters: Mapping[str, Any]
    numbers: Callable[[Any], Any]
    expected: Any


class Example:
    """The events of some days, by persons that no other example has, and the questions that are asked of them. Other
    examples on the same days have events of other names."""

    def __init__(self, name: str, first_day: str) -> None:
        self.name = name
        self.first_day = date.fromisoformat(first_day)
        self.sent: list[Sent] = []
        self.questions: list[Question] = []

    def day(self, number: int) -> date:
        return self.first_day + timedelta(days=number)

    def days(self, number: int) -> dict[str, date]:
        """The first days as parameters."""
        return {"from_date": self.first_day, "to_date": self.day(number - 1)}

    def happened(self, event: str, person: str, when: str | int, **own: Any) -> None:
        """An event; `when` is a time of the first day, as `13:05`, or milliseconds since its beginning."""
        day = self.first_day.isoformat()
        time_ms = at(day) + when if isinstance(when, int) else at(f"{day}T{when}")
        ids = {"distinct_id": f"{self.name} {person}"}
        self.sent.append(Sent(event, time_ms, f"{self.name}-{len(self.sent)}", ids, own))

    def asks(self, path: str, numbers: Callable[[Any], Any], expected: Any, days: int = 1, **parameters: Any) -> None:
        """The answer's numbers for the first days."""
        self.questions.append(Question(path, {**self.days(days), **parameters}, numbers, expected))


def values(answer: Any) -> dict[str, list[Any]]:
    """The values of each key of a report by key and bucket."""
    return {key: list(points.values()) for key, points in answer["data"]["values"].items()}


def results(answer: Any) -> list[Any]:
    """The values of a report by bucket alone."""
    return list(answer["results"].values())


def all_events(examples: Sequence[Example]) -> list[Sent]:
    return [event for example in examples for event in example.sent]
