"""The checklist: each thing that keeps events away is found, and named with what to do."""

from typing import Any

import pytest

from trackway.domain.endpoint import Endpoint
from trackway.domain.region import refusal
from trackway.edge.api.health import Readiness
from trackway.edge.quotas.rate_limits import Use
from trackway.http.connections import Crowd
from trackway.ingest import outcome
from trackway.query.ingestion_stats import Arrivals, Bucket, RejectedFor
from trackway.web.checklist_rules import Counted, Facts, Forwarded, checks
from trackway.web.limits import CHECKLIST_LAG_S_MAX, CROWD_CONNECTIONS_MIN, UNHEEDED_S_MAX
from trackway.web.troubleshooting import advice, kind

UP = Readiness(True, 0, "")
FREE = Use("import_requests_per_hour", 60, 3, 3600, 0, 0)
FULL = FREE._replace(used=60, retry_after_s=120)
FLOWING = Counted(Bucket(0, stored=5), Bucket(0, stored=50), Arrivals(1, 500))
QUIET = Counted(Bucket(0), Bucket(0), Arrivals(None, 0))
FINE = Facts("missing", "us", "us", [FREE], UP, 0.0, FLOWING)
OLD = "'properties.time' is invalid: must not be older than 5 days; send it to /import"


def refused(reason: str) -> RejectedFor:
    return RejectedFor(Endpoint.TRACK, reason, 7, 60)


def rejecting(reason: str) -> Counted:
    return FLOWING._replace(day=Bucket(0, stored=50, rejected=7), reasons=[refused(reason)])


def wrong(**changes: Any) -> dict[str, str]:
    """The questions that are answered with a problem, and what is found."""
    return {each.question: each.found for each in checks(FINE._replace(**changes)) if each.state == "wrong"}


def test_nothing_is_wrong_where_events_flow() -> None:
    assert wrong() == {}
    assert [each.state for each in checks(FINE)] == ["good"] * 9


def test_nothing_is_known_to_be_wrong_but_that_nothing_came() -> None:
    assert wrong(counted=QUIET) == {"Is anything arriving at all?": "Nothing ever came in for this project."}


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"token": "other"}, "Is the token known?", "not one of this project"),
    ({"counted": rejecting("token, unknown")}, "Is the token known?", "7 records"),
    ({"counted": QUIET._replace(nobodys=[refused("token, unknown")])}, "Is the token known?", "no project of this"),
    ({"project_region": "eu"}, "Is it the right region?", "belongs to region eu, this server to us"),
    (
        {"counted": rejecting(refusal("us", "us", b"eu.example.com", misled=True) or "")},
        "Is it the right region?",
        "belongs to region",
    ),
    ({"uses": [FREE, FULL]}, "Is it rate-limited?", "60 of 60 used, again in 120 s"),
    ({"counted": rejecting(OLD)}, "Are timestamps inside five days?", "older than 5 days"),
    ({"counted": rejecting("event, missing")}, "Are records being rejected?", "7 of 57 records"),
    ({"counted": QUIET._replace(ever=Arrivals(1, 9))}, "Is anything arriving at all?", "9 before"),
    (
        {"counted": FLOWING._replace(day=Bucket(0, duplicate=3, ignored=2))},
        "Are they dropped on purpose?",
        "3 duplicates and 2 ignored",
    ),
    ({"readiness": Readiness(True, None, "away"), "counted": None}, "Is what arrived in the store?", "store does not"),
    ({"forwarded": Forwarded(60.0, None)}, "Is the proxy in front of the server known?", "Visitors get its place"),
    ({"readiness": Readiness(False, 9, "")}, "Is what arrived in the store?", "loader is not heard of"),
]


@pytest.mark.parametrize(("changes", "question", "found"), CASES)
def test_each_thing_that_keeps_events_away_is_found(changes: dict[str, Any], question: str, found: str) -> None:
    assert found in wrong(**changes)[question]
    assert all(each.advice for each in checks(FINE._replace(**changes)) if each.state == "wrong")


def test_tokens_of_nobody_are_told_without_alarm_where_events_flow() -> None:
    counted = FLOWING._replace(nobodys=[refused("token, unknown")])
    assert [each.question for each in checks(FINE._replace(counted=counted)) if each.state == "open"] == [
        "Is the token known?"
    ]


def test_a_header_from_a_public_address_may_be_anybodys() -> None:
    facts = FINE._replace(forwarded=Forwarded(UNHEEDED_S_MAX + 1, 60.0))
    assert [each.question for each in checks(facts) if each.state == "open"] == [
        "Is the proxy in front of the server known?"
    ]


def test_a_header_of_long_ago_is_forgotten() -> None:
    facts = FINE._replace(forwarded=Forwarded(UNHEEDED_S_MAX + 1, UNHEEDED_S_MAX + 1))
    assert [each.state for each in checks(facts)] == ["good"] * 9


def test_store_that_is_behind_is_told() -> None:
    [behind] = [each for each in checks(FINE._replace(lag_s=CHECKLIST_LAG_S_MAX + 1)) if each.state != "good"]
    assert "11 s behind" in behind.found


def test_nothing_is_said_of_counts_while_the_store_is_away() -> None:
    told = checks(FINE._replace(readiness=Readiness(True, None, "away"), counted=None))
    assert len(told) == 5 and "away" not in " ".join(each.found for each in told)


REASONS = [
    (outcome.EVENT_MISSING.reason, "form"),
    (outcome.TOKEN_MISSING.reason, "token"),
    (outcome.PROFILE_TOKEN_MISSING.reason, "token"),
    ("token, unknown", "token"),
    (outcome.DISTINCT_ID_MISSING.reason, "identity"),
    (outcome.missing_or_empty("$distinct_id").reason, "identity"),
    (f"token, {refusal('eu', 'us', b'')}", "region"),
    (OLD, "time"),
    (outcome.invalid("properties.time", "must not be in the future").reason, "time"),
    (outcome.invalid("properties.time", "must not be missing").reason, "form"),
    (outcome.invalid("properties.nested", outcome.NESTED_TOO_DEEP).reason, "size"),
    (outcome.invalid("token, unknown", "must be a string").reason, "form"),
]


@pytest.mark.parametrize(("reason", "about"), REASONS)
def test_every_reason_has_advice_of_its_kind_whatever_names_stand_in_it(reason: str, about: str) -> None:
    assert kind(reason) == about
    assert advice(reason)


def test_reason_that_is_unheard_of_has_advice_too() -> None:
    assert kind("something new") is None and advice("something new")


def test_a_peer_with_most_of_many_connections_is_told_of() -> None:
    def told(crowd: Crowd) -> list[str]:
        return [each.found + each.advice for each in checks(FINE._replace(crowd=crowd))[len(checks(FINE)) :]]

    (found,) = told(Crowd(CROWD_CONNECTIONS_MIN, CROWD_CONNECTIONS_MIN - 1))
    assert "49 of 50 connections" in found and "trusted_proxies" in found
    assert (
        told(Crowd(CROWD_CONNECTIONS_MIN, CROWD_CONNECTIONS_MIN // 2))
        == told(Crowd(CROWD_CONNECTIONS_MIN - 1, CROWD_CONNECTIONS_MIN - 1))
        == []
    )
