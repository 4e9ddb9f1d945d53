"""What the store says of the room on its disk, and that a store elsewhere counts with its own."""

import os
from pathlib import Path

from tests.support.store.process import RunningStore
from trackway.runtime.disk_room import NO_ROOM, DiskRoom, StoreRoom
from trackway.runtime.limits import DISK_LOOK_S
from trackway.store.client import Store
from trackway.store.disk_usage import room_of

GIB = 1 << 30
MARK = 64 << 20


def test_store_tells_its_size_and_its_disk(running: RunningStore, store: Store) -> None:
    before = room_of(store, elsewhere=True)
    store.command("CREATE TABLE room (text String) ENGINE = MergeTree ORDER BY tuple()")
    store.insert_rows("room", ("text",), b"\x10" + os.urandom(16))
    after = room_of(store, elsewhere=True)
    disk = os.statvfs(running.directory)
    assert after.total == disk.f_blocks * disk.f_frsize
    assert abs(after.free - disk.f_bavail * disk.f_frsize) < GIB
    assert after.stored > before.stored >= 0
    assert room_of(store, elsewhere=False) == after._replace(free=0, total=0)


def test_disk_of_a_store_elsewhere_counts_too(tmp_path: Path) -> None:
    clock_s = [0.0]
    room = DiskRoom(tmp_path, MARK, lambda: clock_s[0])
    assert room.refusal() == ""
    room.tell_store(StoreRoom(free=MARK - 1, total=GIB, wanted=0, stored=0))
    assert room.refusal() == "", "disks are looked at now and then only"
    clock_s[0] += DISK_LOOK_S
    assert room.refusal() == NO_ROOM
    assert room.load_bytes_max() > 0, "what was acknowledged is loaded"
    room.tell_store(StoreRoom(free=MARK // 2, total=GIB, wanted=0, stored=0))
    assert room.load_bytes_max() == 0
