"""What `trackway doctor` finds: one value for each thing that it looks at."""

from typing import Final, Literal, NamedTuple

Level = Literal["ok", "warning", "fault"]
OK: Final = "ok"
WARNING: Final = "warning"
FAULT: Final = "fault"


class Finding(NamedTuple):
    """`name`: what was looked at; `said`: how it is; `advice`: what to do, "" where nothing is to do."""

    name: str
    level: Level
    said: str
    advice: str = ""
