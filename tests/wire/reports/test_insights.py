"""Insights over HTTP: what each metric counts, the form of the answer, and what is refused."""

import json
from typing import Any

import pytest

from tests.conftest import MakeProjects
from tests.support.bookmarks import bookmark, filtered, formula, grouped, metric, save_report
from tests.support.http.events import import_all, import_numbered, record
from tests.support.reports import ask_report, at, move_zone, post_report, report, wait_for_facts
from tests.support.server import Project, Server

DAYS = ["2025-03-01T00:00:00+00:00", "2025-03-02T00:00:00+00:00", "2025-03-03T00:00:00+00:00"]


@pytest.fixture(scope="module")
def project(server: Server, make_projects: MakeProjects) -> Project:
    """u and its device d, v, and nobody, who buy; and visits of u and v before the range."""
    [project] = make_projects(1)
    buys: list[tuple[str, str, dict[str, Any]]] = [
        ("2025-03-01T09:00", "$device:d", {"country": "US", "amount": 10, "tags": ["a", "b"], "os": "iOS"}),
        ("2025-03-01T10:00", "u", {"country": "US", "amount": 30, "tags": ["a"], "os": "iOS"}),
        ("2025-03-01T11:00", "v", {"country": "DE", "amount": 5, "paid": True, "os": "Web"}),
        ("2025-03-03T09:00", "u", {"country": "DE", "amount": 7.5, "item": "Blue Shirt", "paid": False}),
        ("2025-03-03T23:59", "", {"amount": "much", "country": None}),
    ]
    events = [record(project, "buy", time=at(when), distinct_id=id, **named) for when, id, named in buys]
    visits = [("2025-02-10", "u"), ("2025-02-27", "v"), ("2025-03-02", "v"), ("2025-03-03", "w")]
    events += [record(project, "visit", time=at(day + "T12:00"), distinct_id=id) for day, id in visits]
    link = {"$user_id": "u", "$device_id": "d"}
    events.append(record(project, "sign in", time=at("2025-02-01T00:00"), distinct_id="u", **link))
    import_numbered(server, project, events, 0)
    return project


def answered(server: Server, project: Project, wanted: dict[str, Any], **body: Any) -> dict[str, Any]:
    reply = post_report(server, project, "insights", {"bookmark": wanted, "project_id": project.project_id, **body})
    assert reply.status == 200, reply
    answer: dict[str, Any] = json.loads(reply.body)
    return answer


def values(node: Any) -> Any:
    """A series with its days as a list."""
    if all(isinstance(value, dict) for value in node.values()):
        return {name: values(inner) for name, inner in node.items()}
    assert list(node) in (DAYS, ["all"])
    return [*node.values()] if list(node) == DAYS else node["all"]


