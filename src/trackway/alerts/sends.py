"""One try to send a message, on its channel."""

import time
from typing import NamedTuple

from trackway.alerts.mail import Mails
from trackway.alerts.webhook import Request, Sent, Webhooks
from trackway.projects.alert_state import Due


class Senders(NamedTuple):
    """The ways to send."""

    webhooks: Webhooks
    mails: Mails


async def send(senders: Senders, due: Due) -> Sent:
    """Send it to where its alert leads now. It never raises for what a receiver does."""
    delivery, alert = due
    if delivery.channel == "email":
        return await senders.mails.send(delivery.body, delivery.message_id, alert.emails)
    request = Request(alert.webhook_url, alert.secret, delivery.message_id, delivery.body.encode(), int(time.time()))
    return await senders.webhooks.send(request)
