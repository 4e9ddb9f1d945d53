"""What people may write into an alert."""

import pytest

from trackway.domain.errors import InvalidInput, StorageError
from trackway.projects.alert import check_emails, check_targets, check_webhook_url, new_message_id, new_secret
from trackway.projects.alert_condition import (
    Condition,
    Quiet,
    Rejected,
    ReportValue,
    check_compares,
    check_condition,
    condition_text,
    decoded,
    encoded,
    kind_of,
)
from trackway.projects.limits import ALERT_EMAILS_MAX, ALERT_URL_CHARACTERS_MAX

CONDITIONS: list[tuple[Condition, str, str]] = [
    (Quiet(1), "quiet", "no events for 1 minute"),
    (Quiet(30), "quiet", "no events for 30 minutes"),
    (Rejected(2.5, 10, 100), "rejected", "more than 2.5 % of at least 100 records rejected in 10 minutes"),
    (ReportValue(7, "below", 1000.5), "report", "report 7 below 1000.5"),
    (ReportValue(7, "below", 20, 0), "report", "report 7, period 0, below 20"),
]


@pytest.mark.parametrize(("condition", "kind", "text"), CONDITIONS)
def test_a_condition_has_words_and_comes_back_from_its_text(condition: Condition, kind: str, text: str) -> None:
    assert decoded(encoded(condition)) == condition == check_condition(condition)
    assert (kind_of(condition), condition_text(condition)) == (kind, text)


def test_a_condition_names_its_report() -> None:
    assert condition_text(ReportValue(7, "above", -2), "Orders") == "Orders above -2"


def test_an_alert_of_before_periods_is_read_and_written_as_it_was() -> None:
    text = '{"kind":"report","report_id":7,"side":"below","value":20.0}'
    assert encoded(decoded(text)) == text


@pytest.mark.parametrize(
    ("type", "period", "reason"),
    [
        ("insights", 1, "only retention has periods"),
        ("funnels", 1, "only retention has periods"),
        ("retention", None, "name the period of retention"),
        ("flows", None, "flows have no single figure: save a funnel"),
        ("user", None, "insights, funnels, retention; user do not"),
    ],
)
def test_a_condition_that_does_not_fit_its_report_is_refused(type: str, period: int | None, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check_compares(ReportValue(1, "above", 1, period), type)
    for fitting, own in (("insights", None), ("funnels", None), ("retention", 0)):
        check_compares(ReportValue(1, "above", 1, own), fitting)


@pytest.mark.parametrize(
    "text", ["", "{}", '{"kind":"quiet"}', '{"kind":"new","a":1}', '{"kind":"quiet","minutes":1,"a":2}']
)
def test_a_condition_of_another_version_is_an_error_of_storage(text: str) -> None:
    with pytest.raises(StorageError, match="cannot be read"):
        decoded(text)


@pytest.mark.parametrize(
    "condition",
    [
        Quiet(0),
        Quiet(10_081),
        Rejected(-1, 10, 1),
        Rejected(100, 10, 1),
        Rejected(float("nan"), 10, 1),
        Rejected(5, 0, 1),
        Rejected(5, 10, 0),
        ReportValue(1, "above", float("inf")),
        ReportValue(1, "above", float("nan")),
        ReportValue(1, "above", -1e16),
        ReportValue(1, "above", 1, -1),
        ReportValue(1, "above", 1, 731),
    ],
)
def test_numbers_out_of_their_bounds_are_refused(condition: Condition) -> None:
    with pytest.raises(InvalidInput):
        check_condition(condition)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://hooks.example.com",
        "http://hooks.example.com:8080/a/b?c=d&e=%20",
        "https://xn--bcher-kva.example/",
        "http://[2001:db8::1]:80/",
        "HTTPS://hooks.example.com/",
    ],
)
def test_a_webhook_is_a_url_of_http(url: str) -> None:
    assert check_webhook_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "hooks.example.com",
        "//hooks.example.com",
        "ftp://hooks.example.com",
        "file:///etc/passwd",
        "gopher://hooks.example.com/_x",
        "https://",
        "https:///path",
        "https://user:pass@hooks.example.com/",
        "https://user@hooks.example.com/",
        "https://hooks.example.com@10.0.0.1/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:x/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/a\r\nX-Header: 1",
        "https://hooks.example.com/\u00e4",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com/#fragment",
        "https://[::1/",
        "https://hooks.example.com/" + "a" * ALERT_URL_CHARACTERS_MAX,
    ],
)
def test_any_other_text_is_no_webhook(url: str) -> None:
    with pytest.raises(InvalidInput, match="webhook"):
        check_webhook_url(url)


def test_addresses_are_separated_by_commas_or_white_space() -> None:
    assert check_emails(" ann@example.com,bob+x@mail.example.co.uk\n ann@example.com ") == (
        "ann@example.com",
        "bob+x@mail.example.co.uk",
    )
    assert check_emails("  ") == ()


@pytest.mark.parametrize(
    "text",
    [
        "ann",
        "ann@",
        "@example.com",
        "a@b@c",
        "ann@example..com",
        "ann@-example.com",
        "Ann <ann@example.com>",
        '"a b"@example.com',
        "ann@example.com;bob@example.com",
        "\u00e4nn@example.com",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 260 + ".com",
        "ann\0@example.com",
        ",".join(f"a{number}@example.com" for number in range(ALERT_EMAILS_MAX + 1)),
    ],
)
def test_any_other_text_is_no_list_of_addresses(text: str) -> None:
    with pytest.raises(InvalidInput, match="e-mail"):
        check_emails(text)


def test_an_alert_tells_somebody() -> None:
    with pytest.raises(InvalidInput, match="needs a webhook or an e-mail address"):
        check_targets("", ())


def test_secrets_and_ids_are_never_the_same() -> None:
    assert len({new_secret() for _ in range(100)}) == 100 == len({new_message_id() for _ in range(100)})
