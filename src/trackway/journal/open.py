"""The one door to the journal: the settings decide which implementation it is."""

from trackway.journal.log import Journal
from trackway.journal.segments.segment_journal import SegmentJournal
from trackway.settings.table import Settings


def open_journal(settings: Settings) -> Journal:
    """The journal of a server with these settings. No file is opened yet."""
    return SegmentJournal(settings.data_dir / "journal")