@pytest.mark.parametrize(
    ("show", "name", "expected"),
    [
        (metric("buy"), "buy [Total Events]", [3, 0, 2]),
        (metric("buy", "unique"), "buy [Unique Users]", [2, 0, 1]),
        (metric("buy", "average"), "buy [Total Events]", [3, 0, 2]),
        (metric("buy", "total", "amount"), "buy [Sum of amount]", [45, 0, 7.5]),
        (metric("buy", "average", "amount"), "buy [Average of amount]", [15, None, 7.5]),
        (metric("buy", "median", "amount"), "buy [Median of amount]", [10, None, 7.5]),
        (metric("buy", "p25", "amount"), "buy [P25 of amount]", [7.5, None, 7.5]),
        (metric("buy", "custom_percentile", "amount", percentile=75), "buy [P75 of amount]", [20, None, 7.5]),
        (metric("buy", "min", "amount"), "buy [Min of amount]", [5, None, 7.5]),
        (metric("buy", "max", "amount"), "buy [Max of amount]", [30, None, 7.5]),
        (metric("buy", "unique_values", "country"), "buy [Unique Values of country]", [2, 0, 1]),
        (metric("buy", "unique_values", "tags"), "buy [Unique Values of tags]", [2, 0, 0]),
        (
            metric("buy", "average", "amount", perUserAggregation="total"),
            "buy [Average of Total of amount per User]",
            [22.5, None, 7.5],
        ),
        (
            metric("buy", "max", "amount", perUserAggregation="average"),
            "buy [Max of Average of amount per User]",
            [20, None, 7.5],
        ),
        (metric("buy", "average", perUserAggregation="total"), "buy [Average of Total per User]", [1.5, None, 1]),
        (metric("visit", "dau"), "visit [DAU]", [0, 1, 1]),
        (metric("visit", "wau"), "visit [WAU]", [1, 1, 2]),
        (metric("visit", "mau"), "visit [MAU]", [2, 2, 3]),
        (metric("$all_events", "unique"), "All Events [Unique Users]", [2, 1, 2]),
        (metric("$all_events", "cumulative_unique"), "All Events [Cumulative Unique Users]", [2, 2, 3]),
        (metric("unheard of"), "unheard of [Total Events]", [0, 0, 0]),
        (metric("buy", name="Sales"), "Sales", [3, 0, 2]),
    ],
)
def test_measures(server: Server, project: Project, show: dict[str, Any], name: str, expected: list[float]) -> None:
    answer = answered(server, project, bookmark(show))
    assert {name: values(series) for name, series in answer["series"].items()} == {name: expected}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (filtered("country", "equals", ["US"]), [2, 0, 0]),
        (filtered("country", "does not equal", ["US"]), [1, 0, 2]),
        (filtered("country", "equals", ["US", "DE"]), [3, 0, 1]),
        (filtered("tags", "equals", ["b"]), [1, 0, 0]),
        (filtered("item", "contains", "Shirt"), [0, 0, 1]),
        (filtered("item", "does not contain", "Shirt"), [3, 0, 1]),
        (filtered("item", "starts with", "Blue"), [0, 0, 1]),
        (filtered("item", "ends with", "Shirt"), [0, 0, 1]),
        (filtered("item", "ends with", "Blue"), [0, 0, 0]),
        (filtered("tags", "starts with", "b"), [1, 0, 0]),
        (filtered("item", "is set"), [0, 0, 1]),
        (filtered("country", "is not set"), [0, 0, 1]),
        (filtered("amount", "is greater than", 7.5, "number"), [2, 0, 0]),
        (filtered("amount", "is at least", 7.5, "number"), [2, 0, 1]),
        (filtered("amount", "is less than", 10, "number"), [1, 0, 1]),
        (filtered("amount", "is between", [5, 10], "number"), [2, 0, 1]),
        (filtered("amount", "not between", [6, 10], "number"), [2, 0, 0]),
        (filtered("amount", "is equal to", 30, "number"), [1, 0, 0]),
        (filtered("paid", "true", None, "boolean"), [1, 0, 0]),
        (filtered("paid", "false", None, "boolean"), [0, 0, 1]),
        (filtered("$time", "was on", "2025-03-03", "datetime"), [0, 0, 2]),
        (filtered("$time", "was before", "2025-03-03", "datetime"), [3, 0, 0]),
        (filtered("$time", "was not between", ["2025-03-01", "2025-03-02"], "datetime"), [0, 0, 2]),
        (filtered("$time", "was in the", 2, "datetime", filterDateUnit="day"), [0, 0, 0]),
        (filtered("$distinct_id", "equals", ["u"]), [2, 0, 1]),
    ],
)
def test_filters(server: Server, project: Project, filter: dict[str, Any], expected: list[int]) -> None:
    everywhere = answered(server, project, bookmark(metric("buy"), filters=[filter]))
    own = answered(server, project, bookmark(metric("buy", filters=[filter])))
    assert values(everywhere["series"]["buy [Total Events]"]) == expected
    assert own["series"] == everywhere["series"]


def test_filters_of_an_event_may_be_alternatives(server: Server, project: Project) -> None:
    show = metric(
        "buy", filters=[filtered("country", "equals", ["DE"]), filtered("amount", "is at least", 30, "number")]
    )
    show["behavior"]["filtersDeterminer"] = "any"
    assert values(answered(server, project, bookmark(show))["series"]["buy [Total Events]"]) == [2, 0, 1]


