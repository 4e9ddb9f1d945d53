"""Numbers of a page of metrics."""

from trackway.commands.metrics_sample import MetricsSample, Rate

PAGE = """\
# HELP a_total A.
# TYPE a_total counter
a_total{x="1",y="1"} 1.0
a_total{x="1",y="2"} 2.0
a_total{x="2",y="1"} 8.0
# HELP s_seconds S.
# TYPE s_seconds histogram
s_seconds_bucket{le="1.0"} 3.0
s_seconds_bucket{le="+Inf"} 4.0
s_seconds_count 4.0
s_seconds_sum 2.5
"""


def test_sums_are_of_the_samples_with_the_labels() -> None:
    sample = MetricsSample(PAGE)
    assert sample.total("a_total") == 11
    assert sample.total("a_total", x="1") == 3
    assert sample.total("a_total", z="1") == sample.total("b_total") == 0
    assert sample.by("a_total", "x") == {"2": 8, "1": 3}
    assert list(sample.by("a_total", "x")) == ["2", "1"]
    assert sample.by("a_total", "y", x="2") == {"1": 8}
    assert (sample.newest("a_total"), sample.newest("b_total")) == (8, None)
    assert sample.total("s_seconds_sum") == 2.5


def test_a_counter_that_began_anew_has_no_negative_rate() -> None:
    before, after = MetricsSample("a_total 10\n"), MetricsSample("a_total 4\n")
    assert Rate(before, after, 2.0).of("a_total") == 0
    assert Rate(after, before, 2.0).of("a_total") == 3
