"""What a server says at its start about the machine that it runs on."""

from trackway.runtime.disk_room import DiskRoom
from trackway.runtime.thread_priority import may_raise_priority
from trackway.telemetry import logs, metrics

_log = logs.get("supervisor")


def tell_room(room: DiskRoom) -> None:
    """Log at the start if there is too little disk space for any event, and what to do."""
    disk = room.tightest()
    facts = {"disk_bytes": disk.total, "free_bytes": disk.free, "disk_free_bytes_min": disk.mark}
    if disk.total <= disk.mark:
        hint = "give the data directory a larger disk, or lower --disk-free-bytes-min"
        _log.error(f"the disk is smaller than the space to keep free, so no data is accepted: {hint}", **facts)
    elif disk.above_mark < 0:
        hint = "make room, or lower --disk-free-bytes-min"
        _log.error(f"the disk has less free space than it must keep, so no data is accepted: {hint}", **facts)


def tell_priorities() -> None:
    """Log at the start if the store's process, which inherits the capabilities, may not set priorities."""
    is_set = may_raise_priority()
    metrics.store_priorities(is_set)
    if not is_set:
        hint = "give it the capability CAP_SYS_NICE, see docs/operations/run.md"
        _log.warning(f"the server may set no priorities, so reports slow ingestion down more than needed: {hint}")