def test_a_breakdown_has_the_whole_and_its_parts(server: Server, project: Project) -> None:
    answer = answered(server, project, bookmark(metric("buy", "unique"), groups=[grouped("country")]))
    assert answer["headers"] == ["$metric", "country"]
    [(_, series)] = answer["series"].items()
    assert list(values(series).items()) == [("$overall", [2, 0, 1]), ("DE", [1, 0, 1]), ("US", [1, 0, 0])]


def test_a_list_counts_under_each_element_and_once_in_the_whole(server: Server, project: Project) -> None:
    answer = answered(server, project, bookmark(metric("buy"), groups=[grouped("tags")]))
    [(_, series)] = answer["series"].items()
    assert values(series) == {"$overall": [3, 0, 2], "a": [2, 0, 0], "b": [1, 0, 0], "undefined": [1, 0, 2]}


def test_each_level_of_a_breakdown_has_a_whole(server: Server, project: Project) -> None:
    wanted = bookmark(metric("buy", "unique"), groups=[grouped("country"), grouped("os")], chart="bar")
    answer = answered(server, project, wanted)
    [(_, series)] = answer["series"].items()
    assert answer["headers"] == ["$metric", "country", "os"]
    assert values(series) == {
        "$overall": 2,
        "DE": {"$overall": 2, "Web": 1, "undefined": 1},
        "US": {"$overall": 1, "iOS": 1},
    }


def test_numbers_are_grouped_in_ranges(server: Server, project: Project) -> None:
    by = grouped("amount", "number", customBucket={"bucketSize": 10})
    [(_, series)] = answered(server, project, bookmark(metric("buy"), groups=[by], chart="bar"))["series"].items()
    assert values(series) == {"$overall": 5, "0 - 10": 2, "10 - 20": 1, "30 - 40": 1, "undefined": 1}
    by = grouped("amount", "number", customBucket={"bucketSize": 10, "min": 6, "max": 20})
    [(_, series)] = answered(server, project, bookmark(metric("buy"), groups=[by], chart="bar"))["series"].items()
    assert values(series) == {"$overall": 5, "0 - 10": 1, "10 - 20": 1, "< 6": 1, ">= 20": 1, "undefined": 1}


def test_a_limit_leaves_the_largest_segments_and_says_so(server: Server, project: Project) -> None:
    wanted = bookmark(metric("buy"), groups=[grouped("country")], chart="bar")
    answer = answered(server, project, wanted, queryLimits={"limit": 1})
    assert answer["meta"]["is_segmentation_limit_hit"] is True
    assert values(answer["series"]["buy [Total Events]"]) == {"$overall": 5, "DE": 2}
    assert answered(server, project, wanted)["meta"]["is_segmentation_limit_hit"] is False


def test_events_that_count_together_count_persons_once(server: Server, project: Project) -> None:
    events: list[Any] = [{"type": "event", "id": None, "name": name, "filters": []} for name in ("buy", "visit")]
    behavior = {"type": "simple", "name": "Active", "resourceType": "events", "filters": [], "behaviors": events}
    show = {"type": "metric", "behavior": behavior, "measurement": {"math": "unique"}}
    [(name, series)] = answered(server, project, bookmark(show))["series"].items()
    assert (name, values(series)) == ("Active [Unique Users]", [2, 1, 2])
    events[0]["filters"] = [filtered("country", "equals", ["US"])]
    [(name, series)] = answered(server, project, bookmark(show))["series"].items()
    assert values(series) == [1, 1, 1]


@pytest.fixture(scope="module")
def visited(server: Server, make_projects: MakeProjects) -> Project:
    """u pauses for 40 minutes, w for 30 and 29, and v visits across midnight. Nobody's events are no session."""
    [project] = make_projects(1)
    times = [
        *(("u", f"2025-03-01T{time}") for time in ("13:00", "13:10", "13:50", "14:10", "14:25")),
        *(("v", time) for time in ("2025-03-01T23:30", "2025-03-01T23:50", "2025-03-02T00:05", "2025-03-02T00:10")),
        *(("w", f"2025-03-03T{time}") for time in ("10:00", "10:30", "10:59")),
        ("", "2025-03-03T10:00"),
    ]
    events = [
        record(
            project, "open" if number % 2 else "read", time=at(time), distinct_id=id, insert_id=f"e-{number}", page=id
        )
        for number, (id, time) in enumerate(times)
    ]
    events.append(record(project, "$campaign_delivery", time=at("2025-03-03T11:20"), distinct_id="w", insert_id="c-1"))
    import_all(server, project, events)
    server.wait_loaded()
    return project


