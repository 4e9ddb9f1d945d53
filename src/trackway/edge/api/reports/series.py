"""The answer of reports that give series of values by time: as JSON, and as a table in CSV."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from trackway.domain.errors import RequestError
from trackway.edge.limits import REPORT_VALUES_MAX
from trackway.edge.wire.csv_table import csv_text
from trackway.query.reports.series import Series
from trackway.query.sql.buckets import Buckets


def series_answer(buckets: Buckets, series: Series, asked: Iterable[str] = ()) -> dict[str, Any]:
    """The published form. Every series has every bucket, in order; a bucket of nothing is 0. `asked`: names that are
    there in any case. Raises RequestError 400 for too many values."""
    keys, found = buckets.keys(), dict(series)
    names = [*found, *sorted(set(asked) - found.keys())]
    check_size(len(names), len(keys))
    values = {name: filled(keys, found.get(name, {})) for name in names}
    return {"data": {"series": keys, "values": values}, "legend_size": len(values)}


def check_size(series: int, values: int) -> None:
    """Raise RequestError 400 for so many series of so many values: the process has other clients."""
    if series * values > REPORT_VALUES_MAX:
        raise RequestError(
            400,
            f"the report has {series} series of {values} values, more than {REPORT_VALUES_MAX} in all: "
            "choose a lower limit, fewer days or a longer unit",
        )


def filled(keys: Sequence[str], points: Mapping[str, float]) -> dict[str, float]:
    """A value for each bucket, 0 where there is none."""
    return {key: points.get(key, 0) for key in keys}


def series_csv(answer: dict[str, Any]) -> str:
    """A row for each bucket, a column for each series."""
    data = answer["data"]
    rows = ([key, *(points[key] for points in data["values"].values())] for key in data["series"])
    return csv_text(["date", *data["values"]], rows)
