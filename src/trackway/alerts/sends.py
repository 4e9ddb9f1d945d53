"""One try to send a message, on its channel."""

import time
from typing import NamedTuple

from trackway.alerts.mail_text import mail_of
from trackway.alerts.webhook import Request, Webhooks
from trackway.domain.sent import Sent
from trackway.mail.sending import Mails
from trackway.projects.alert_state import Due


class Senders(NamedTuple):
    """The ways to send."""

    webhooks: Webhooks
    mails: Mails


async def send(senders: Senders, due: Due) -> Sent:
    """Send it to where its alert leads now. It never raises for what a receiver does."""
    delivery, alert = due
    if delivery.channel == "email":
        mail = mail_of(delivery.body, delivery.message_id, senders.mails.sender, alert.emails)
        return await senders.mails.send(mail, alert.emails)
    request = Request(alert.webhook_url, alert.secret, delivery.message_id, delivery.body.encode(), int(time.time()))
    return await senders.webhooks.send(request)