@pytest.mark.parametrize(
    ("event", "options", "expected"),
    [
        ("$all_events", {}, [3, 1, 2]),
        ("open", {}, [3, 1, 2]),
        ("read", {}, [3, 1, 1]),
        ("read", {"chart": "bar"}, 5),
        ("open", {"filters": [filtered("page", "equals", ["u"])]}, [2, 0, 0]),
        (
            "open",
            {"groups": [grouped("page")]},
            {"$overall": [3, 1, 2], "u": [2, 0, 0], "v": [1, 1, 0], "w": [0, 0, 2]},
        ),
    ],
)
def test_sessions(server: Server, visited: Project, event: str, options: dict[str, Any], expected: Any) -> None:
    [(name, series)] = answered(server, visited, bookmark(metric(event, "sessions"), **options))["series"].items()
    assert name.endswith("[Total Sessions]")
    assert values(series) == expected


@pytest.mark.parametrize("own", [True, False])
def test_formulas_count_over_metrics(server: Server, project: Project, own: bool) -> None:
    metrics = [metric("buy", "unique"), metric("buy")]
    show = [formula("(B / A) * 100", metrics, name="Rate")]
    if not own:
        show = [*(each | {"isHidden": True} for each in metrics), formula("(B / A) * 100", name="Rate")]
    answer = answered(server, project, bookmark(*show, groups=[grouped("country")]))
    assert {name: values(series) for name, series in answer["series"].items()} == {
        "Rate": {
            "$overall": [150, None, 200],
            "DE": [100, None, 100],
            "US": [200, None, None],
            "undefined": [None, None, None],
        }
    }


def test_a_segment_without_a_number_has_none_in_a_formula(server: Server, project: Project) -> None:
    metrics = [metric("buy", "average", "amount"), metric("buy")]
    wanted = bookmark(formula("A + B", metrics, name="S"), groups=[grouped("country")], chart="bar")
    [(_, series)] = answered(server, project, wanted)["series"].items()
    assert values(series) == {"$overall": 18.125, "DE": 8.25, "US": 22, "undefined": None}


def test_a_formula_leaves_out_segments_that_a_metric_may_have(server: Server, project: Project) -> None:
    metrics = [metric("buy", "total", "amount"), metric("buy")]
    wanted = bookmark(formula("A + B", metrics, name="S"), groups=[grouped("country")], chart="bar")
    answer = answered(server, project, wanted, queryLimits={"limit": 1})
    assert values(answer["series"]["S"]) == {"$overall": 57.5}, "US has most of A, DE of B"
    assert answer["meta"]["is_segmentation_limit_hit"] is True
    two = answered(server, project, wanted, queryLimits={"limit": 3})["series"]["S"]
    assert values(two) == {"$overall": 57.5, "DE": 14.5, "US": 42, "undefined": 1}


def test_a_number_at_the_bound_of_two_ranges_is_in_the_upper_one(server: Server, make_projects: MakeProjects) -> None:
    [fractions] = make_projects(1)
    numbers = [0.3, 0.6, 0.7, 1.2, 1.4, 0.57, -0.3, 0.29]
    events = [record(fractions, "buy", time=at("2025-03-01T09:00"), distinct_id="u", x=each) for each in numbers]
    import_numbered(server, fractions, events, 0)
    for width, starts in ((0.1, ["0.3", "0.6", "0.7", "1.2", "1.4", "0.5", "-0.3", "0.2"]), (0.01, map(str, numbers))):
        by = grouped("x", "number", customBucket={"bucketSize": width})
        wanted = bookmark(metric("buy"), groups=[by], chart="bar")
        [(_, series)] = answered(server, fractions, wanted)["series"].items()
        assert sorted(name.partition(" - ")[0] for name in series if name != "$overall") == sorted(starts)


