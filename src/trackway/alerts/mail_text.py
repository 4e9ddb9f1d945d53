"""The mail that a message becomes. Pure.

No text of a person can add a header: what would end a line is a blank there.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from trackway.mail.limits import MAIL_SUBJECT_CHARACTERS_MAX
from trackway.mail.one_line import one_line


def mail_of(body: str, message_id: str, sender: str, recipients: Sequence[str]) -> EmailMessage:
    """`body`: the message as JSON. Each repeat has the same `Message-ID`, so a reader can see that it is one."""
    message: dict[str, Any] = json.loads(body)
    data = message["data"]
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = one_line(f"[{data['project']['name']}] {data['text']}")[:MAIL_SUBJECT_CHARACTERS_MAX]
    mail["Date"] = format_datetime(datetime.fromisoformat(message["timestamp"]))
    mail["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(_lines(message)) + "\n")
    return mail


def _lines(message: dict[str, Any]) -> list[str]:
    data = message["data"]
    found = [
        f"{data['text']}.",
        "",
        f"Project:   {data['project']['name']}",
        f"Condition: {data['alert']['condition']}",
        f"Found:     {data['observed']}",
    ]
    if data["since"]:
        found.append(f"Since:     {data['since']}")
    if data["link"]:
        found += ["", str(data["link"])]
    return [one_line(each) for each in found]
