"""Reports the free space on the store's disk to all processes, and the state of the disks to Prometheus."""

import threading

from trackway.domain.errors import StorageError
from trackway.loader.limits import DISK_ASK_S
from trackway.runtime.background import start_thread
from trackway.runtime.disk_room import DiskRoom
from trackway.store.client import Store
from trackway.store.disk_usage import room_of
from trackway.telemetry import logs, metrics

_log = logs.get("loader")


def watch(room: DiskRoom, store: Store, stop: threading.Event, *, elsewhere: bool) -> None:
    """Query the store at intervals, in a thread, until `stop` is set. `elsewhere`: it has a disk of its own."""

    def run() -> None:
        answers = True
        while not stop.is_set():
            answers = _look(room, store, elsewhere, answers)
            stop.wait(DISK_ASK_S)

    start_thread(run, "room")


def _look(room: DiskRoom, store: Store, elsewhere: bool, answered: bool) -> bool:
    """Query the store once. Returns whether it answered. Until it does, its last answer stays valid."""
    fault = ""
    try:
        room.tell_store(room_of(store, elsewhere=elsewhere))
    except StorageError as error:
        fault = str(error)
        if answered:
            _log.warning("the store does not say how much room its disk has", error=fault)
    tightest = room.tightest()
    metrics.disk(tightest.free, tightest.mark, room.stored, held=bool(room.refusal()))
    return not fault
