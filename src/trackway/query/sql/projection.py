"""What a report reads of each event: named columns, one row for each event.

A report adds columns and conditions, then counts over the rows. Each event comes once, with the person it belongs to
now. This is the only place where reports meet the tables of events, so that all of them count the same events. The rows
come from the facts of the project and its newer events (`query.sql.facts`) if these have all that is read, else from
the table of events. Both give the same.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from trackway.query.expressions import Expression, Kind, Property, condition, event_properties, of_kind
from trackway.query.expressions.rawjson import elements
from trackway.query.sql.breakdown import breakdown_keys, plain_keys
from trackway.query.sql.buckets import Buckets
from trackway.query.sql.days import Unit
from trackway.query.sql.events import DAY, Events
from trackway.query.sql.facts import fact_rows
from trackway.query.sql.lookups import LookedUp, own_names
from trackway.query.sql.person import Known
from trackway.query.sql.person_times import Values, has_person_times, person_times
from trackway.query.sql.scope import EVENT_SCOPE, TIME_COLUMNS, TIME_MS, Needs, Rows, needs_of, rows_of
from trackway.query.sql.segments import COUNTS, SUMS
from trackway.query.sql.selector import ACTIVITY, Selector
from trackway.query.sql.tables import rows_from

_RAW: Final = "raw_0"
_BUCKET: Final = "{bucket}"
_OF_RAW: Final = re.compile(r"\b(raw_0|looked_[0-9]+|range_[0-9]+)\b")
"""What is made of the only raw: itself, columns that are looked up by it, or numbers from which a caller's columns are
made."""
_FINE: Final = re.compile(r"\b(time|day|endpoint|received|loaded|insert_id|distinct_id|person|person_number|raws)\b")
"""Columns in which events of one name, hour and value may differ."""
_OTHERS: Final = re.compile(rf"\bevent\b|{_FINE.pattern}")
"""Columns of an event that are not raws."""
NOBODY: Final = "0"
"""`who` of an event whose distinct_id is empty: it belongs to nobody."""
_WHO: Final = f"if(person = '', {NOBODY}, cityHash64(person))"


class _Raws:
    """The raws of properties as columns `raw_0` …, one for each property that an expression names."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self.bound: dict[str, str] = {}
        """By property, SQL of the parameter that binds its name, in the order of the columns."""

    def raw(self, name: str) -> str:
        """As `Raws.raw`. `name` is SQL of one bound parameter, `{name:String}`."""
        property = self._parameters[name[1:].partition(":")[0]]
        self.bound.setdefault(property, name)
        return self.column(property)

    def column(self, property: str) -> str:
        """The column of a property that is bound."""
        return f"raw_{list(self.bound).index(property)}"

    def elements(self, name: str) -> str:
        """As `Raws.elements`."""
        return elements(self.raw(name))


class Top(NamedTuple):
    """The keys with the highest totals, and by key where these are equal, `limit` at most. `key` is SQL over the
    columns of a projection, of one key or an arrayJoin of several; `by` the column by which the events are counted."""

    key: str
    limit: int
    by: str = "bucket"


