"""`trackway backup` and `trackway restore`: backups of the server that runs on the data directory, and back.

They read and write files of the data directory, so they run with the server's account on its machine.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.commands.options import JSON, load_flags, print_table, settings_options

if TYPE_CHECKING:
    from trackway.backup.making import Progress
    from trackway.backup.manifest import Manifest
    from trackway.backup.repository import Repository

_DEFAULT: Final = "make"
_BACKUP: Final = click.option("--backup", "backup_id", metavar="ID", help="The backup. [default: the newest]")
_HEADS: Final = ("Backup", "Made", "Events", "Bytes", "New bytes", "Version")


class _Group(click.Group):
    """A group whose command `make` needs no name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Group)
def backup() -> None:
    """Back up the running server, list and check backups.

    `trackway backup PLACE` is short for `trackway backup make PLACE`. A place is a directory or s3://BUCKET/KEY.
    """


@backup.command(_DEFAULT)
@click.argument("place")
@click.option("--keep", type=click.IntRange(1), metavar="NUMBER", help="Remove older backups. [default: keep all]")
@click.option("--verify", "is_verified", is_flag=True, help="Read all of it again, and compare.")
@settings_options("data_dir", "projects_url", "store_url", "store_cluster")
@JSON
def make(place: str, keep: int | None, is_verified: bool, as_json: bool, **flags: Any) -> None:
    """Back up the server that runs on the data directory.

    PLACE is a directory or s3://BUCKET/KEY. The backup has everything that was acknowledged before it began. Parts of
    the store that an earlier backup there has are not copied again. A backup has keys and hashes of passwords: keep it
    as private as the data directory.
    """
    from trackway.backup.making import make_backup, verify  # noqa: PLC0415  # what other commands do without

    settings, repository = load_flags(flags), _repository(place)
    with _bar() as progress:
        made = make_backup(settings, place, repository, keep or 0, progress)
        if is_verified:
            verify(repository, made.manifest, progress)
    _report(made.manifest, made.removed, as_json, is_verified=is_verified)


@backup.command("list")
@click.argument("place")
@JSON
def list_backups(place: str, as_json: bool) -> int:
    """List the backups at a place, the oldest first.

    Ends with exit code 1 when one of them cannot be read.
    """
    from trackway.domain.errors import StateError  # noqa: PLC0415  # as above

    repository = _repository(place)
    faults: dict[str, str] = {}
    found: dict[str, Manifest | None] = {}
    for backup_id in repository.ids():
        try:
            found[backup_id] = repository.read(backup_id)
        except StateError as error:
            found[backup_id], faults[backup_id] = None, str(error)
    if as_json:
        click.echo(json.dumps([_fields(key, each, faults.get(key, "")) for key, each in found.items()], indent=2))
    else:
        print_table(_HEADS, [_row(key, each, faults.get(key, "")) for key, each in found.items()])
    return int(bool(faults))


@backup.command("verify")
@click.argument("place")
@_BACKUP
@JSON
def verify_backup(place: str, backup_id: str | None, as_json: bool) -> None:
    """Read all of a backup, and compare it with what was written."""
    from trackway.backup.making import verify  # noqa: PLC0415  # as above

    repository = _repository(place)
    manifest = repository.read(backup_id) if backup_id else repository.newest()
    with _bar() as progress:
        verify(repository, manifest, progress)
    if as_json:
        click.echo(json.dumps(_fields(manifest.id, manifest, "")))
    else:
        click.echo(f"Backup {manifest.id} is whole: {manifest.bytes} bytes in {len(manifest.files)} files.")


@click.command("restore")
@click.argument("place")
@_BACKUP
@settings_options("data_dir", "projects_url", "store_url")
@JSON
def restore(place: str, backup_id: str | None, as_json: bool, **flags: Any) -> None:
    """Restore a backup into an empty data directory.

    PLACE is a directory or s3://BUCKET/KEY with backups. With --projects-url the projects go to an empty PostgreSQL
    database, and with --store-url the rows of a store elsewhere go to an empty one. A restore that was interrupted
    begins anew when it is run again; no server starts before it is done.
    """
    from trackway.backup.restoring import check_possible  # noqa: PLC0415  # as above
    from trackway.backup.restoring import restore as restore_backup  # noqa: PLC0415

    settings, repository = load_flags(flags), _repository(place)
    manifest = repository.read(backup_id) if backup_id else repository.newest()
    check_possible(settings, repository, manifest)
    with _bar() as progress:
        restore_backup(settings, repository, manifest, progress)
    if as_json:
        click.echo(json.dumps(_fields(manifest.id, manifest, "")))
        return
    click.echo(f"Backup {manifest.id} of {_moment(manifest.began_ms)} is restored to {settings.data_dir}.")
    click.echo("What changed after it is undone. Repeat what must stay done:")
    click.echo("- persons that were erased after it are there again: erase them once more;")
    click.echo("- keys, accounts and shared links that were revoked after it are valid again.")
    if manifest.journal_generation:
        click.echo(
            f"The journal was a stream: give the server the same --journal-url, or make a new stream with "
            f"`trackway journal init --generation {manifest.journal_generation + 1}`."
        )


def _repository(place: str) -> "Repository":
    from trackway.backup.repository import Repository  # noqa: PLC0415  # as above
    from trackway.transfer.destinations import destination_of  # noqa: PLC0415

    return Repository(destination_of(place))


def _report(manifest: "Manifest", removed: list[str], as_json: bool, *, is_verified: bool) -> None:
    if as_json:
        answer = _fields(manifest.id, manifest, "") | {"removed": removed, "verified": is_verified}
        click.echo(json.dumps(answer))
        return
    took_s = (manifest.ended_ms - manifest.began_ms) / 1000
    click.echo(
        f"Backup {manifest.id} is made: {manifest.bytes} bytes, {manifest.new_bytes} of them new, in {took_s:.1f} s"
        f"{', and was read again' if is_verified else ''}."
    )
    if removed:
        click.echo(f"Removed {len(removed)} older: {', '.join(removed)}.")


def _fields(backup_id: str, manifest: "Manifest | None", fault: str) -> dict[str, Any]:
    if manifest is None:
        return {"id": backup_id, "fault": fault}
    return {
        "id": backup_id,
        "began": _moment(manifest.began_ms),
        "ended": _moment(manifest.ended_ms),
        "events": manifest.events,
        "bytes": manifest.bytes,
        "new_bytes": manifest.new_bytes,
        "files": len(manifest.files),
        "version": manifest.version,
    }


def _row(backup_id: str, manifest: "Manifest | None", fault: str) -> tuple[str, ...]:
    if manifest is None:
        return backup_id, fault, "", "", "", ""
    sizes = (str(manifest.events), str(manifest.bytes), str(manifest.new_bytes))
    return backup_id, _moment(manifest.ended_ms), *sizes, manifest.version


def _moment(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def _bar() -> "Iterator[Progress]":
    """A bar that shows on a terminal how many bytes are done, and the time left."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("waiting for a snapshot", total=None)

        class Shown:
            def waits(self, left_bytes: int) -> None:
                bar.update(task, description=f"waiting until {left_bytes} bytes are loaded")

            def begins(self, what: str, total_bytes: int) -> None:
                bar.reset(task, description=what, total=total_bytes)

            def advances(self, done_bytes: int) -> None:
                bar.advance(task, done_bytes)

        yield Shown()
