"""The reports of `mixpanel-headless`, Mixpanel's own query SDK: what its typed results say of known events."""

from typing import Any

import pytest

from tests.support.bookmarks import bookmark, metric, save_report
from tests.support.clients.query_sdk import run_query_sdk
from tests.support.http.events import import_all, record
from tests.support.server import Project, Server
from tests.support.service_accounts import new_account

DAYS: dict[str, Any] = {"from_date": "2025-03-01", "to_date": "2025-03-03"}
BEGIN_S = 1_740_787_200  # 2025-03-01
DAY_S = 86_400
DATES = ["2025-03-01", "2025-03-02", "2025-03-03"]
KEYS = ["2025-03-01T00:00:00+00:00", "2025-03-02T00:00:00+00:00", "2025-03-03T00:00:00+00:00"]


def new(*of: Any, **named: Any) -> dict[str, Any]:
    return {"new": list(of), **named}


RANGES = new("GroupBy", "amount", "number", bucket_size=10, bucket_min=0, bucket_max=20)
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "names": ("events", {"from_date": DAYS["from_date"], "to_date": DAYS["to_date"]}),
    "properties": ("properties", {"event": "Buy"}),
    "values": ("property_values", {"property_name": "city", "event": "Buy"}),
    "counts": ("event_counts", {**DAYS, "events": ["Buy", "View"]}),
    "by value": ("property_counts", {**DAYS, "event": "Buy", "property_name": "city"}),
    "sums": ("segmentation_sum", {**DAYS, "event": "Buy", "on": 'properties["amount"]'}),
    "means": ("segmentation_average", {**DAYS, "event": "Buy", "on": 'properties["amount"]'}),
    "buckets": ("segmentation_numeric", {**DAYS, "event": "Buy", "on": 'properties["amount"]'}),
    "segmentation": ("segmentation", {**DAYS, "event": "Buy"}),
    "segmented": ("segmentation", {**DAYS, "event": "Buy", "on": "plan"}),
    "totals": ("query", {**DAYS, "events": "Buy"}),
    "uniques": ("query", {**DAYS, "events": "Buy", "math": "unique", "group_by": "plan"}),
    "one number": ("query", {**DAYS, "events": "Buy", "math": "unique", "mode": "total"}),
    "average": ("query", {**DAYS, "events": "Buy", "math": "average", "math_property": "amount", "mode": "total"}),
    "p90": (
        "query",
        {
            **DAYS,
            "events": "Buy",
            "math": "percentile",
            "percentile_value": 90,
            "math_property": "amount",
            "mode": "total",
        },
    ),
    "spent": (
        "query",
        {
            **DAYS,
            "events": new("Metric", "Buy", math="average", property="amount", per_user="total"),
            "mode": "total",
        },
    ),
    "filtered": (
        "query",
        {
            **DAYS,
            "events": "Buy",
            "where": [new("Filter.equals", "plan", "pro"), new("Filter.greater_than", "amount", 10)],
        },
    ),
    "rate": (
        "query",
        {
            **DAYS,
            "events": [new("Metric", "View", math="unique"), new("Metric", "Buy", math="unique")],
            "formula": "(B / A) * 100",
            "formula_label": "Conversion",
        },
    ),
    "two levels": (
        "query",
        {**DAYS, "events": "Buy", "group_by": ["plan", "city"], "mode": "total"},
    ),
    "ranges": ("query", {**DAYS, "events": "Buy", "mode": "total", "group_by": RANGES}),
    "weekly": ("query", {**DAYS, "events": "Buy", "unit": "week"}),
    "mau": ("query", {**DAYS, "events": "Buy", "math": "mau"}),
    "rolling": ("query", {**DAYS, "events": "Buy", "rolling": 2}),
    "cumulative": ("query", {**DAYS, "events": "Buy", "math": "unique", "cumulative": True}),
    "sessions": ("query", {**DAYS, "events": "Buy", "math": "sessions", "mode": "total"}),
    "starting": ("query", {**DAYS, "events": "Buy", "where": new("Filter.starts_with", "city", "Os"), "mode": "total"}),
    "together": ("query", {**DAYS, "events": new("Metric", ["View", "Buy"], math="unique"), "mode": "total"}),
    "lately": ("query", {"events": "Buy", "last": 7}),
    "unknown": ("query", {**DAYS, "events": "Buy", "where": new("Filter.in_cohort", 1, "Some")}),
    "feed": ("activity_feed", {**DAYS, "distinct_ids": ["user-0"]}),
    "page": ("activity_feed", {**DAYS, "distinct_ids": ["user-0"], "limit": 2}),
    "searched": ("activity_feed", {**DAYS, "distinct_ids": ["user-0", "user-1"], "search": "OSLO"}),
    "retention": ("retention", {**DAYS, "born_event": "View", "return_event": "Buy", "interval_count": 2}),
    "curve": ("query_retention", {**DAYS, "born_event": "View", "return_event": "Buy", "retention_unit": "day"}),
    "curves": (
        "query_retention",
        {**DAYS, "born_event": "View", "return_event": "Buy", "retention_unit": "day", "group_by": "plan"},
    ),
    "funnel": ("query_funnel", {**DAYS, "steps": ["View", "Buy"], "conversion_window": 1}),
    "funnel of pro": (
        "query_funnel",
        {
            **DAYS,
            "steps": ["View", new("FunnelStep", "Buy", label="Sale", filters=[new("Filter.equals", "plan", "pro")])],
            "exclusions": ["Leave"],
            "holding_constant": [],
            "math": "conversion_rate_total",
        },
    ),
    "flow": ("query_flow", {**DAYS, "event": "View", "forward": 2, "conversion_window": 1}),
    "paths": ("query_flow", {**DAYS, "event": "View", "forward": 2, "conversion_window": 1, "mode": "paths"}),
    "tree": (
        "query_flow",
        {
            **DAYS,
            "event": ["View", new("FlowStep", "Buy", reverse=1, filters=[new("Filter.equals", "plan", "pro")])],
            "forward": 0,
            "mode": "tree",
        },
    ),
    "filtered flow": (
        "query_flow",
        {**DAYS, "event": "Buy", "forward": 1, "where": new("Filter.greater_than", "amount", 5)},
    ),
    "no flow": ("query_flow", {**DAYS, "event": "View", "segments": "plan"}),
    "frequency": ("frequency", {**DAYS, "unit": "week", "addiction_unit": "day", "event": "Buy"}),
}


