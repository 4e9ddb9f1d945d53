"""Mails of invitations: their text, how many there may be, and what the page says."""

import asyncio

import pytest

from tests.support.alerts.mail_receiver import running_mail_receiver
from trackway.mail.server import MailServer
from trackway.projects.personal_account import AccountLink, Purpose
from trackway.web import invitation_mail
from trackway.web.invitation_mail import InvitationMails, Mailed, mail_of

ADDRESS = "https://events.example.com/app/account-links/" + "A" * 43
FROM = "trackway@example.com"


def link(purpose: Purpose = "invitation", by: str = "boss@example.com") -> AccountLink:
    return AccountLink(1, purpose, "ann@example.com", {1: "owner"}, "", 1_800_000_000_000, 0, None, by)


def server_at(port: int) -> MailServer:
    return MailServer("127.0.0.1", port, False, "", "", FROM)


def test_an_invitation_has_its_author_its_link_and_its_end() -> None:
    mail = mail_of(link(), ADDRESS, FROM)
    assert (mail["From"], mail["To"], mail["Subject"]) == (FROM, "ann@example.com", "boss@example.com invites you")
    text = mail.get_content()
    assert ADDRESS in text.splitlines() and "until 2027-01-15 08:00 UTC" in text and "can join" in text
    reset = mail_of(link("reset", ""), ADDRESS, FROM)
    assert reset["Subject"] == "Choose a new password" and "an administrator sends you this link" in reset.get_content()


def test_no_name_adds_a_header_or_a_line() -> None:
    mail = mail_of(link(by="x\r\nBcc: eve@example.com\u2028y" + "z" * 300), ADDRESS, FROM)
    assert mail["Bcc"] is None and len(mail.get_content().splitlines()) == 5


def test_a_link_is_mailed_and_the_page_says_so() -> None:
    with running_mail_receiver() as receiver:
        said = asyncio.run(InvitationMails(server_at(receiver.port)).send(link(), ADDRESS))
        [arrived] = receiver.wait(1)
    assert said == (True, "It was mailed to ann@example.com.")
    assert arrived.recipients == ("ann@example.com",) and ADDRESS in arrived.message.get_content()


def test_a_mail_that_fails_is_said_and_none_is_sent_without_a_mail_server() -> None:
    with running_mail_receiver(refused=frozenset({"ann@example.com"})) as receiver:
        said = asyncio.run(InvitationMails(server_at(receiver.port)).send(link(), ADDRESS))
    assert said == (False, "It was not mailed: the mail server refused every address.")
    assert asyncio.run(InvitationMails(None).send(link(), ADDRESS)) == (False, "")


def test_mails_of_an_hour_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitation_mail, "LINK_MAILS_PER_HOUR", 2)
    times_s = iter((0.0, 1.0, 2.0, 3600.0, 3600.5))
    with running_mail_receiver() as receiver:
        mails = InvitationMails(server_at(receiver.port), lambda: next(times_s))

        async def send() -> list[Mailed]:
            return [await mails.send(link(), ADDRESS) for _ in range(5)]

        taken = [each.taken for each in asyncio.run(send())]
    assert taken == [True, True, False, True, False]