def test_rolling_means_read_the_days_before(server: Server, project: Project) -> None:
    wanted = bookmark(metric("visit"), analysis="rolling", rollingWindowSize=4)
    assert values(answered(server, project, wanted)["series"]["visit [Total Events]"]) == [0.25, 0.5, 0.5]


@pytest.mark.parametrize(("math", "expected"), [("total", [3, 3, 5]), ("unique", [2, 2, 2])])
def test_cumulative_sums_count_persons_once(server: Server, project: Project, math: str, expected: list[int]) -> None:
    answer = answered(server, project, bookmark(metric("buy", math), analysis="cumulative"))
    assert [values(series) for series in answer["series"].values()] == [expected]


@pytest.mark.parametrize(
    ("unit", "days", "expected"),
    [
        ("week", ["2025-02-10", "2025-03-05"], {"2025-02-10": 1, "2025-02-17": 0, "2025-02-24": 2, "2025-03-03": 1}),
        ("month", ["2025-01-15", "2025-03-05"], {"2025-01-01": 0, "2025-02-01": 2, "2025-03-01": 2}),
        ("quarter", ["2024-12-15", "2025-04-05"], {"2024-10-01": 0, "2025-01-01": 4, "2025-04-01": 0}),
        ("year", ["2024-12-15", "2025-04-05"], {"2024-01-01": 0, "2025-01-01": 4}),
    ],
)
def test_units(server: Server, project: Project, unit: str, days: list[str], expected: dict[str, int]) -> None:
    answer = answered(server, project, bookmark(metric("visit"), unit=unit, days=days))
    assert answer["series"]["visit [Total Events]"] == {f"{day}T00:00:00+00:00": n for day, n in expected.items()}


def test_times_are_those_of_the_project(server: Server, make_projects: MakeProjects) -> None:
    [far] = make_projects(1)
    move_zone(server, far, "America/Los_Angeles")
    import_all(server, far, [record(far, "look", time=at("2025-03-09T07:30"), insert_id="event-1")])
    server.wait_loaded()
    answer = answered(server, far, bookmark(metric("look"), days=["2025-03-08", "2025-03-10"]))
    assert answer["series"]["look [Total Events]"] == {
        "2025-03-08T00:00:00-08:00": 1,
        "2025-03-09T00:00:00-08:00": 0,
        "2025-03-10T00:00:00-07:00": 0,
    }
    assert answer["date_range"] == {
        "from_date": "2025-03-08T00:00:00-08:00",
        "to_date": "2025-03-10T23:59:59.999000-07:00",
    }


def returned(behavior: dict[str, Any], *, math: str = "retention_rate", **more: Any) -> dict[str, Any]:
    """A bookmark for retention: who visited and then bought."""
    events: list[Any] = [{"type": "event", "name": name, "filters": []} for name in ("sign in", "visit")]
    whole = {"type": "retention", "resourceType": "events", "behaviors": events, "filter": [], **behavior}
    show = {"type": "metric", "behavior": whole, "measurement": {"math": math}}
    wanted = bookmark(show, days=["2025-01-15", "2025-03-05"], chart="retention-curve", **more)
    wanted["sections"]["formula"] = []
    return wanted


def sizes(*ends: int) -> dict[str, Any]:
    return {"retentionCustomBucketSizes": list(ends)}


@pytest.mark.parametrize(
    ("behavior", "expected"),
    [
        ({"retentionUnit": "month"}, [1, 0, 0]),
        ({"retentionUnit": "month", "retentionAlignmentType": "interval_start"}, [1, 0, 0]),
        (
            {"retentionUnit": "week", "retentionAlignmentType": "interval_start", **sizes(1, 2, 3)},
            [0, 0, 1],
        ),
        ({"retentionUnit": "week", **sizes(1, 2, 8)}, [0, 1, 0]),
        (
            {"retentionUnit": "week", "retentionUnboundedMode": "carry_back", **sizes(1, 2, 4)},
            [1, 1, 0],
        ),
    ],
)
def test_retention(server: Server, project: Project, behavior: dict[str, Any], expected: list[int]) -> None:
    answer = answered(server, project, returned(behavior))
    [(name, rows)] = answer["series"].items()
    assert name == "sign in and then visit"
    began = {"month": "2025-02-01", "week": "2025-01-27"}[behavior["retentionUnit"]]
    row = rows[f"{began}T00:00:00+00:00"]
    assert (row["first"], row["counts"], row["rates"]) == (1, expected, expected)
    assert (rows["$average"]["first"], rows["$average"]["rates"]) == (1, expected)