@pytest.fixture(scope="module")
def bought(server: Server) -> Project:
    """Ten users view on the first day. User n buys for 5 n on the first n days of three, n from 0 to 3."""
    project = server.create_project()
    events = [record(project, "View", time=BEGIN_S + n, distinct_id=f"user-{n}", insert_id=f"v-{n}") for n in range(10)]
    for n in range(4):
        events += [
            record(
                project,
                "Buy",
                time=BEGIN_S + day * DAY_S + 3600,
                distinct_id=f"user-{n}",
                insert_id=f"b-{n}-{day}",
                plan="pro" if n % 2 else "free",
                city="Oslo" if n < 2 else "Rome",
                amount=5 * n,
            )
            for day in range(max(n, 1))
        ]
    import_all(server, project, events)
    server.wait_loaded()
    return project


@pytest.fixture(scope="module")
def found(server: Server, bought: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each call gave, all of one run."""
    account = new_account(server, {bought.project_id: "analyst"})
    calls = CALLS | {name: ("query_saved_report", asked) for name, asked in saved_reports(server, bought).items()}
    home, workspace = tmp_path_factory.mktemp("home"), str(bought.project_id)
    answers = run_query_sdk(
        "drive_headless_reports.py", server, bought, account, home, list(calls.values()), MP_WORKSPACE_ID=workspace
    )
    return dict(zip(calls, answers, strict=True))


def saved_reports(server: Server, project: Project) -> dict[str, dict[str, Any]]:
    """What asks for a saved report of each kind."""
    events = [{"type": "event", "name": name} for name in ("View", "Buy")]
    retention = {"type": "retention", "behaviors": events, "retentionUnit": "day"}
    days = [DAYS["from_date"], DAYS["to_date"]]
    funnel = {"type": "funnel", "behaviors": events, "conversionWindowDuration": 1, "conversionWindowUnit": "day"}
    reports = {"insights": metric("Buy"), "retention": {"behavior": retention}, "funnels": {"behavior": funnel}}
    charts = {"insights": "line", "retention": "retention-curve", "funnels": "funnel-steps"}
    between = {"type": "between", "from_date": days[0], "to_date": days[1]}
    flow = save_report(server, project, "flows", {"steps": [{"event": "View"}], "date_range": between})
    return {"saved flows": {"bookmark_id": flow, "bookmark_type": "flows"}} | {
        f"saved {kind}": {
            "bookmark_id": save_report(server, project, kind, bookmark(show, days=days, chart=charts[kind])),
            "bookmark_type": kind,
            **(DAYS if kind == "funnels" else {}),
        }
        for kind, show in reports.items()
    }


def series(found: dict[str, Any]) -> Any:
    assert "series" in found, found
    [(_, only)] = found["series"].items()
    return only


def in_time(*values: float | None) -> dict[str, float | None]:
    return dict(zip(KEYS, values, strict=True))


def test_measures(found: dict[str, Any]) -> None:
    assert series(found["totals"]) == in_time(4, 2, 1)
    assert series(found["uniques"]) == {
        "$overall": in_time(4, 2, 1), "pro": in_time(2, 1, 1), "free": in_time(2, 1, 0),
    }  # fmt: skip
    assert series(found["one number"]) == {"all": 4}
    assert series(found["average"]) == {"all": (0 + 5 + 2 * 10 + 3 * 15) / 7}
    assert series(found["p90"]) == {"all": 15}
    assert series(found["spent"]) == {"all": (0 + 5 + 20 + 45) / 4}
    assert series(found["mau"]) == in_time(4, 4, 4)
    assert series(found["together"]) == {"all": 10}
    assert series(found["sessions"]) == {"all": 7}
    assert series(found["starting"]) == {"all": 2}


def test_filters_groups_and_formulas(found: dict[str, Any]) -> None:
    assert series(found["filtered"]) == in_time(1, 1, 1)
    assert found["rate"]["series"] == {"Conversion": in_time(40, None, None)}
    assert series(found["two levels"]) == {
        "$overall": {"all": 7},
        "pro": {"$overall": {"all": 4}, "Rome": {"all": 3}, "Oslo": {"all": 1}},
        "free": {"$overall": {"all": 3}, "Rome": {"all": 2}, "Oslo": {"all": 1}},
    }
    assert series(found["ranges"]) == {
        "$overall": {"all": 7}, "10 - 20": {"all": 5}, "0 - 10": {"all": 2},
    }  # fmt: skip


def test_its_data_frames_have_a_row_for_each_value(found: dict[str, Any]) -> None:
    rows = found["two levels"]["rows"]
    assert [(row["plan"], row["city"], row["count"]) for row in rows] == [
        ("$overall", "$overall", 7),
        ("pro", "$overall", 4),
        ("pro", "Rome", 3),
        ("pro", "Oslo", 1),
        ("free", "$overall", 3),
        ("free", "Rome", 2),
        ("free", "Oslo", 1),
    ]
    assert [(row["date"][:10], row["count"]) for row in found["totals"]["rows"]] == [
        ("2025-03-01", 4), ("2025-03-02", 2), ("2025-03-03", 1),
    ]  # fmt: skip


def test_values_in_time(found: dict[str, Any]) -> None:
    assert series(found["weekly"]) == {"2025-02-24T00:00:00+00:00": 6, "2025-03-03T00:00:00+00:00": 1}
    assert series(found["rolling"]) == in_time(2, 3, 1.5)
    assert series(found["cumulative"]) == in_time(4, 4, 4)
    assert len(series(found["lately"])) == 7
    assert found["totals"]["from_date"] == KEYS[0]
    assert found["totals"]["to_date"] == "2025-03-03T23:59:59.999000+00:00"


def test_what_is_not_there_is_named(found: dict[str, Any]) -> None:
    assert "cohort 1 was not found" in found["unknown"]["text"]


def test_activity(found: dict[str, Any]) -> None:
    assert [each["event"] for each in found["feed"]["events"]] == ["View", "Buy"]
    assert found["feed"]["sentinel_event"] is None
    assert [row["distinct_id"] for row in found["feed"]["rows"]] == ["user-0", "user-0"]
    assert len(found["page"]["events"]) == 2
    assert [each["properties"]["$insert_id"] for each in found["searched"]["events"]] == ["b-0-0", "b-1-0"]


def test_older_reports(found: dict[str, Any]) -> None:
    assert found["segmentation"]["series"] == {"Buy": {"2025-03-01": 4, "2025-03-02": 2, "2025-03-03": 1}}
    assert found["segmented"]["series"]["free"] == {"2025-03-01": 2, "2025-03-02": 1, "2025-03-03": 0}
    assert found["retention"]["cohorts"][0]["size"] == 10
    assert next(iter(found["frequency"]["data"].values()))[:2] == [4, 2]


def test_retention_as_a_typed_query(found: dict[str, Any]) -> None:
    curve = found["curve"]
    assert curve["cohorts"]["2025-03-01"]["first"] == 10
    assert curve["cohorts"]["2025-03-01"]["counts"] == [4, 2, 1, 0]
    assert curve["cohorts"]["2025-03-01"]["rates"] == [0.4, 0.2, 0.1, 0]
    assert curve["average"]["rates"] == [0.4, 0.2, 0.1, 0]
    assert found["curves"]["segments"]["free"]["2025-03-01"]["counts"] == [2, 1, 0, 0]


def test_saved_reports(found: dict[str, Any]) -> None:
    assert series(found["saved insights"]) == in_time(4, 2, 1)
    assert found["saved insights"]["report_type"] == "insights"
    rows = found["saved retention"]["series"]
    assert (found["saved retention"]["report_type"], list(rows)) == ("retention", KEYS)
    assert rows[KEYS[0]] == {"first": 10, "counts": [4, 2, 1, 0], "rates": [0.4, 0.2, 0.1, 0]}
    steps = found["saved funnels"]["series"]["2025-03-01"]["steps"]
    assert [step["count"] for step in steps] == [10, 4]


def test_funnels_as_typed_queries(found: dict[str, Any]) -> None:
    steps = found["funnel"]["steps_data"]
    assert [(step["event"], step["count"]) for step in steps] == [("View", 10), ("Buy", 4)]
    assert (steps[1]["step_conv_ratio"], steps[1]["overall_conv_ratio"]) == (0.4, 0.4)
    assert steps[1]["avg_time"] == pytest.approx(3600 - 1.5, abs=0.5)
    assert found["funnel"]["rows"][1]["count"] == 4
    steps = found["funnel of pro"]["steps_data"]
    assert [(step["event"], step["count"]) for step in steps] == [("View", 10), ("Sale", 2)]


def test_flows_as_typed_queries(found: dict[str, Any]) -> None:
    """Users 0 to 3 buy within a day of their view, user 2 and 3 again a day later, which is beyond the window."""
    nodes = [(row["step"], row["event"], row["type"], row["count"]) for row in found["flow"]["rows"]]
    assert nodes == [
        (0, "View", "ANCHOR", 10),
        (1, "Buy", "NORMAL", 4),
        (1, "DROPOFF", "DROPOFF", 6),
        (2, "DROPOFF", "DROPOFF", 10),
    ]
    assert (found["flow"]["mode"], found["flow"]["overall_conversion_rate"]) == ("sankey", 1)
    steps = [(row["path_index"], row["event"], row["count"]) for row in found["paths"]["rows"]]
    assert steps == [(0, "View", 6), (0, "DROPOFF", 6), (1, "View", 4), (1, "Buy", 4), (1, "DROPOFF", 4)]
    [view] = found["tree"]["trees"]
    assert (view["event"], view["total_count"], view["drop_off_count"]) == ("View", 10, 8)
    assert [(each["event"], each["total_count"]) for each in view["children"]] == [("Buy", 2), ("DROPOFF", 8)]
    assert found["tree"]["overall_conversion_rate"] == 0.2
    assert found["filtered flow"]["rows"][0]["count"] == 2
    assert "segments" in found["no flow"]["text"]


def test_a_saved_flow(found: dict[str, Any]) -> None:
    [column] = found["saved flows"]["series"]["steps"]
    assert column["nodes"][0]["totalCount"] == "10"
    assert found["saved flows"]["report_type"] == "flows"


def test_events_and_their_properties(found: dict[str, Any]) -> None:
    assert found["names"] == ["Buy", "View"]
    assert {"amount", "city", "plan"} <= set(found["properties"])
    assert sorted(found["values"]) == ["Oslo", "Rome"]
    assert found["counts"]["series"] == {
        "Buy": dict(zip(DATES, (4, 2, 1), strict=True)),
        "View": dict(zip(DATES, (10, 0, 0), strict=True)),
    }
    assert found["by value"]["series"] == {
        "Rome": dict(zip(DATES, (2, 2, 1), strict=True)),
        "Oslo": dict(zip(DATES, (2, 0, 0), strict=True)),
    }
    assert found["sums"]["results"] == dict(zip(DATES, (30, 25, 15), strict=True))
    assert found["means"]["results"] == dict(zip(DATES, (7.5, 12.5, 15), strict=True))
    assert sum(sum(days.values()) for days in found["buckets"]["series"].values()) == 7
