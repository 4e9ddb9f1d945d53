"""No statement of a query reads events that have aged: all read through `project_events`, or say so themselves."""

import re
from pathlib import Path
from typing import Final

import trackway.query

_ROOT: Final = Path(trackway.query.__file__).parent
_READS: Final = re.compile(r"""(?:rows_in\(\s*f?["']events["']|FROM events\b)[^\n]*""")
_OTHERWISE: Final = {
    "sql/cohort.py": "ids of persons, of whom others choose",
    "sql/facts.py": "whether there are events that the facts lack",
    "sql/events.py": "the door itself",
    "stored_events.py": "what is stored, hidden or not",
    "event_feed.py": "copies of events that were found through the door",
}
"""Modules that read events otherwise, and what they read."""


def test_each_statement_on_events_says_from_when_on_they_are_kept() -> None:
    found = {}
    for file in sorted(_ROOT.rglob("*.py")):
        if lines := [line for line in _READS.findall(file.read_text()) if "KEPT" not in line]:
            found[str(file.relative_to(_ROOT))] = lines
    assert found.keys() <= _OTHERWISE.keys(), found
