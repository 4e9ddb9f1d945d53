"""The loader's process: the loader, and beside it the threads that change what is stored.

Each has a connection to the store of its own, with its workload. All end with the process.
"""

import gc
import signal
import threading
from functools import partial

from trackway.ageing.clock import Clock
from trackway.ageing.worker import Ageing
from trackway.backup.snapshot import SnapshotServer
from trackway.compaction.compactor import Compactor
from trackway.domain.limits import GC_ALLOCATIONS
from trackway.embedded.process import spool_of
from trackway.erasure.deletion import Deletion
from trackway.erasure.worker import Worker
from trackway.journal.log import Damage, Journal
from trackway.loader.disk_report import watch
from trackway.loader.erased import Erased
from trackway.loader.loop import Loader
from trackway.loader.moments import Moments
from trackway.runtime.background import start_thread
from trackway.runtime.disk_room import DiskRoom, kept_by_engine
from trackway.runtime.heartbeat import Heartbeat
from trackway.settings.table import Settings
from trackway.store.client import Store
from trackway.store.spool import Spool
from trackway.store.workload import BACKUP, COMPACTION, ERASURE, HEALTH


class LoadProcess:
    """What runs in the process. `lost`: what the journal's recovery found damaged. `key`: of the hashes of erased
    ids."""

    def __init__(
        self, settings: Settings, journal: Journal, store_url: str, room: DiskRoom, lost: list[Damage], key: bytes
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._store_url = store_url
        self._room = room
        self._lost = lost
        self._key = key
        self._stop = threading.Event()
        self._lease = journal.lease()
        self._erased = Erased(key)
        self._moments = Moments()
        self._turns = threading.Lock()
        """Held by a deletion, and by a snapshot for a backup."""

    def run(self, heartbeat: Heartbeat) -> None:
        """Load until SIGTERM. Blocks."""
        # A batch of profile updates makes a million objects that are freed together, as in an edge process.
        gc.freeze()
        gc.set_threshold(GC_ALLOCATIONS, 50, 50)
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        asked = Store(self._store_url, workload=HEALTH)
        watch(self._room, asked, self._stop, elsewhere=bool(self._settings.store_url))
        compactor = self._compactor()
        start_thread(compactor.run, "compactor")
        start_thread(self._erasing(compactor).run, "erasure")
        start_thread(self._ageing(compactor).run, "ageing")
        loader = self._loader(heartbeat)
        start_thread(self._snapshots(loader).run, "snapshot")
        loader.run()

    def _compactor(self) -> Compactor:
        return Compactor(
            Store(self._store_url, workload=COMPACTION),
            self._journal.progress(),
            self._stop,
            self._has_room,
            lambda: self._lease.is_held,
        )

    def _erasing(self, compactor: Compactor) -> Worker:
        return Worker(
            self._settings.projects_at,
            self._settings.region,
            Deletion(Store(self._store_url, workload=ERASURE), self._key, self._stop),
            self._erased,
            compactor,
            self._journal.progress(),
            self._stop,
            self._may_change,
            self._turns,
        )

    def _ageing(self, compactor: Compactor) -> Ageing:
        projects = self._settings.projects_at, self._settings.region
        return Ageing(
            *projects,
            self._settings.event_retention,
            Store(self._store_url, workload=ERASURE),
            compactor,
            Clock(*projects, Store(self._store_url, workload=ERASURE), self._settings.run_dir),
            self._journal.progress(),
            self._stop,
            self._may_change,
        )

    def _loader(self, heartbeat: Heartbeat) -> Loader:
        return Loader(
            self._settings,
            self._journal,
            Store(self._store_url, spool=self._spool()),
            self._stop,
            heartbeat.beat,
            self._room.load_bytes_max,
            self._lost,
            self._erased,
            self._lease,
            self._moments,
        )

    def _snapshots(self, loader: Loader) -> SnapshotServer:
        read_unread = partial(loader.sweep.read_unread, Store(self._store_url, workload=BACKUP))
        store, progress = Store(self._store_url), self._journal.progress()
        return SnapshotServer(self._settings, store, self._moments, progress, self._turns, read_unread)

    def _spool(self) -> Spool | None:
        """The spool of the embedded store, without the files that a killed loader left there."""
        if self._settings.store_url:
            return None
        spool = Spool(spool_of(self._settings.data_dir / "store"), kept_by_engine(self._room.tightest().mark))
        spool.remove_left()
        return spool

    def _has_room(self) -> bool:
        return self._room.tightest().above_mark > 0

    def _may_change(self) -> bool:
        return self._lease.is_held and self._has_room()