def test_retention_by_a_property(server: Server, project: Project) -> None:
    wanted = returned({"retentionUnit": "month"}, groups=[grouped("$distinct_id")])
    [(_, segments)] = answered(server, project, wanted)["series"].items()
    assert list(segments) == ["$overall", "u"]


def through(
    *, math: str = "conversion_rate_unique", behavior: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A bookmark for a funnel: who bought and then visited."""
    events: list[Any] = [{"type": "event", "name": name, "filters": []} for name in ("buy", "visit")]
    whole = {"type": "funnel", "behaviors": events, "conversionWindowDuration": 7, "conversionWindowUnit": "day"}
    measurement = {"math": math, "property": None, "stepIndex": None}
    show = {"type": "metric", "behavior": whole | (behavior or {}), "measurement": measurement}
    return bookmark(show, **{"chart": "funnel-steps", **more})


def counts(numbers: dict[str, Any]) -> list[int]:
    return [each["all"] for each in numbers["count"].values()]


def test_a_funnel_has_its_numbers_by_step(server: Server, project: Project) -> None:
    assert answered(server, project, through())["series"] == {
        "buy through visit": {
            "count": {"1. buy": {"all": 2}, "2. visit": {"all": 1}},
            "step_conv_ratio": {"1. buy": {"all": 1}, "2. visit": {"all": 0.5}},
            "overall_conv_ratio": {"1. buy": {"all": 1}, "2. visit": {"all": 0.5}},
            "avg_time": {"1. buy": {"all": None}, "2. visit": {"all": 90_000}},
            "avg_time_from_start": {"1. buy": {"all": None}, "2. visit": {"all": 90_000}},
        }
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"math": "conversion_rate_total"}, [2, 1]),
        ({"behavior": {"conversionWindowDuration": 1}}, [2, 0]),
        ({"behavior": {"conversionWindowUnit": "month", "conversionWindowDuration": 1}}, [2, 1]),
        ({"behavior": {"aggregateBy": [{"value": "country", "resourceType": "events"}]}}, [2, 0]),
        ({"filters": [filtered("os", "equals", ["Web"])]}, [1, 0]),
    ],
)
def test_funnels_are_counted_as_asked(
    server: Server, project: Project, options: dict[str, Any], expected: list[int]
) -> None:
    [(_, numbers)] = answered(server, project, through(**options))["series"].items()
    assert counts(numbers) == expected


def test_a_funnel_by_time_and_by_a_property(server: Server, project: Project) -> None:
    [(_, days)] = answered(server, project, through(chart="line"))["series"].items()
    assert {day: counts(numbers) for day, numbers in days.items()} == dict(
        zip(DAYS, ([2, 1], [0, 0], [1, 0]), strict=True)
    )
    [(_, parts)] = answered(server, project, through(groups=[grouped("country")]))["series"].items()
    assert {name: counts(numbers) for name, numbers in parts.items()} == {
        "$overall": [2, 1],
        "DE": [1, 1],
        "US": [1, 0],
    }


def test_a_funnel_by_hours(server: Server, project: Project) -> None:
    wanted = through(chart="line", unit="hour", days=("2025-03-01", "2025-03-01"))
    [(_, hours)] = answered(server, project, wanted)["series"].items()
    assert len(hours) == 24
    assert {hour[11:13]: counts(numbers) for hour, numbers in hours.items() if any(counts(numbers))} == {
        "09": [1, 0],
        "10": [1, 0],
        "11": [1, 1],
    }


def test_the_parameters_of_a_request_count_before_those_of_a_saved_funnel(server: Server, project: Project) -> None:
    days = {"from_date": "2025-03-01", "to_date": "2025-03-01"}
    whole = {"funnel_id": save_report(server, project, "funnels", through()), **days}
    named = {"events": '["buy","visit"]', "length": 7, "length_unit": "day", **days}
    found = []
    for given in (
        {},
        {"length": 1, "length_unit": "day"},
        {"count_type": "general"},
        {"count_type": "general", "reentry": "optimized"},
        {"order": "any"},
        {"hold_constant": '["country"]'},
        {"exclusions": '[{"event":"visit","steps":{"from":1,"to":2}}]'},
    ):
        [day] = report(server, project, "funnels", **whole, **given)["data"].values()
        assert day == report(server, project, "funnels", **{**named, **given})["data"]["2025-03-01"], given
        found.append([step["count"] for step in day["steps"]])
    assert found[:4] == [[2, 1], [2, 0], [2, 1], [3, 1]]
    for wrong in ({"length": "soon"}, {"order": "none"}, {"hold_constant": "[1]"}, {"exclusions": "{}"}):
        assert ask_report(server, project, "funnels", **whole, **wrong).status == 400, wrong


def test_a_saved_funnel_answers_by_its_id(server: Server, project: Project) -> None:
    saved = save_report(server, project, "funnels", through())
    found = report(server, project, "funnels", funnel_id=saved, from_date="2025-03-01", to_date="2025-03-01")
    assert [step["count"] for step in found["data"]["2025-03-01"]["steps"]] == [2, 1]


FREQUENT: dict[str, Any] = {
    "selector": {"property": "behaviors", "value": "b", "operator": ">=", "operand": 3},
    "behaviors": {
        "b": {"count": {"event_selector": {"event": "buy"}}, "from_date": "2025-03-01", "to_date": "2025-03-31"},
    },
}


def cohort(**of: Any) -> dict[str, Any]:
    return {"name": "Frequent", "negated": False, "raw_cohort": FREQUENT, **of}


@pytest.mark.parametrize(("operator", "expected"), [("contains", [2, 0, 1]), ("does not contain", [1, 0, 1])])
def test_members_of_a_cohort(server: Server, project: Project, operator: str, expected: list[int]) -> None:
    of = filtered("$cohorts", operator, [{"cohort": cohort()}], "list")
    [(_, series)] = answered(server, project, bookmark(metric("buy"), filters=[of]))["series"].items()
    assert values(series) == expected


def test_a_breakdown_by_cohorts(server: Server, project: Project) -> None:
    wait_for_facts(server, project)
    parts = {"value": ["Frequent", "Not In Frequent"], "cohorts": [cohort(), cohort(negated=True)]}
    answer = answered(server, project, bookmark(metric("buy"), groups=[parts]))
    [(_, series)] = answer["series"].items()
    assert values(series) == {"$overall": [3, 0, 2], "Frequent": [2, 0, 1], "Not In Frequent": [1, 0, 1]}
    assert answer["headers"] == ["$metric", "Frequent"]


def test_a_saved_report_answers_as_its_bookmark(server: Server, project: Project) -> None:
    wanted = bookmark(metric("buy", "unique"), groups=[grouped("country")])
    found = report(server, project, "insights", bookmark_id=save_report(server, project, "insights", wanted))
    assert found["series"] == answered(server, project, wanted)["series"]


def test_saved_retention_has_a_row_under_each_key(server: Server, project: Project) -> None:
    wanted = returned({"retentionUnit": "month"})
    found = report(server, project, "retention", bookmark_id=save_report(server, project, "retention", wanted))
    assert found["2025-02-01T00:00:00+00:00"] == {"first": 1, "counts": [1, 0, 0], "rates": [1, 0, 0]}
    assert len(found) == 3


@pytest.mark.parametrize("path", ["insights", "retention"])
def test_a_saved_report_that_there_is_not(
    server: Server, project: Project, make_projects: MakeProjects, path: str
) -> None:
    [other] = make_projects(1)
    foreign = save_report(server, other, "insights", bookmark(metric("buy")))
    reply = ask_report(server, project, path, bookmark_id=foreign)
    assert reply.status == 400
    assert json.loads(reply.body)["error"] == f"bookmark_id {foreign} is no saved report of this project"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"displayOptions": {"chartType": "line"}}, "Field required at bookmark.sections"),
    (bookmark(metric("buy")) | {"x": 1}, "Extra inputs are not permitted at bookmark.x"),
    (bookmark(metric("buy") | {"x": 1}), "Extra inputs are not permitted at bookmark.sections.show.0.x"),
    (bookmark(), "sections.show must be 1 to 40 metrics"),
    (bookmark(formula("1")), "sections.show must be 1 to 40 metrics"),
    (bookmark(metric("buy"), filters=[filtered("a", "equals", 10**400)]), "sections.filter.0.filterValue must be less"),
    (
        bookmark(metric("buy"), filters=[filtered("$cohorts", "contains", [{"cohort": "x"}])]),
        'cohort must be {"id": the id of a cohort}',
    ),
    (bookmark(metric("")), "Field required at sections.show.0.behavior.name"),
    (bookmark(metric("buy", "histogram", "a")), "sections.show.0.measurement.math 'histogram' is not supported"),
    (bookmark(metric("buy", "median")), "sections.show.0.measurement.property is required for math median"),
    (bookmark(metric("buy", "median", "a"), analysis="cumulative"), "sections.show.0.measurement.math median with"),
    (bookmark(metric("buy"), unit="fortnight"), "sections.time.0.unit 'fortnight' is not supported"),
    (bookmark(metric("buy"), days=["2025-03-03", "2025-03-01"]), "sections.time.0.value must begin before it ends"),
    (bookmark(metric("buy"), chart="sankey"), "displayOptions.chartType 'sankey' is not supported"),
    (bookmark(metric("buy"), groups=[grouped("a", cohorts=[{}])]), "sections.group.0.value must name each of at most"),
    (bookmark(metric("buy"), filters=[filtered("a", "rhymes with", "x")]), "sections.filter.0.filterOperator 'rhymes"),
    (bookmark(metric("buy"), filters=[filtered("a", "is less than", "x")]), "sections.filter.0.filterValue must be a"),
    (
        bookmark(metric("buy"), filters=[filtered("$cohorts", "contains", [])]),
        "sections.filter.0.filterValue must be one",
    ),
    (
        bookmark(metric("buy"), filters=[filtered("$cohorts", "contains", [{"cohort": {"id": 1}}])] * 51),
        "sections.filter must be 50 filters at most",
    ),
    (bookmark(metric("buy"), formula("A +")), "sections.show.1.definition is incomplete"),
    (bookmark(metric("buy"), formula("A / B")), "sections.show.1.definition needs 2 metrics, and there are 1"),
    (
        bookmark(metric("buy"), timeComparison={"type": "relative"}),
        "displayOptions.timeComparison {'type': 'relative'}",
    ),
]


def test_the_period_before_has_the_series_of_its_own_days(server: Server, project: Project) -> None:
    compared: dict[str, Any] = {"timeComparison": {"type": "previous-period"}}
    show = [metric("buy", "average", "amount"), metric("buy", "unique")]
    answer = answered(server, project, bookmark(*show, days=("2025-03-02", "2025-03-03"), **compared))
    assert {name: list(series.values()) for name, series in answer["series"].items()} == {
        "buy [Average of amount]": [None, 7.5],
        "buy [Unique Users]": [0, 1],
    }
    before = answered(server, project, bookmark(*show, days=("2025-02-28", "2025-03-01")))
    assert answer["time_comparison"] == {"date_range": before["date_range"], "series": before["series"]}
    assert list(before["series"]["buy [Unique Users]"].values()) == [0, 2]
    assert "time_comparison" not in before


@pytest.mark.parametrize(("wanted", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refuses(server: Server, project: Project, wanted: dict[str, Any], message: str) -> None:
    reply = post_report(server, project, "insights", {"bookmark": wanted})
    assert reply.status == 400
    assert json.loads(reply.body)["error"].startswith(message)


def test_refuses_too_many_segments(server: Server, project: Project) -> None:
    body = {"bookmark": bookmark(metric("buy")), "queryLimits": {"limit": 50_001}}
    reply = post_report(server, project, "insights", body)
    assert json.loads(reply.body)["error"] == "Query limit exceeds max limit of 50000 (50001 was given)"
