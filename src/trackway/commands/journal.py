"""`trackway journal …`: make and replace the streams of a replicated journal, show and drain a journal.

They ask NATS. `drain` starts processes of a server, so it is beside `serve` in `cli`.
"""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from trackway.commands.options import JSON, load_flags, print_table, settings_options
from trackway.domain.errors import ConfigError, StorageError
from trackway.settings.table import Settings

if TYPE_CHECKING:
    from trackway.journal.log import StreamStatus

_HEADS: Final = ("Stream", "Generation", "Replicas", "Leader", "Messages", "Bytes", "Since", "Fault")


@click.group()
def journal() -> None:
    """Make, replace, show and drain the journal."""


@journal.command("init")
@click.option(
    "--partitions",
    type=click.IntRange(1),
    default=None,
    help="Streams to spread projects over, 1 to 64, fixed when they are made. [default: 1, or as many as before]",
)
@click.option("--again", is_flag=True, help="Replace streams that exist by empty ones of the next generation.")
@click.option(
    "--generation",
    type=click.IntRange(1),
    default=None,
    help="Generation of the streams, 1 to 127. [default: 1, or the next]",
)
@click.option(
    "--bytes-max",
    type=click.IntRange(1),
    default=None,
    help="Bytes of a stream; a full one refuses events. [default: no bound]",
)
@click.option("--discard-records", is_flag=True, help="With --again: replace streams that are not empty.")
@settings_options("data_dir", "journal_url")
@JSON
def init(
    partitions: int | None,
    again: bool,
    generation: int | None,
    bytes_max: int | None,
    discard_records: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Make the streams of a journal in NATS, three replicas each.

    A server never makes a stream: one that was lost must not look like a new one. Run it once for a new cluster. After
    the streams were lost, or to change them, stop all servers, drain the journal, and run it with --again. Positions
    have room for 127 generations.
    """
    from trackway.journal.open import make_streams  # noqa: PLC0415  # logging, which help texts do without

    settings = load_flags(flags)
    made = make_streams(
        settings,
        partitions=partitions or 0,
        again=again,
        generation=generation or 0,
        bytes_max=bytes_max or 0,
        discard=discard_records,
    )
    _show_streams(made, as_json=as_json)


@journal.command("replace")
@click.argument("stream", type=click.IntRange(0))
@click.option(
    "--generation",
    type=click.IntRange(1),
    default=None,
    help="Generation of the new stream, 1 to 127. [default: the next]",
)
@click.option("--discard-records", is_flag=True, help="Replace a stream that is still there, with all that it holds.")
@settings_options("data_dir", "journal_url")
@JSON
def replace(stream: int, generation: int | None, discard_records: bool, as_json: bool, **flags: Any) -> None:
    """Replace one of several streams that was lost by an empty one.

    STREAM is its number, from 0 on. The others go on meanwhile. Run it on a machine that has used the stream, whose
    data directory knows how far that reached: what was acknowledged and not loaded is then counted as lost. Restart all
    servers after it.
    """
    from trackway.journal.open import replace_stream  # noqa: PLC0415  # as above

    settings = load_flags(flags)
    made = replace_stream(settings, stream, generation=generation or 0, discard=discard_records)
    _show_streams(made, as_json=as_json)
    if not as_json:
        click.echo("Restart all servers: they use the old stream until then.", err=True)


@journal.command("status")
@settings_options("data_dir", "journal_url")
@JSON
def status(as_json: bool, **flags: Any) -> int:
    """Show the journal, and how much of it is loaded.

    Ends with exit code 1 when a server would refuse a stream. What is loaded is what the server on the data directory
    knows, or knew when it ran last.
    """
    from trackway.journal.open import streams_status  # noqa: PLC0415  # as above

    settings = load_flags(flags)
    if not settings.journal_url:
        check_there(settings)
    streams = streams_status(settings)
    progress = progress_of(settings)
    if as_json:
        answer = {"streams": [each._asdict() for each in streams], "progress": progress}
        click.echo(json.dumps(answer, indent=2))
    else:
        if streams:
            print_table(_HEADS, [_row(each) for each in streams])
        partitions = progress.pop("partitions", []) if progress else []
        print_table(("Progress", ""), [(name, _text(value)) for name, value in (progress or {}).items()])
        if partitions:
            rows = [(str(number), *map(_text, each.values())) for number, each in enumerate(partitions)]
            print_table(("Partition", *partitions[0]), rows)
    return int(any(each.fault for each in streams))


def check_there(settings: Settings) -> None:
    """Raises ConfigError where no server has run: only `serve` makes a data directory."""
    if not (settings.data_dir / "journal").is_dir():
        raise ConfigError(
            f"no journal in {settings.data_dir}: start the server on it first, or name the server's directory with "
            "--data-dir"
        )


def progress_of(settings: Settings) -> dict[str, Any] | None:
    """How far the journal of the data directory is loaded and kept; of several partitions each in `partitions`, too.
    None where no server has run."""
    from trackway.journal.open import open_journal  # noqa: PLC0415  # as above

    try:
        with closing(open_journal(settings).progress()) as progress:
            lags = progress.lags()
            each = [
                {"synced": part.synced, "loaded": part.loaded, "lag_bytes": lag_bytes, "failing": part.failing}
                for part, lag_bytes in zip(progress.partitions, lags, strict=True)
            ]
            whole = {"lag_bytes": sum(lags), "size_bytes": progress.size_bytes(), "failing": progress.failing}
            return {**each[0], **whole} if len(each) == 1 else {**whole, "partitions": each}
    except StorageError:
        return None


def _show_streams(streams: "list[StreamStatus]", *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([each._asdict() for each in streams], indent=2))
    else:
        print_table(_HEADS, [_row(each) for each in streams])


def _row(stream: "StreamStatus") -> tuple[str, ...]:
    since = (
        datetime.fromtimestamp(stream.first_ms / 1000, UTC).isoformat(timespec="seconds") if stream.first_ms else "-"
    )
    return (
        stream.name,
        str(stream.generation),
        f"{stream.current} of {stream.replicas}",
        stream.leader or "none",
        str(stream.messages),
        str(stream.bytes),
        since if stream.first_ms else "-",
        stream.fault or "-",
    )


def _text(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
