"""The one door to the journal: the settings decide which implementation it is."""

from trackway.domain.errors import ConfigError
from trackway.journal.log import Journal, StreamStatus
from trackway.journal.segments.segment_journal import SegmentJournal
from trackway.settings.table import Settings


def open_journal(settings: Settings) -> Journal:
    """The journal of a server with these settings. No file and no connection is opened yet. Raises ConfigError."""
    if settings.journal_url:
        from trackway.journal.stream.address import parse_address  # noqa: PLC0415  # a client that files do without
        from trackway.journal.stream.stream_journal import StreamJournal  # noqa: PLC0415

        return StreamJournal(parse_address(settings.journal_url), settings.data_dir / "journal")
    return SegmentJournal(settings.data_dir / "journal")


def make_streams(
    settings: Settings, *, partitions: int, again: bool, generation: int, bytes_max: int, discard: bool
) -> list[StreamStatus]:
    """Make the streams of the journal; see `journal.stream.setup`. Raises ConfigError, StateError, StorageError."""
    _need_url(settings)
    from trackway.journal.stream import setup  # noqa: PLC0415
    from trackway.journal.stream.address import parse_address  # noqa: PLC0415

    address = parse_address(settings.journal_url)
    return setup.make_streams(
        address, partitions=partitions, again=again, generation=generation, bytes_max=bytes_max, discard=discard
    )


def replace_stream(settings: Settings, partition: int, *, generation: int, discard: bool) -> list[StreamStatus]:
    """Make a stream of the journal anew that was lost; see `journal.stream.setup`. What this machine knows of the lost
    one goes into the new one. Raises ConfigError, StateError, StorageError."""
    _need_url(settings)
    from trackway.journal.stream import setup  # noqa: PLC0415
    from trackway.journal.stream.address import parse_address  # noqa: PLC0415
    from trackway.journal.stream.known import known_end  # noqa: PLC0415

    lost, lost_end = known_end(settings.data_dir / "journal", partition)
    address = parse_address(settings.journal_url)
    return setup.replace_stream(
        address, partition, lost=lost, lost_end=lost_end, generation=generation, discard=discard
    )


def streams_status(settings: Settings) -> list[StreamStatus]:
    """The streams of the journal; none for one in files. Raises ConfigError, StorageError."""
    if not settings.journal_url:
        return []
    from trackway.journal.stream import setup  # noqa: PLC0415
    from trackway.journal.stream.address import parse_address  # noqa: PLC0415

    return setup.streams_status(parse_address(settings.journal_url))


def _need_url(settings: Settings) -> None:
    if not settings.journal_url:
        raise ConfigError("journal_url is empty: a journal in the data directory needs no streams")
