"""Mails of invitations and of links for new passwords, where the server has a mail server.

A mail is sent while its author waits, so that the page says whether it was. A link that was mailed is shown to nobody
else: only who reads the mails of the address opens it. The number of mails is bounded, since an owner of a project may
write any address.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from typing import NamedTuple

from trackway.mail.limits import MAIL_SUBJECT_CHARACTERS_MAX
from trackway.mail.one_line import one_line
from trackway.mail.sending import Mails
from trackway.mail.server import MailServer
from trackway.projects.personal_account import RESET, AccountLink
from trackway.web.limits import LINK_MAIL_THREADS, LINK_MAILS_PER_HOUR

_HOUR_S = 3600.0


class Mailed(NamedTuple):
    """Whether the mail server has taken a mail, and what the page says about it: "" where no mail is set up."""

    taken: bool
    said: str


class InvitationMails:
    """`server`: None where no mail is set up. For one event loop."""

    def __init__(self, server: MailServer | None, clock_s: Callable[[], float] = time.monotonic):
        self._mails = Mails(server, ThreadPoolExecutor(LINK_MAIL_THREADS, "invitation-mail")) if server else None
        self._clock_s = clock_s
        self._sent: deque[float] = deque()

    async def send(self, link: AccountLink, address: str) -> Mailed:
        """Mail the address of a link."""
        if self._mails is None:
            return Mailed(False, "")
        now_s = self._clock_s()
        while self._sent and now_s - self._sent[0] >= _HOUR_S:
            self._sent.popleft()
        if len(self._sent) >= LINK_MAILS_PER_HOUR:
            most = f"{LINK_MAILS_PER_HOUR} mails were sent in an hour, the most there may be"
            return Mailed(False, f"It was not mailed: {most}.")
        self._sent.append(now_s)
        sent = await self._mails.send(mail_of(link, address, self._mails.sender), [link.email])
        said = f"It was mailed to {link.email}." if sent.delivered else f"It was not mailed: {sent.detail}."
        return Mailed(sent.delivered, said)


def mail_of(link: AccountLink, address: str, sender: str) -> EmailMessage:
    """The mail of a link. It names its author, so that a reader can ask whether it is meant."""
    by = one_line(link.creator_name) or "an administrator"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = link.email
    subject = "Choose a new password" if link.purpose == RESET else f"{by} invites you"
    mail["Subject"] = subject[:MAIL_SUBJECT_CHARACTERS_MAX]
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    until = f"{datetime.fromtimestamp(link.expires_at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    does = "set a new password" if link.purpose == RESET else "join"
    lines = [
        f"{by} sends you this link, with which you can {does}:",
        "",
        one_line(address),
        "",
        f"It works once, until {until}. If you did not expect it, ignore this mail.",
    ]
    mail.set_content("\n".join(lines) + "\n")
    return mail