class Projection:
    """Columns of some events. Names of columns are ours; every value that a client sent is bound.

    Methods that compile an expression raise ExpressionError for SQL that is too large.
    """

    def __init__(self, events: Events, known: Known) -> None:
        events = events if known.facts is None else events.since(known.facts.since_ms)
        self._events = events
        self._known = known
        self._needs = Needs()
        self._is_narrow = True
        """Whether facts have the columns of all expressions so far."""
        self._columns: dict[str, str] = {}
        self._buckets: dict[str, tuple[Buckets, str]] = {}
        self._by_hour: set[str] = set()
        """Columns that read of the time nothing but the hour."""
        self._numbers: set[str] = set()
        """Columns with the numbers of a property as it is."""
        self._plain: dict[str, str] = {}
        """SQL of columns of keys, where all values are plain."""
        self._plain_names: list[str] = []
        self._conditions: list[str] = []
        self.parameters: dict[str, Any] = dict(events.parameters)
        """The values that are bound so far; SQL that a caller adds may bind further ones."""
        self._raws = _Raws(self.parameters)
        own = EVENT_SCOPE._replace(properties=self._raws)
        self._looked_up = LookedUp(own, known.lookups, self.parameters)
        self._scope = self._looked_up.scope

    def add(self, name: str, sql: str) -> None:
        """Add a column of SQL over `event` and `time`."""
        self._columns[name] = sql

    def add_bucket(self, name: str, buckets: Buckets, form: str = _BUCKET) -> None:
        """Add the bucket of the event, or SQL of a `{bucket}`, as `Buckets.sql` gives it."""
        self._buckets[name] = buckets, form
        self.add(name, form.format(bucket=buckets.sql(self.parameters)) if _BUCKET in form else form)
        if buckets.is_by_hour:
            self._by_hour.add(name)

    def add_who(self) -> None:
        """Add `who`, a number (UInt64) for the person, the same for all ids of one person; NOBODY for no person."""
        self.add("who", "person_number")

    def add_person(self) -> None:
        """Add `person`, the canonical id (String), '' for no person. Facts do not have it."""
        self._needs |= Needs(person=True)
        self._is_narrow = False
        self.add("person", "person")

    def add_time(self) -> None:
        """Add `time_ms`, milliseconds since the epoch (Int64)."""
        self.add("time_ms", TIME_MS)

    def add_condition(self, name: str, expression: Expression) -> None:
        """Add a column that says whether an expression is true."""
        self._read(expression)
        self.add(name, condition(expression, self._scope, self.parameters))

    def add_choice(self, name: str, selector: Selector) -> None:
        """Add a column that says whether a selector chooses the event."""
        chosen = ACTIVITY
        if not selector.is_any:
            chosen = f"event = {{{name}_event:String}}"
            self.parameters[f"{name}_event"] = selector.event
        if selector.where is not None:
            self._read(selector.where)
            chosen = f"({chosen} AND {condition(selector.where, self._scope, self.parameters)})"
        self.add(name, chosen)

    def add_keys(self, name: str, expression: Expression, *, with_undefined: bool = True) -> None:
        """Add the keys under which the event counts in a breakdown, an Array(String) of at least one; without
        `undefined`, of none where there is no value."""
        self._read(expression)
        self.add(name, breakdown_keys(expression, self._scope, self.parameters, with_undefined=with_undefined))
        if isinstance(expression, Property) and not expression.of_user and expression.name in self._raws.bound:
            self._plain[name] = plain_keys(self._raws.column(expression.name), with_undefined=with_undefined)
            self._plain_names.append(expression.name)

    def add_number(self, name: str, expression: Expression) -> None:
        """Add the value of an expression where it is a number, a Nullable(Float64)."""
        self._read(expression)
        if isinstance(expression, Property):
            self._numbers.add(name)
        self.add(name, of_kind(expression, Kind.NUMBER, self._scope, self.parameters))

    def add_property_names(self, name: str) -> None:
        """Add the names of the properties that the event has, an Array(String)."""
        self._needs |= Needs(document=True)
        self._is_narrow = False
        self.add(name, "arrayDistinct(mapKeys(JSONExtract(document, 'Map(String, String)')))")

    def only(self, where: Expression | None) -> None:
        """Leave only events for which an expression is true; None leaves all."""
        if where is not None:
            self._read(where)
            self._conditions.append(condition(where, self._scope, self.parameters))

    def only_sql(self, sql: str) -> None:
        """Leave only events for which SQL over `event` and `time` is true."""
        self._conditions.append(sql)

    @property
    def plain(self) -> Sequence[str]:
        """The properties by whose values columns of keys have a shorter form, where these are plain (`plain_keys`)."""
        return self._plain_names

    def rows(self) -> Rows:
        """The rows, as the end of a statement: FROM on, and its settings."""
        return self._selected(self._entries(), self._columns)

    def summed_rows(self, number: str) -> Rows:
        """The rows with `times`, and with `total` instead of a column of `add_number`: its sum over so many events, of
        which what is no finite number counts as 0."""
        others = [*self._conditions, *(sql for name, sql in self._columns.items() if name != number)]
        is_alone = len(self._raws.bound) == 1 and not self._looked_up.made and not any(_RAW in sql for sql in others)
        if number in self._numbers and is_alone and self._is_by_hour() and self._reads_facts():
            del self._columns[number]
            return self._selected(self._entries(derived=SUMS), self._columns, "times", "total")
        rows = self._selected(self._entries(), self._columns, "times")
        total = f"SELECT *, ifNull(if(isFinite({number}), {number}, 0), 0) AS total {rows.sql}"
        return Rows(rows_from(total), rows.settings, rows.parameters)

    def rows_by_person(self, name: str) -> Rows | None:
        """A row for each person and value of a column of `add_bucket`, where nothing else is read of every event, and
        facts have events by person. None where that is not so: then the rows of events give the same."""
        facts, (buckets, form) = self._known.facts, self._buckets[name]
        is_alone = self._columns.keys() <= {name, "who"} and not self._conditions and self._is_narrow
        is_of_days = buckets.unit in (Unit.DAY, Unit.WEEK, Unit.MONTH) and form == _BUCKET
        # Facts of a name lie beside each other, and are as fast as all events of persons.
        if facts is None or not (is_alone and is_of_days and ACTIVITY in self._events.key):
            return None
        events = self._events._replace(parameters=self.parameters)
        if not has_person_times(events, self._known):
            return None
        rows = person_times(events, facts, {"each_ms": Values()})
        bucket = f"toUInt16({buckets.sql_of_ms(rows.parameters, 'ms')})"
        found = f"groupArrayArray(arrayCompact(arrayMap(ms -> {bucket}, each_ms)))"
        sql = f"SELECT who, arrayDistinct({found}) AS found {rows.sql} GROUP BY who"
        sql = f"SELECT toDate(arrayJoin(found)) AS {name} {rows_from(sql)}"
        return rows._replace(sql=rows_from(sql))

    def _selected(self, entries: Rows, columns: Mapping[str, str], *more: str) -> Rows:
        selected = ", ".join([*(f"{sql} AS {name}" for name, sql in columns.items()), *more]) or "1"
        rows = f"SELECT {selected} {self._looked_up.above(entries.sql)}{_where(self._conditions)}"
        return Rows(rows_from(rows), entries.settings, entries.parameters)

    def counted_rows(self, top: Top | None = None, *, plain: bool = False) -> Rows:
        """The same with `times`: equal events may share a row, and `times` is their number.

        What expressions make of a property is then computed once for each of its values. With no or several properties,
        and where an expression reads more than one property, each row of the source has its row: where nothing finer is
        read than the hour, this is a count of many facts.

        Where `top` is given, the rows of keys that are not at the top may be left out, or some of them. `plain`: as if
        all values of columns of keys were plain, and the engine could read all newer events; the statement fails with
        VALUE_REFUSED where that is not so.
        """
        later = [each for each in self._conditions if _OF_RAW.search(each)]
        derived = COUNTS if self._is_by_hour() else None
        entries = self._entries(derived=derived, readable=plain)
        columns = {**self._columns, **self._plain} if plain else self._columns
        made = [(name, sql) for name, sql in columns.items() if _OF_RAW.search(sql)]
        of_raw = [*later, *(sql for _, sql in made), *self._looked_up.made]
        if len(self._raws.bound) != 1 or any(map(_OTHERS.search, of_raw)):
            return self._selected(entries, columns, "times")
        read = {name: sql for name, sql in columns.items() if not _OF_RAW.search(sql)}
        chosen = [each for each in self._conditions if not _OF_RAW.search(each)]
        computed = [f"{sql} AS {name}" for name, sql in made]

        def grouped(
            source: Rows, by: Sequence[str], columns: Sequence[str], conditions: Sequence[str], more: Sequence[str]
        ) -> str:
            """The rows of all combinations of some columns, with what is made of the raw."""
            each = f"SELECT {', '.join([*columns, _RAW])}, sum(times) AS times {source.sql}{_where(conditions)}"
            each += f" GROUP BY {', '.join([*by, _RAW])}"
            shown = ", ".join([*by, *computed, "times", *more])
            return f"SELECT {shown} {self._looked_up.above(rows_from(each))}{_where(later)}"

        parameters = entries.parameters
        if top is not None and made and set(read) == {top.by} and self._has_many_values():
            whole = self._entries(derived=derived, by_hour=False, readable=plain)
            values = f"SELECT {top.key} AS key, sum(times) AS total, groupArray({_RAW}) AS raws"
            values += f" {rows_from(grouped(whole, [], [], chosen, [_RAW]))} GROUP BY key ORDER BY total DESC, key"
            # A scalar subquery: the store analyses one within IN for each statement around it.
            values = f"SELECT groupArrayArray(raws) {rows_from(f'{values} LIMIT {{top:UInt32}}')}"
            chosen.append(f"{_RAW} IN (SELECT arrayJoin(({values})))")
            parameters = parameters | whole.parameters | {"top": top.limit}
        rows = grouped(entries, list(read), [f"{sql} AS {name}" for name, sql in read.items()], chosen, [])
        return Rows(rows_from(rows), entries.settings, parameters)

    def _read(self, expression: Expression) -> None:
        needs, lookups = needs_of(expression, self._known.lookups), self._known.lookups
        self._needs |= needs
        self._is_narrow &= not needs.joins and not needs.users
        names = own_names(lookups.events, event_properties(expression))
        self._is_narrow &= names.isdisjoint(EVENT_SCOPE.columns.keys() - TIME_COLUMNS)

    def _is_by_hour(self) -> bool:
        """Whether nothing is read of an event but its name, its hour and raws."""
        read = [sql for name, sql in self._columns.items() if name not in self._by_hour]
        return self._events.is_by_hour and not any(map(_FINE.search, [*read, *self._conditions, *self._looked_up.made]))

    def _reads_facts(self) -> bool:
        facts = self._known.facts
        return facts is not None and self._is_narrow and self._events.is_narrow and facts.has(self._raws.bound)

    def _has_many_values(self) -> bool:
        """Whether the values of the only raw are so many that facts are read for it: not all segments have counts."""
        facts, names = self._known.facts, list(self._raws.bound)
        if facts is None or not self._reads_facts():
            return False
        return len(facts.derived_in(COUNTS, facts.slot_of(names[0]))) < len(facts.segments)

    def _entries(self, *, derived: str | None = None, by_hour: bool = True, readable: bool = False) -> Rows:
        """The events with `event`, `time` and, where they are read, `person_number` and raws.

        `times`: of so many events a row is. Only from a `derived` table, of facts alone, a row may be of several
        (`query.sql.facts.fact_rows`), and `time` is then the begin of the hour of all of them. `by_hour` and `readable`
        as there.
        """
        events, facts, names = self._events._replace(parameters=self.parameters), self._known.facts, self._raws.bound
        has_who = "who" in self._columns
        if facts is not None and self._reads_facts():
            self._columns = {name: "day" if sql == DAY else sql for name, sql in self._columns.items()}
            return fact_rows(events, facts, names, persons=has_who, derived=derived, by_hour=by_hour, readable=readable)
        entries = rows_of(events, self._known, deduplicated=True, needs=self._needs | Needs(person=has_who))
        read = [f"JSONExtractRaw(document, {name}) AS raw_{number}" for number, name in enumerate(names.values())]
        read += [f"{_WHO} AS person_number"] if has_who else []
        rows = f"SELECT {', '.join(['*', '1 AS times', *read])} {entries.sql}"
        return Rows(rows_from(rows), entries.settings, entries.parameters)


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""
