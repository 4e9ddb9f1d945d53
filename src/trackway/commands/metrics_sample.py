"""The page `/metrics` of a running server as numbers. Pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]


class MetricsSample:
    """All samples of one page, by name."""

    def __init__(self, page: str):
        self._samples: dict[str, list[tuple[Labels, float]]] = {}
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                self._samples.setdefault(sample.name, []).append((sample.labels, sample.value))

    def total(self, name: str, **labels: str) -> float:
        """The sum of the samples with these labels; 0 where there are none."""
        return sum(value for _, value in self._with(name, labels))

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The same for each value of a label, the largest first."""
        found: dict[str, float] = {}
        for has, value in self._with(name, labels):
            found[has.get(label, "")] = found.get(has.get(label, ""), 0.0) + value
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    def newest(self, name: str) -> float | None:
        """The largest of the samples; None where there is none."""
        return max((value for _, value in self._with(name, {})), default=None)

    def _with(self, name: str, labels: Labels) -> Iterator[tuple[Labels, float]]:
        for has, value in self._samples.get(name, ()):
            if all(has.get(label) == wanted for label, wanted in labels.items()):
                yield has, value


class Rate(NamedTuple):
    """Counters of two samples, `seconds` apart."""

    before: MetricsSample
    after: MetricsSample
    seconds: float

    def of(self, name: str, **labels: str) -> float:
        """How much the counter grew in a second. A server that started anew in between counts from 0."""
        grown = self.after.total(name, **labels) - self.before.total(name, **labels)
        return max(grown, 0.0) / self.seconds
