"""`trackway doctor`: whether a machine and its settings suit a server, before or while it runs. Changes nothing."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from trackway.commands.findings import FAULT, OK, WARNING, Finding
from trackway.commands.options import JSON, GroupedCommand, load_flags, print_table, printable, settings_options
from trackway.domain.errors import ConfigError, InvalidInput
from trackway.settings.table import Settings

_EXIT_FAULT: Final = 1
_MARKS: Final = {OK: "ok", WARNING: "warning", FAULT: "FAULT"}


@click.command("doctor", cls=GroupedCommand)
@click.option("--url", metavar="URL", help="The address that clients use, to be asked as they ask it.")
@settings_options()
@JSON
def doctor(url: str | None, as_json: bool, **flags: Any) -> int:
    """Examine this machine and the settings for a server.

    Looks at the clock, memory, open files, the data directory, the speed of its disk by real syncs, time zones, the
    city database, the network, and parts elsewhere. Takes the options of `serve`. Run it as the account of the server.
    Ends with exit code 1 when a fault was found; warnings do not count.
    """
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ConfigError(f"url must begin with http:// or https://, not {url[:80]!r}")
    found = list(_examined(load_flags(flags), url))
    if as_json:
        click.echo(json.dumps([each._asdict() for each in found], indent=2))
    else:
        _print(found)
    return _EXIT_FAULT if any(each.level == FAULT for each in found) else 0


def _examined(settings: Settings, url: str | None) -> Iterator[Finding]:
    # Their modules take a moment to import, which help texts do without.
    from trackway.commands import machine_checks, reach_checks  # noqa: PLC0415

    now_s = time.time()
    yield machine_checks.clock()
    yield machine_checks.memory()
    yield machine_checks.open_files()
    yield machine_checks.data_directory(settings)
    yield _disk(settings)
    yield _room(settings)
    yield machine_checks.time_zones(now_s)
    yield machine_checks.cities(settings, now_s)
    if not settings.store_url:
        yield machine_checks.priorities(settings)
    yield _certificate(settings)
    yield from reach_checks.configured(settings)
    yield from reach_checks.parts(settings)
    if url is not None:
        yield from reach_checks.from_outside(url, now_s)


def _disk(settings: Settings) -> Finding:
    from trackway.commands.disk_speed import file_system_at, judged, measure  # noqa: PLC0415  # as above
    from trackway.commands.machine_checks import nearest  # noqa: PLC0415

    place = nearest(settings.data_dir)
    try:
        return judged(measure(place), file_system_at(place.resolve(), Path("/proc/self/mountinfo").read_text()))
    except OSError as error:
        return Finding("disk", FAULT, f"{place}: {(error.strerror or str(error)).lower()}", "correct data_dir")


def _room(settings: Settings) -> Finding:
    from trackway.commands.amounts import bytes_text  # noqa: PLC0415  # as above
    from trackway.commands.machine_checks import nearest  # noqa: PLC0415
    from trackway.runtime.disk_room import DiskRoom  # noqa: PLC0415

    try:
        disk = DiskRoom(nearest(settings.data_dir), settings.disk_free_bytes_min).tightest()
    except OSError as error:
        return Finding("room", FAULT, (error.strerror or str(error)).lower(), "correct data_dir")
    said = f"{bytes_text(disk.free)} free of {bytes_text(disk.total)}, {bytes_text(disk.mark)} to keep"
    if disk.above_mark < 0:
        return Finding("room", FAULT, said, "make room, or lower disk_free_bytes_min: no data would be accepted")
    return Finding("room", OK, said)


def _certificate(settings: Settings) -> Finding:
    from trackway.http.tls import certificate_of  # noqa: PLC0415  # as above

    try:
        certificate = certificate_of(settings)
    except InvalidInput as error:
        return Finding("tls", FAULT, str(error), "correct tls_cert and tls_key")
    return Finding(
        "tls", OK, "the server speaks plain HTTP" if certificate is None else f"{settings.tls_cert} is usable"
    )


def _print(found: list[Finding]) -> None:
    print_table(("Looked at", "", "Found"), [(each.name, _MARKS[each.level], printable(each.said)) for each in found])
    for each in found:
        if each.advice:
            click.echo(f"* {each.name}: {printable(each.advice)}.")
    faults, warnings = (sum(each.level == level for each in found) for level in (FAULT, WARNING))
    click.echo(f"{faults} fault{'' if faults == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}.")
