"""Events of a project, chosen by conditions: the source of every statement that reads the table of events.

An `Events` value holds conditions as SQL, with the values that they bind. It sorts them by the columns they read,
because that decides where they may stand. What a client sent is in bound values only.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

from trackway.query.sql.days import Days
from trackway.query.sql.tables import KEPT

ALL_COLUMNS = "*"
DAY = "toDate(time)"
_PROJECT = "project_id"
_OF_PROJECT = "project_id = {project:UInt32}"
_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_DAY_FROM = "day >= toDate({from_day:String})"
_DAY_BEFORE = "day <= toDate({last_day:String})"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The bounds of time come twice. The second form, in days of UTC, is the one that the primary key can use.
_FROM = """time >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC') AND toDate(time) >= toDate({from_day:String})"""
_BEFORE = """time < fromUnixTimestamp64Milli({before_ms:Int64}, 'UTC') AND toDate(time) <= toDate({last_day:String})"""


class Events(NamedTuple):
    """Conditions that some events meet, and the values that these bind.

    All copies of an event have the same values in the columns of `key`: project, time, name, stored distinct_id and
    insert_id. `row` reads other short columns, in which copies may differ. `properties` reads the JSON text.
    """

    key: tuple[str, ...]
    row: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = {}

    @property
    def is_narrow(self) -> bool:
        """Whether the conditions are on project, name and time alone, as facts have them."""
        return (
            not self.row and not self.properties and not any("_id" in each.replace(_PROJECT, "") for each in self.key)
        )

    @property
    def is_by_hour(self) -> bool:
        """Whether either all or none of the events of one name and hour of UTC meet the conditions."""
        bounds = {_FROM: "from_ms", _BEFORE: "before_ms"}
        fine = [each for each in self.key if each not in bounds and "time" in each]
        whole = all(self.parameters[bounds[each]] % _HOUR_MS == 0 for each in self.key if each in bounds)
        return self.is_narrow and whole and not fine

    @property
    def hours(self) -> tuple[int | None, int | None]:
        """The first of their hours since 1970, and the first hour after them; None: no bound. For `is_by_hour`."""
        return self._hour(_FROM, "from_ms"), self._hour(_BEFORE, "before_ms")

    @property
    def names(self) -> Sequence[str]:
        """The conditions of the key on more than the project and a range of time."""
        return [each for each in self.key if each not in (_OF_PROJECT, KEPT, _FROM, _BEFORE)]

    @property
    def is_by_name(self) -> bool:
        """Whether the conditions are on project, name and a range of time alone."""
        return self.is_narrow and not any("time" in each for each in self.names)

    @property
    def narrow_key(self) -> Sequence[str]:
        """The conditions of the key for a table with a column `day`. Bounds at midnights of UTC need no time."""
        bounds = {_FROM: ("from_ms", _DAY_FROM), _BEFORE: ("before_ms", _DAY_BEFORE)}
        conditions: list[str] = []
        for each in self.key:
            name, by_day = bounds.get(each, ("", ""))
            whole = name and self.parameters[name] % _DAY_MS == 0
            conditions.append(by_day if whole else each.replace(DAY, "day"))
        return conditions

    def _hour(self, bound: str, name: str) -> int | None:
        return max(self.parameters[name], 0) // _HOUR_MS if bound in self.key else None

    def having(
        self, *, key: Sequence[str] = (), row: Sequence[str] = (), properties: Sequence[str] = (), **parameters: Any
    ) -> "Events":
        """Those of them that meet further conditions."""
        return Events(
            (*self.key, *key),
            (*self.row, *row),
            (*self.properties, *properties),
            {**self.parameters, **parameters},
        )

    def named(self, names: Sequence[str]) -> "Events":
        """Those with one of these names."""
        if len(names) == 1:
            return self.having(key=["event = {event:String}"], event=names[0])
        return self.having(key=["event IN {events:Array(String)}"], events=list(names))

    def between(self, from_ms: int | None, before_ms: int | None) -> "Events":
        """Those from an instant on and before another, in milliseconds since the epoch; None sets no bound."""
        found = self
        if from_ms is not None:
            found = found.having(key=[_FROM], from_ms=from_ms, from_day=_utc_day(from_ms))
        if before_ms is not None:
            found = found.having(key=[_BEFORE], before_ms=before_ms, last_day=_utc_day(before_ms - 1))
        return found

    def within(self, days: Days, from_date: date, to_date: date) -> "Events":
        """Those of some days, both ends included."""
        return self.between(*days.bounds_ms(from_date, to_date))

    def since(self, since_ms: int) -> "Events":
        """The same where the first instant that is kept is known; 0 keeps all. No statement looks for it then."""
        key = tuple(each for each in self.key if each != KEPT)
        found = self._replace(key=key)
        if since_ms <= 0 or (_FROM in key and self.parameters["from_ms"] >= since_ms):
            return found
        return found._replace(key=tuple(each for each in key if each != _FROM)).between(since_ms, None)

    def from_sql(self, *, deduplicated: bool) -> str:
        """FROM these events. `deduplicated`: of copies of an event only the one that was received last.

        The store looks at a PREWHERE before it leaves out copies, so that only conditions which hold for all copies may
        stand there then.
        """
        first = self.key if deduplicated else (*self.key, *self.row)
        rest = (*self.row, *self.properties) if deduplicated else self.properties
        text = f"FROM events{' FINAL' if deduplicated else ''} PREWHERE {' AND '.join(first)}"
        return f"{text} WHERE {' AND '.join(rest)}" if rest else text

    def select(self, columns: str = ALL_COLUMNS, *, deduplicated: bool) -> str:
        """A query's text that gives these columns of these events."""
        return f"SELECT {columns} {self.from_sql(deduplicated=deduplicated)}"


def project_events(project_id: int) -> Events:
    """All events that a project keeps."""
    return Events((_OF_PROJECT, KEPT), parameters={"project": project_id})


def _utc_day(time_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=time_ms)).date().isoformat()
