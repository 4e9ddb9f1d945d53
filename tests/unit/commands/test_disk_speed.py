"""What the times of syncs mean, and on which file system a path is."""

from pathlib import Path

import pytest

from trackway.commands.disk_speed import SyncTimes, file_system_at, judged, measure
from trackway.commands.limits import DOCTOR_SYNC_S_HIGH, DOCTOR_SYNC_S_LOW

MOUNTS = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:5 / /dev rw shared:2 - devtmpfs udev rw
24 22 8:2 / /var/lib/track\\040way rw - xfs /dev/sdb rw
25 22 0:44 / /srv rw - nfs4 server:/x rw
26 25 8:3 / /srv rw - btrfs /dev/sdc rw
27 22 0:45 / /srv/data rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me", "ext4"),
        ("/var/lib/track way/data", "xfs"),
        ("/var/lib/track", "ext4"),
        ("/srv", "btrfs"),
        ("/srv/data/x", "tmpfs"),
        ("/srv/database", "btrfs"),
    ],
)
def test_the_nearest_and_latest_mount_counts(path: str, kind: str) -> None:
    assert file_system_at(Path(path), MOUNTS) == kind


def test_without_a_mount_the_file_system_is_unknown() -> None:
    assert file_system_at(Path("/x"), "") == "unknown"


@pytest.mark.parametrize(
    ("median_s", "kind", "level", "words"),
    [
        (0.0002, "ext4", "ok", "takes 200 µs"),
        (DOCTOR_SYNC_S_HIGH, "xfs", "ok", "20.0 ms"),
        (DOCTOR_SYNC_S_HIGH * 1.01, "xfs", "warning", "20.2 ms"),
        (DOCTOR_SYNC_S_LOW * 0.9, "ext4", "warning", "faster than a device can be"),
        (0.0002, "tmpfs", "fault", "this is memory"),
        (0.0002, "nfs4", "fault", "no local disk"),
        (0.0002, "overlay", "warning", "overlay"),
    ],
)
def test_times_and_file_systems_are_judged(median_s: float, kind: str, level: str, words: str) -> None:
    found = judged(SyncTimes(median_s, median_s * 2, 100), kind)
    assert found.level == level and words in found.said
    assert bool(found.advice) == (level != "ok")


def test_a_disk_is_measured_and_nothing_is_left_there(tmp_path: Path) -> None:
    times = measure(tmp_path)
    assert 0 < times.median_s <= times.p99_s and times.number > 0
    assert list(tmp_path.iterdir()) == []
