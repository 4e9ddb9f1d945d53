"""The mail that a message becomes."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trackway.alerts.mail_text import mail_of
from trackway.mail.limits import MAIL_SUBJECT_CHARACTERS_MAX

ID = "msg_0123456789abcdef0123456789abcdef"
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]


def body(name: str = "Orders", project: str = "Shop", **data: Any) -> str:
    return json.dumps(
        {
            "type": "alert.firing",
            "timestamp": "2026-11-30T12:00:00Z",
            "data": {
                "project": {"id": 7, "name": project},
                "alert": {"id": 3, "name": name, "condition": "no events for 30 minutes"},
                "text": f"{name} is firing",
                "observed": "no event came in in that time",
                "since": "2026-11-30T12:00:00Z",
                "link": "https://events.example.com/app/projects/7/alerts/3",
                **data,
            },
        }
    )


def test_a_mail_says_what_the_message_says() -> None:
    mail = mail_of(body(), ID, "alerts@example.com", ["ann@example.com", "bob@example.com"])
    assert mail["To"] == "ann@example.com, bob@example.com" and mail["From"] == "alerts@example.com"
    assert mail["Subject"] == "[Shop] Orders is firing"
    assert mail["Message-ID"] == f"<{ID}@example.com>"
    assert mail["Date"] == "Mon, 30 Nov 2026 12:00:00 +0000"
    text = mail.get_content()
    for told in ("no events for 30 minutes", "no event came in in that time", "/app/projects/7/alerts/3"):
        assert told in text


def test_a_mail_leaves_out_what_there_is_not() -> None:
    text = mail_of(body(since=None, link=None), ID, "a@example.com", ["b@example.com"]).get_content()
    assert "Since" not in text and "http" not in text


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_name_adds_a_header(name: str, named: str) -> None:
    name, named = (text.encode("utf-8", "replace").decode() for text in (name, named))
    mail = mail_of(body(name, named), ID, "a@example.com", ["b@example.com"])
    written = mail.as_bytes()
    head = written.partition(b"\r\n\r\n")[0].decode("ascii")
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith((" ", "\t"))]
    assert [each for each in names if each in HEADERS] == HEADERS
    assert set(names) <= {*HEADERS, "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert len(mail["Subject"]) <= MAIL_SUBJECT_CHARACTERS_MAX
