"""The process of alerts: the only one of a server that connects to addresses which people of a project choose.

It has an event loop with a heartbeat, readers of the store of its own workload, and threads of its own for name servers
and mail servers. So whatever hangs there delays no event, no report and no page.
"""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from trackway.alerts.known_until import KnownUntil
from trackway.alerts.limits import LOOK_UP_THREADS, MAIL_THREADS
from trackway.alerts.looks import Parts
from trackway.alerts.public_address import allowed
from trackway.alerts.sends import Senders
from trackway.alerts.watcher import Watched, Watcher, clock_ms
from trackway.alerts.webhook import Webhooks
from trackway.edge.access.change_queue import Changes
from trackway.journal.log import Journal
from trackway.mail.sending import Mails
from trackway.mail.server import MailServer
from trackway.projects.drivers import open_reader
from trackway.projects.project_lookup import ProjectDirectory
from trackway.runtime.background import start_task
from trackway.runtime.heartbeat import Heartbeat, beat_for_ever
from trackway.settings.table import Settings
from trackway.store.reader import open_alerts_reader


def run(settings: Settings, journal: Journal, store_url: str, mail: MailServer | None, heartbeat: Heartbeat) -> None:
    """Watch the alerts until SIGTERM. Blocks."""
    asyncio.run(_watch(settings, journal, store_url, mail, heartbeat))


async def _watch(
    settings: Settings, journal: Journal, store_url: str, mail: MailServer | None, heartbeat: Heartbeat
) -> None:
    with ExitStack() as closing:
        closing.callback(start_task(beat_for_ever(heartbeat.beat), "heartbeat").cancel)
        look_ups = ThreadPoolExecutor(LOOK_UP_THREADS, "alert-look-up")
        mails = ThreadPoolExecutor(MAIL_THREADS, "alert-mail")
        for threads in (look_ups, mails):
            # A name server or mail server that hangs must not hold up the end.
            closing.callback(partial(threads.shutdown, wait=False, cancel_futures=True))
        directory = ProjectDirectory(settings.projects_at)
        changes, reader = Changes(directory, settings.projects_at), open_alerts_reader(store_url)
        closing.callback(changes.close)
        closing.callback(reader.close)
        known = KnownUntil(journal.progress())
        watcher = Watcher(
            Watched(settings.region, settings.alert_interval_s),
            open_reader(settings.projects_at, patient=True),
            Parts(reader, changes, directory.by_id, lambda: known.look(clock_ms())),
            Senders(Webhooks(allowed(settings.alert_hosts), look_ups), Mails(mail, mails)),
        )
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, watcher.stop)
        await watcher.watch()
