"""The tables of docs/scale.md that are computed are those that the scripts print."""

import math
import re
from pathlib import Path

import pytest
from bench import reach, stream_failure
from bench.stream_failure import Case, simulate

PAGE = (Path(__file__).parents[3] / "docs/scale.md").read_text()
BENCHMARKS = (Path(__file__).parents[3] / "docs/benchmarks.md").read_text()


@pytest.mark.parametrize(("name", "table"), [("reach", reach.table()), ("failure", stream_failure.table())])
def test_a_computed_table_is_that_of_now(name: str, table: str) -> None:
    found = re.search(rf"<!-- {name}: begin -->\n(.*)\n<!-- {name}: end -->", PAGE, re.DOTALL)
    assert found is not None and found[1] == table


def test_the_costs_are_those_of_the_benchmarks() -> None:
    costs = r"30 µs of processor\s+time: (\d+) in the edge .* (\d+) in the store, (\d+) in the loader"
    words = re.search(costs, BENCHMARKS)
    assert words is not None
    assert [float(each) for each in words.groups()] == [reach.EDGE_US, reach.STORE_US, reach.LOADER_US]
    assert f"{reach.JSON_BYTES} bytes each as JSON, {reach.PACKED_BYTES} in gzip" in BENCHMARKS


def test_a_failed_stream_holds_no_more_than_the_room_and_with_the_breaker_nothing_for_long() -> None:
    for streams in (1, 3, 64):
        without, with_breaker = (simulate(Case(streams, breaker)) for breaker in (False, True))
        assert with_breaker.later_bytes == 0.0 < without.later_bytes
        assert with_breaker.lost_elsewhere <= without.lost_elsewhere <= 1.0
        assert with_breaker.held_bytes <= without.held_bytes
    assert simulate(Case(1, False)).full_s < simulate(Case(2, False)).full_s < math.inf
